// A server of the loopback that does what its path says.

import http from 'node:http';

/** Starts it; `counts` has the requests by path, `seen` the last request of each. */
export async function start() {
  const counts = {};
  const seen = {};
  const server = http.createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://localhost');
    counts[pathname] = (counts[pathname] ?? 0) + 1;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    seen[pathname] = { method: request.method, headers: request.headers, body: Buffer.concat(chunks).toString() };
    const [, what, argument] = pathname.split('/');
    const fails = counts[pathname] <= Number(searchParams.get('times') ?? Infinity);
    if (what === 'status' && fails) {
      const retryAfter = searchParams.get('after');
      response.writeHead(Number(argument), retryAfter === null ? {} : { 'retry-after': retryAfter });
      response.end('x'.repeat(Number(searchParams.get('bytes') ?? 5)));
    } else if (what === 'reset' && fails) {
      request.socket.resetAndDestroy();
    } else if (what === 'slow' && fails) {
      setTimeout(() => response.end('slow'), Number(argument)).unref();
    } else if (what === 'stall') {
      response.write('begun');
    } else if (what === 'bytes') {
      response.end(Buffer.alloc(Number(argument), 'x'));
    } else {
      response.end(`ok ${seen[pathname].body}`);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url, counts, seen, close };
}
