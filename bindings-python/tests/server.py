"""A small HTTP server in a thread, whose answers a test writes down beforehand."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Answers with what is planned, one after the other, and then with 200; keeps what it was sent."""

    def __init__(self):
        plans, seen, connections = [], [], []
        self.plans, self.seen, self.connections = plans, seen, connections

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                connections.append(self.client_address)
                super().setup()

            def answer(self):
                if "chunked" in self.headers.get("Transfer-Encoding", ""):
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen.append((self.command, self.path, headers, body))
                status, more, answer = plans.pop(0) if plans else (200, {}, b"ok")
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def plan(self, status, headers=(), body=b"no"):
        """The next answer; None for a connection that is closed without one."""
        self.plans.append((status, dict(headers), body))

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
