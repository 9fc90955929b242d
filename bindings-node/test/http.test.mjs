// The adapters: the same stories over fetch and over undici 7 and 6, against a real server of the loopback.

import assert from 'node:assert/strict';
import { Readable, Writable } from 'node:stream';
import { after, test } from 'node:test';

import * as undici7 from 'undici';
import * as undici6 from 'undici6';

import * as seawall from 'seawall';
import { FetchRefusedError, wrapFetch } from 'seawall/fetch';
import { agentOptions, interceptor } from 'seawall/undici';

import { start } from './stories/server.mjs';

const server = await start();
const closing = [];
after(async () => {
  for (const close of closing) await close();
  await server.close();
});

let walls = 0;
function made(policy = {}) {
  const name = `it${++walls}`;
  return new seawall.Seawall().define(name, {
    timeoutMs: 2000,
    retry: { attempts: 3, baseMs: 5, capMs: 20, budget: { ratio: 1, minPerSecond: 100, cap: 1000 } },
    breaker: 'off',
    ...policy,
  });
}

// Each client: a request to { status, text, header(name) }.
function overUndici(undici) {
  return (it, options) => {
    const agent = new undici.Agent(agentOptions(it));
    closing.push(() => agent.destroy());
    const dispatcher = agent.compose(interceptor(it, options));
    return async (url, { method = 'GET', body, headers, signal } = {}) => {
      const response = await undici.request(url, { method, body, headers, signal, dispatcher });
      return { status: response.statusCode, text: () => response.body.text(), header: (name) => response.headers[name] };
    };
  };
}
const CLIENTS = {
  fetch: (it, options) => {
    const fetch = wrapFetch(it, globalThis.fetch, options);
    return async (url, { method, body, headers, signal } = {}) => {
      const stream = body instanceof Readable;
      const response = await fetch(url, { method, body: stream ? Readable.toWeb(body) : body, headers, signal, ...(stream ? { duplex: 'half' } : {}) });
      return { status: response.status, text: () => response.text(), header: (name) => response.headers.get(name) };
    };
  },
  'undici 7': overUndici(undici7),
  'undici 6': overUndici(undici6),
};

