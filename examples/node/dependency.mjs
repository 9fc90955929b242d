// A service and what it depends on: one policy for each, and calls that go by it. From a checkout:
//
//     cd bindings-node && npm ci && npm run build && cd ..
//     node examples/node/dependency.mjs
//
// In a project of yours: npm install seawall.

import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const load = (part) => import(part).catch(() => import(`../../bindings-node/dist/${part === 'seawall' ? 'index' : part.split('/')[1]}.mjs`));
const { Seawall, attemptsOf, currentDeadline, isRefused, lastGood, withDeadline } = await load('seawall');
const { wrapFetch } = await load('seawall/fetch');

// What a seawall.toml would say; a service opens its own with open('seawall.toml').
const wall = Seawall.parse(`
[dependency.payments]
criticality = "critical"
timeout = "100ms"
deadline = "1s"
retry = { attempts = 3, base = "10ms" }
breaker = { consecutive_failures = 2, open_for = "150ms" }
bulkhead = { max_concurrent = 10, max_wait = "50ms" }

[dependency.prices]
criticality = "optional"
timeout = "100ms"
rate_limit = { rate = "100/s" }
`);
wall.onEvent(({ kind, dependency, from, to }) => kind === 'state_change' && console.log(`        ${dependency}: breaker ${from} -> ${to}`));

// What we call: a server that breaks the first six connections, and is well then.
let broken = 6;
const server = http.createServer((request, response) => {
  if (broken-- > 0) return request.socket.destroy();
  response.end(`${request.url} with ${request.headers['x-request-timeout-ms'] !== undefined ? 'a time limit' : 'no limit'}`);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${server.address().port}`;

// A fetch that goes by its policy, and a function of our own that does.
const fetch = wrapFetch(wall.dependency('payments'));
const cached = lastGood({ maxAgeMs: 60_000 });
const prices = wall.dependency('prices');
let asked = 0;
async function ask() {
  asked += 1;
  if (asked > 1 && asked < 4) throw new Error('no prices today');
  return `1.09 USD, asked with ${Math.round(currentDeadline().remainingMs / 100) / 10} s left`;
}

for (let order = 1; order <= 8; order++) {
  await withDeadline(800, async () => {
    try {
      const response = await fetch(`${url}/orders/${order}`, { method: 'PUT', body: String(order) });
      console.log(`order ${order}: paid, ${await response.text()}`);
    } catch (error) {
      const why = isRefused(error) ? `${error.code}, again in ${Math.ceil(error.retryAfterMs)} ms` : `${attemptsOf(error)?.attempts} attempts`;
      console.log(`order ${order}: queued for later, ${why}`);
    }
    const { value, degraded, source } = await prices.callDetailed(ask, { fallback: [cached, 'a price on request'] });
    console.log(`         ${value}${degraded ? `, by ${source}` : ''}`);
  });
  await sleep(60);
}

for (const [name, { counts, breaker }] of Object.entries(wall.snapshot())) {
  console.log(`${name}: ${counts.successes} succeeded, ${counts.failures} failed, ${counts.refused} refused, ${counts.fallbacks} by fallback, breaker ${breaker?.state}`);
}
server.closeAllConnections();
server.close();
