"""The far end of the end-to-end tests: a real server behind real faults (tests/rig)."""

import json
import os
import subprocess
import urllib.request


class Rig:
    """One run of the program that SEAWALL_RIG names; ends with its standard input."""

    def __init__(self):
        self.process = subprocess.Popen([os.environ["SEAWALL_RIG"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        places = json.loads(self.process.stdout.readline())
        self.toxiproxy, self.upstream = places["toxiproxy"], places["upstream"]
        self.proxies = 0

    def ask(self, method, url, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def proxy(self):
        self.proxies += 1
        name = f"python-{self.proxies}"
        body = {"name": name, "listen": "127.0.0.1:0", "upstream": self.upstream}
        return Proxy(self, name, self.ask("POST", f"{self.toxiproxy}/proxies", body)["listen"])

    @property
    def direct(self):
        return f"http://{self.upstream}"

    def counts(self):
        return self.ask("GET", f"{self.direct}/count")

    def forget(self):
        self.ask("POST", f"{self.direct}/reset")

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


class Proxy:
    """The way to the server, with faults."""

    def __init__(self, rig, name, listen):
        self.rig, self.name, self.url = rig, name, f"http://{listen}"

    def _path(self, *more):
        return "/".join([f"{self.rig.toxiproxy}/proxies/{self.name}", *more])

    def toxic(self, kind, **attributes):
        body = {"name": kind, "type": kind, "attributes": attributes}
        self.rig.ask("POST", self._path("toxics"), body)

    def heal(self, kind):
        self.rig.ask("DELETE", self._path("toxics", kind))

    def enable(self, is_up):
        self.rig.ask("POST", self._path(), {"enabled": is_up})
