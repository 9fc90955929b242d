// End to end: a real server of the loopback whose faults a proxy makes. Prints its figures.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, test } from 'node:test';

import * as undici from 'undici';

import * as seawall from 'seawall';
import { wrapFetch } from 'seawall/fetch';
import { agentOptions, interceptor } from 'seawall/undici';

const program = process.env.SEAWALL_RIG;
const skip = program ? false : 'SEAWALL_RIG names no program; the house starts these tests with one';
if (skip && process.env.REQUIRE_ALL) throw new Error(skip);

const rig = skip ? undefined : await startRig();
let proxies = 0;

async function startRig() {
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  after(() => child.stdin.end());
  const line = await new Promise((resolve, reject) => {
    let text = '';
    child.on('error', reject).on('exit', () => reject(new Error('the rig ended')));
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(text);
    });
  });
  return JSON.parse(line);
}

async function api(method, path, body) {
  const response = await fetch(rig.toxiproxy + path, { method, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text && JSON.parse(text);
}

/** A proxy before the server. */
async function proxied() {
  const name = `node${++proxies}`;
  const { listen } = await api('POST', '/proxies', { name, listen: '127.0.0.1:0', upstream: rig.upstream });
  return {
    url: `http://${listen}`,
    toxic: (type, attributes) => api('POST', `/proxies/${name}/toxics`, { name: type, type, stream: 'downstream', attributes }),
    heal: (type) => api('DELETE', `/proxies/${name}/toxics/${type}`),
    enable: (enabled) => api('POST', `/proxies/${name}`, { enabled }),
  };
}

const POLICY = {
  timeoutMs: 300,
  deadlineMs: 2500,
  retry: { attempts: 3, baseMs: 20, capMs: 100, budget: { ratio: 1, minPerSecond: 100, cap: 1000 } },
  breaker: { consecutiveFailures: 3, openForMs: 300, openJitter: 0 },
  bulkhead: { maxConcurrent: 10 },
};

const CLIENTS = {
  fetch: (it) => {
    const send = wrapFetch(it);
    return async (url) => {
      const response = await send(url);
      return [response.status, (await response.arrayBuffer()).byteLength];
    };
  },
  undici: (it) => {
    const agent = new undici.Agent(agentOptions(it));
    after(() => agent.destroy());
    const dispatcher = agent.compose(interceptor(it));
    return async (url) => {
      const response = await undici.request(url, { dispatcher });
      return [response.statusCode, (await response.body.arrayBuffer()).byteLength];
    };
  },
};

for (const [client, make] of Object.entries(CLIENTS)) {
  const story = (name, policy, tell) => test(`${client}: ${name}`, { skip, timeout: 60_000 }, async () => {
    const it = new seawall.Seawall().define(name.split(/\W/)[0], { ...POLICY, ...policy });
    const proxy = await proxied();
    const send = make(it);
    const startMs = performance.now();
    let slowest = 0;
    const timed = async (path) => {
      const begin = performance.now();
      try {
        return await send(proxy.url + path);
      } catch (error) {
        return error;
      } finally {
        slowest = Math.max(slowest, performance.now() - begin);
      }
    };
    await tell({ it, proxy, send: timed });
    const { counts, breaker, bulkhead } = it.snapshot();
    assert.equal(bulkhead.inUse, 0);
    assert.ok(slowest < POLICY.deadlineMs + 250, `a call took ${slowest} ms`);
    const { successes, failures, refused, retries, timeouts } = counts;
    console.log(
      `e2e ${client}, ${name}: ${successes} succeeded, ${failures} failed, ${refused} refused, ${retries} retries, ${timeouts} timeouts, ` +
        `breaker ${breaker?.state ?? 'off'}, slowest call ${Math.round(slowest)} ms, ${Math.round(performance.now() - startMs)} ms in all`,
    );
  });

  story('latency beyond the timeout is cut off, below it is waited for', {}, async ({ it, proxy, send }) => {
    await proxy.toxic('latency', { latency: 100 });
    assert.deepEqual(await send('/ok'), [200, 2]);
    await proxy.heal('latency');
    await proxy.toxic('latency', { latency: 2000 });
    const error = await send('/ok');
    assert.ok(error instanceof seawall.AttemptTimeoutError, String(error));
    assert.deepEqual([seawall.attemptsOf(error).attempts, it.snapshot().counts.timeouts], [3, 3]);
  });

  story('reset_peer is tried again until the breaker opens', {}, async ({ it, proxy, send }) => {
    await proxy.toxic('reset_peer', { timeout: 0 });
    const codes = [];
    for (let call = 0; call < 5; call++) codes.push((await send('/ok')).code);
    assert.equal(it.state, 'open');
    assert.deepEqual(codes.slice(3), ['breaker_open', 'breaker_open']);
    assert.equal(it.snapshot().counts.retries, 6);
    await proxy.heal('reset_peer');
    await new Promise((resolve) => setTimeout(resolve, 320));
    assert.deepEqual(await send('/ok'), [200, 2]);
    assert.equal(it.state, 'closed');
  });

  story('timeout: a connection on which nothing comes is given up in time', { breaker: 'off' }, async ({ it, proxy, send }) => {
    await proxy.toxic('timeout', { timeout: 10_000 });
    const error = await send('/ok');
    assert.ok(error instanceof seawall.AttemptTimeoutError, String(error));
    assert.equal(it.snapshot().counts.timeouts, 3);
  });

  story('bandwidth: a thin line is no fault while something comes', {}, async ({ proxy, send }) => {
    await proxy.toxic('bandwidth', { rate: 100 });
    assert.deepEqual(await send('/bytes/60000'), [200, 60_000]);
  });

  story('down and well again', {}, async ({ it, proxy, send }) => {
    assert.deepEqual(await send('/ok'), [200, 2]);
    await proxy.enable(false);
    for (let call = 0; call < 3; call++) await send('/ok');
    const refused = await send('/ok');
    assert.equal(refused.code, 'breaker_open');
    await proxy.enable(true);
    await new Promise((resolve) => setTimeout(resolve, 320));
    assert.deepEqual(await send('/ok'), [200, 2]);
    assert.equal(it.state, 'closed');
  });

  story('flaky answers are overcome, and Retry-After is honoured', { breaker: 'off', timeoutMs: 500 }, async ({ it, proxy, send }) => {
    assert.deepEqual((await send(`/flaky/2?id=node-${client}`))[0], 200);
    assert.equal(it.snapshot().counts.retries, 2);
    const begin = performance.now();
    const [status] = await send('/retry-after/1');
    assert.deepEqual([status, performance.now() - begin >= 2000], [429, true], 'two waits of a second');
    void proxy;
  });
}