for (const [client, make] of Object.entries(CLIENTS)) {
  const path = (rest) => `/${rest}`;
  const story = (name, tell) => test(`${client}: ${name}`, () => {
    for (const key of Object.keys(server.counts)) delete server.counts[key];
    return tell();
  });

  story('a good answer is handed on with its body', async () => {
    const it = made();
    const response = await make(it)(server.url + path('ok'));
    assert.deepEqual([response.status, await response.text()], [200, 'ok ']);
    const large = await make(it)(server.url + path('bytes/3000000'));
    assert.equal((await large.text()).length, 3_000_000);
    assert.deepEqual([it.snapshot().counts.successes, server.counts['/ok']], [2, 1]);
  });

  story('a failure of the server is tried again, and its body got out of the way', async () => {
    const it = made();
    const response = await make(it)(server.url + path('status/503?times=2&bytes=300000'));
    assert.deepEqual([response.status, await response.text(), server.counts['/status/503']], [200, 'ok ', 3]);
    assert.equal(it.snapshot().counts.retries, 2);
  });

  story('the last answer is the answer, whatever its status', async () => {
    const it = made();
    const response = await make(it)(server.url + path('status/500'));
    assert.deepEqual([response.status, await response.text(), server.counts['/status/500']], [500, 'xxxxx', 3]);
    assert.equal(it.snapshot().counts.failures, 1);
  });

  story('an answer stays readable when the attempt after it is not made', async () => {
    const it = made({ breaker: {}, retry: { attempts: 3, baseMs: 50, jitter: 'equal' } });
    it.onEvent((event) => event.kind === 'retry' && it.forceOpen());
    const response = await make(it)(server.url + path('status/503'));
    assert.deepEqual([response.status, await response.text(), server.counts['/status/503']], [503, 'xxxxx', 1]);
  });

  story('what the request did wrong is no failure of the server, and 501 is not tried again', async () => {
    const it = made();
    for (const [status, requests, failures] of [[404, 1, 0], [422, 1, 0], [501, 1, 1], [505, 1, 2], [425, 3, 3]]) {
      assert.equal((await make(it)(server.url + path(`status/${status}`))).status, status);
      assert.deepEqual([server.counts[`/status/${status}`], it.snapshot().counts.failures], [requests, failures], String(status));
    }
  });

  story('Retry-After is waited for, in seconds and as a date', async () => {
    const it = made({ timeoutMs: 5000 });
    const waits = [];
    it.onEvent((event) => event.kind === 'retry' && waits.push(event.delayMs));
    const send = make(it);
    const date = () => encodeURIComponent(new Date(Date.now() + 2000).toUTCString());
    const [seconds, dated] = await Promise.all([send(`${server.url}/status/429?times=1&after=1`), send(`${server.url}/status/503?times=1&after=${date()}`)]);
    assert.deepEqual([seconds.status, dated.status], [200, 200]);
    assert.equal(waits.length, 2);
    assert.ok(waits.some((wait) => wait >= 1000 && wait < 1100), String(waits));
    assert.ok(waits.every((wait) => wait >= 900 && wait <= 2100), String(waits));
    const last = await send(`${server.url}/status/502?times=1&after=soon`);
    assert.equal(last.status, 200, 'a value that is none is no reason to fail');
  });

  story('a broken connection is tried again where that may be done twice', async () => {
    const it = made();
    const send = make(it);
    assert.equal((await send(server.url + path('reset/x?times=1'))).status, 200);
    assert.equal((await send(server.url + path('reset/put?times=1'), { method: 'PUT', body: 'text' })).status, 200);
    await assert.rejects(send(server.url + path('reset/post'), { method: 'POST', body: 'text' }));
    assert.deepEqual([server.counts['/reset/x'], server.counts['/reset/put'], server.counts['/reset/post']], [2, 2, 1]);
    assert.equal(server.seen['/reset/put'].body, 'text');
  });

  story('a key makes it safe to send twice, and is the same each time', async () => {
    const keys = [];
    const it = made({ idempotencyKey: true });
    const send = make(it);
    const response = await send(server.url + path('status/503?times=1'), { method: 'POST', body: 'once' });
    assert.deepEqual([response.status, await response.text(), server.counts['/status/503']], [200, 'ok once', 2]);
    keys.push(server.seen['/status/503'].headers['idempotency-key']);
    assert.match(keys[0], /^[0-9a-f-]{36}$/);
    const plain = make(made());
    await plain(server.url + path('status/502?times=1'), { method: 'POST', body: 'own', headers: { 'Idempotency-Key': 'mine' } });
    assert.deepEqual([server.counts['/status/502'], server.seen['/status/502'].headers['idempotency-key']], [2, 'mine']);
    await plain(server.url + path('status/500?times=1'), { method: 'POST', body: 'none' });
    assert.equal(server.counts['/status/500'], 1);
  });

  story('a request that was certainly not sent is made again, whatever its method', async () => {
    const it = made();
    const gone = await start();
    await gone.close();
    await assert.rejects(make(it)(`${gone.url}/ok`, { method: 'POST', body: 'x' }), (error) => {
      assert.equal(error.code ?? error.cause.code, 'ECONNREFUSED');
      assert.deepEqual([seawall.attemptsOf(error).attempts, seawall.attemptsOf(error).stop], [3, 'attempts_used']);
      return true;
    });
  });

  story('a stream that has been read is not sent again', async () => {
    const it = made();
    const response = await make(it)(server.url + path('status/503'), { method: 'PUT', body: Readable.from([Buffer.from('a '), Buffer.from('stream')]) });
    assert.deepEqual([response.status, server.counts['/status/503'], server.seen['/status/503'].body], [503, 1, 'a stream']);
  });

  story('an attempt that takes too long is given up and made again', async () => {
    const it = made({ timeoutMs: 100 });
    const response = await make(it)(server.url + path('slow/400?times=1'));
    assert.deepEqual([response.status, server.counts['/slow/400']], [200, 2]);
    await assert.rejects(make(made({ timeoutMs: 60, retry: undefined }))(server.url + path('slow/4000')), (error) => {
      assert.ok(error instanceof seawall.AttemptTimeoutError, String(error));
      return true;
    });
    assert.equal(it.snapshot().counts.timeouts, 1);
  });

  story('a body that stops coming ends in an error', async () => {
    const it = made({ timeoutMs: 200 });
    const response = await make(it)(server.url + path('stall'));
    assert.equal(response.status, 200);
    const started = performance.now();
    await assert.rejects(response.text());
    assert.ok(performance.now() - started < 3000);
  });

  story('a request that ran out of time leaves its place to the next attempt', async () => {
    const it = made({ timeoutMs: 300, retry: { attempts: 2, baseMs: 40, jitter: 'none' }, bulkhead: { maxConcurrent: 1 } });
    const newcomers = [];
    it.onEvent(({ kind }) => {
      if (kind !== 'retry') return;
      const come = () => newcomers.push(it.call(() => new Promise((resolve) => setTimeout(resolve, 100))).catch(({ code }) => code));
      come();
      setImmediate(come);
      setTimeout(come, 5);
    });
    const response = await make(it)(server.url + path('slow/5000?times=1'));
    assert.deepEqual([response.status, await response.text(), server.counts['/slow/5000']], [200, 'ok ', 2]);
    assert.deepEqual(await Promise.all(newcomers), Array(3).fill('bulkhead_full'));
    const { bulkhead, counts } = it.snapshot();
    assert.deepEqual([bulkhead.inUse, bulkhead.stale, counts.timeouts, counts.late], [0, 0, 1, 0]);
  });

  story('the time that is left goes along', async () => {
    const it = made({ deadlineMs: 9000 });
    await seawall.withDeadline(1000, () => make(it)(server.url + path('ok'), { headers: { 'x-own': '1' } }));
    const { headers } = server.seen['/ok'];
    const left = Number(headers['x-request-timeout-ms']);
    assert.ok(left > 500 && left <= 1000, headers['x-request-timeout-ms']);
    assert.deepEqual([headers['x-own'], headers['grpc-timeout'], headers['idempotency-key']], ['1', undefined, undefined]);
  });

  story('a refusal is an error of the client\'s own family, and nothing is sent', async () => {
    const it = made({ breaker: {} });
    it.forceOpen();
    await assert.rejects(make(it)(server.url + path('ok')), (error) => {
      assert.ok(seawall.isRefused(error), String(error));
      assert.deepEqual([error.code, error.source, error.cause.name], ['breaker_forced_open', it.name, 'BreakerOpenError']);
      if (client === 'fetch') assert.ok(error instanceof TypeError && error instanceof FetchRefusedError);
      else assert.ok(error instanceof undici7.errors.UndiciError && error instanceof undici6.errors.UndiciError);
      return true;
    });
    assert.equal(server.counts['/ok'], undefined);
  });

  story('a caller that gives up gets its own reason, and every place comes back', async () => {
    const it = made({ timeoutMs: 60_000, bulkhead: { maxConcurrent: 1 } });
    const controller = new AbortController();
    const running = make(it)(server.url + path('slow/5000'), { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('gone')), 50);
    await assert.rejects(running, { message: 'gone' });
    for (let turn = 0; turn < 50 && it.snapshot().bulkhead.inUse > 0; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    const { counts, bulkhead } = it.snapshot();
    assert.deepEqual([counts.cancelled, counts.failures, bulkhead.inUse], [1, 0, 0]);
  });

  story('options with a mistake are refused when it is made', () => {
    assert.throws(() => make(made(), { retries: 5 }), { name: 'ConfigError', field: 'retries' });
    assert.throws(() => make(made(), { deadlineMs: NaN }), { field: 'deadlineMs' });
  });
}

test('undici: a new agent gets the times of the policy', () => {
  const times = agentOptions(made({ timeoutMs: 1500.5, connectTimeoutMs: 250 }));
  assert.deepEqual(times, { connect: { timeout: 250 }, headersTimeout: 1501, bodyTimeout: 1501 });
  assert.equal(agentOptions(made()).connect.timeout, 2000);
});

test('fetch: a fallback response may be served again and again', async () => {
  const it = made({ retry: undefined });
  const fetch = wrapFetch(it, globalThis.fetch, { fallback: new Response('cached', { status: 203 }) });
  for (let turn = 0; turn < 2; turn++) {
    const response = await fetch(`${server.url}/status/500`);
    assert.deepEqual([response.status, await response.text()], [203, 'cached']);
  }
  const asked = wrapFetch(it, globalThis.fetch, { fallback: () => 'no response' });
  await assert.rejects(asked(`${server.url}/status/500`), { name: 'ConfigError' });
});

test('fetch: requests, their signals and their bodies are those of fetch', async () => {
  const it = made();
  const fetch = wrapFetch(it);
  const request = new Request(`${server.url}/status/503?times=9`, { method: 'PUT', body: 'read once', headers: { 'x-own': '2' } });
  assert.equal((await fetch(request)).status, 503);
  assert.deepEqual([server.seen['/status/503'].body, server.seen['/status/503'].headers['x-own']], ['read once', '2']);
  const controller = new AbortController();
  const response = await fetch(`${server.url}/stall`, { signal: controller.signal });
  assert.deepEqual([response.url, response.ok, response.redirected], [`${server.url}/stall`, true, false]);
  controller.abort(new Error('enough'));
  await assert.rejects(response.text(), 'also while the body is read');
  assert.throws(() => wrapFetch(it, 5), { field: 'fetch' });
  assert.throws(() => wrapFetch({}), { field: 'dependency' });
});

test('undici: mocks, which never pause, work too', async () => {
  for (const undici of [undici7, undici6]) {
    const it = made();
    const mock = new undici.MockAgent();
    mock.disableNetConnect();
    const pool = mock.get('http://mocked');
    pool.intercept({ path: '/' }).reply(503, 'no').times(1);
    pool.intercept({ path: '/' }).reply(200, 'yes');
    const response = await undici.request('http://mocked/', { dispatcher: mock.compose(interceptor(it)) });
    assert.deepEqual([response.statusCode, await response.body.text(), it.snapshot().counts.retries], [200, 'yes', 1]);
    await mock.close();
  }
});

test('undici: streams, pipelines and fetch of its own go through the same dispatcher', async () => {
  for (const undici of [undici7, undici6]) {
    const it = made();
    const agent = new undici.Agent(agentOptions(it));
    closing.push(() => agent.destroy());
    const dispatcher = agent.compose(interceptor(it));
    const fetched = await undici.fetch(`${server.url}/ok`, { dispatcher });
    assert.equal(await fetched.text(), 'ok ');
    const chunks = [];
    const sink = () => new Writable({
      write(chunk, _, done) {
        chunks.push(chunk);
        setImmediate(done);
      },
    });
    await undici.stream(`${server.url}/bytes/200000`, { dispatcher, method: 'GET' }, sink);
    assert.equal(Buffer.concat(chunks).length, 200_000);
    assert.equal(it.snapshot().counts.successes, 2);
  }
});
