// Giving a call up at any point leaves nothing behind: no permit, no timer, no listener.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';

import * as seawall from 'seawall';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
const turn = () => new Promise(setImmediate);
const reset = () => Object.assign(new Error('reset'), { code: 'ECONNRESET' });

const POLICY = {
  timeoutMs: 60_000,
  retry: { attempts: 3, baseMs: 60_000, capMs: 60_000, jitter: 'equal' },
  bulkhead: { maxConcurrent: 1, maxWaitMs: 3_600_000 },
  rateLimit: { rate: '1/m', burst: 1, maxWaitMs: 3_600_000 },
};

function made(policy = {}) {
  return new seawall.Seawall().define('it', { ...POLICY, ...policy });
}

async function nothingLeft(it, signal, before) {
  await turn();
  const { bulkhead, breaker } = it.snapshot();
  assert.deepEqual([bulkhead.inUse, bulkhead.waiting, bulkhead.stale, breaker.probesInFlight], [0, 0, 0, 0]);
  assert.equal(timers(), before, 'timers');
  assert.equal(getEventListeners(signal, 'abort').length, 0, 'listeners');
}

const POINTS = {
  'while its function runs': (it, signal) => it.call(({ signal: own }) => new Promise((_, reject) => own.addEventListener('abort', () => reject(own.reason))), { signal }),
  'while it waits for another attempt': (it, signal) => it.call(() => { throw reset(); }, { signal }),
  'while it waits for the rate': async (it, signal) => {
    await it.call(() => 1);
    return it.call(() => 1, { signal });
  },
  'before it begins': (it, signal, abort) => {
    abort();
    return it.call(() => 1, { signal });
  },
  'in its function, before that is asynchronous': (it, signal, abort) => it.call(() => {
    abort();
    return new Promise((resolve) => setImmediate(resolve));
  }, { signal }),
};

for (const [point, start] of Object.entries(POINTS)) {
  test(`a call given up ${point} leaves nothing behind`, async () => {
    const it = made();
    const before = timers();
    const controller = new AbortController();
    const reason = new Error('the user went away');
    const running = start(it, controller.signal, () => controller.abort(reason));
    running.catch(() => {});
    await turn();
    controller.abort(reason);
    await assert.rejects(running, (error) => error === reason);
    await turn();
    await nothingLeft(it, controller.signal, before);
    assert.equal(it.snapshot().counts.failures, 0, 'its caller gave up, it did not fail');
  });
}

test('a call given up in the turn that its function has after a timeout leaves nothing behind', async () => {
  const clock = new seawall.ManualClock();
  const wall = new seawall.Seawall({ clock });
  // In the signal's listener, and in a promise a little later; obeying, and not.
  for (const [place, [isSoon, obeys]] of [[true, true], [true, false], [false, true], [false, false]].entries()) {
    const it = wall.define(`it${place}`, { ...POLICY, timeoutMs: 1000, rateLimit: undefined });
    const before = timers();
    const controller = new AbortController();
    let finish;
    const running = it.call(({ signal }) => new Promise((resolve, reject) => {
      finish = resolve;
      signal.addEventListener('abort', async () => {
        if (!isSoon) await null;
        controller.abort();
        await null;
        if (obeys) reject(signal.reason);
      });
    }), { signal: controller.signal });
    running.catch(() => {});
    clock.advance(1000);
    await assert.rejects(running, { name: 'AbortError' });
    await turn();
    assert.equal(it.snapshot().bulkhead.inUse, obeys ? 0 : 1);
    finish();
    await nothingLeft(it, controller.signal, before);
    assert.equal(clock.pending, 0);
  }
});

test('a call given up while it waits for a place leaves nothing behind, and nobody loses a turn', async () => {
  const it = made({ rateLimit: undefined });
  const before = timers();
  const controller = new AbortController();
  let free;
  const first = it.call(() => new Promise((resolve) => (free = resolve)));
  const waiting = it.call(() => 1, { signal: controller.signal });
  const next = it.call(() => 2);
  await turn();
  assert.equal(it.snapshot().bulkhead.waiting, 2);
  controller.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  assert.equal(it.snapshot().bulkhead.waiting, 1);
  free();
  await first;
  assert.equal(await next, 2);
  await nothingLeft(it, controller.signal, before);
});

test('a caller that waits in the queue is called back at the end of the queue, not twice', async () => {
  const it = made({ rateLimit: undefined });
  const controller = new AbortController();
  const calls = Array.from({ length: 100 }, (_, number) => it.call(async () => number, number % 3 === 0 ? { signal: controller.signal } : undefined));
  controller.abort();
  const ended = await Promise.allSettled(calls);
  assert.equal(ended.filter(({ status }) => status === 'fulfilled').length, 66);
  await nothingLeft(it, controller.signal, timers());
});

test('a time limit of the caller counts as a failure: the dependency was slow', async () => {
  const it = made({ rateLimit: undefined });
  const signal = AbortSignal.timeout(5);
  const keepAlive = setTimeout(() => {}, 10_000);
  await assert.rejects(it.call(() => new Promise(() => {}), { signal }), { name: 'TimeoutError' });
  clearTimeout(keepAlive);
  assert.equal(it.snapshot().counts.failures, 1);
});

test('one signal of a whole server gets one listener, whatever it stops', async () => {
  const it = made({ rateLimit: undefined, bulkhead: { maxConcurrent: 1000 } });
  const controller = new AbortController();
  const { signal } = controller;
  const before = timers();
  const calls = Array.from({ length: 50 }, () => it.call(({ signal: own }) => sleep(60_000, undefined, { signal: own }), { signal }));
  await turn();
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  controller.abort();
  assert.ok((await Promise.allSettled(calls)).every(({ status }) => status === 'rejected'));
  await nothingLeft(it, signal, before);
});

test('a thousand calls given up at random moments leave nothing behind', async () => {
  const wall = new seawall.Seawall();
  const it = wall.define('it', {
    timeoutMs: 5, deadlineMs: 40, retry: { attempts: 3, baseMs: 1 }, breaker: 'off', bulkhead: { maxConcurrent: 5, maxWaitMs: 10 }, rateLimit: { rate: '100000/s', maxWaitMs: 10 },
  });
  const before = timers();
  let state = 1;
  const random = (most) => (state = (state * 48271) % 2147483647) % most;
  const signals = [];
  const calls = Array.from({ length: 1000 }, async () => {
    await sleep(random(50));
    const controller = new AbortController();
    signals.push(controller.signal);
    setTimeout(() => controller.abort(), random(12));
    await it.call(async ({ signal }) => {
      await sleep(random(8), undefined, random(2) === 0 ? { signal } : undefined);
      if (random(3) === 0) throw reset();
    }, { signal: controller.signal }).catch(() => {});
  });
  await Promise.all(calls);
  await sleep(60);
  const { bulkhead, counts } = it.snapshot();
  assert.deepEqual([bulkhead.inUse, bulkhead.waiting, bulkhead.stale], [0, 0, 0]);
  assert.equal(counts.calls, counts.successes + counts.failures + counts.ignored + counts.refused);
  assert.equal(timers(), before);
  assert.equal(signals.reduce((sum, signal) => sum + getEventListeners(signal, 'abort').length, 0), 0);
});

test('a permit that nobody has any more gives its place back when it is collected', async () => {
  const it = made({ rateLimit: undefined });
  await (async () => void (await it.permit()))();
  for (let round = 0; round < 20 && it.snapshot().bulkhead.inUse > 0; round++) {
    collect();
    await sleep(5);
  }
  assert.equal(it.snapshot().bulkhead.inUse, 0);
});

test('fifty thousand calls leave no memory behind', async () => {
  const wall = new seawall.Seawall();
  const it = wall.define('it', { timeoutMs: 1000, retry: { attempts: 2, baseMs: 0 }, breaker: 'off', bulkhead: { maxConcurrent: 3, maxWaitMs: 1000 } });
  const { signal } = new AbortController();
  const round = async () => {
    for (let number = 0; number < 500; number++) {
      await Promise.all(Array.from({ length: 5 }, (_, place) => it.call(async ({ signal: own }) => {
        if (place === 3) throw reset();
        return own.aborted;
      }, { signal, deadlineMs: 5000 }).catch(() => {})));
    }
  };
  const used = async () => {
    for (let turns = 0; turns < 3; turns++) {
      await turn();
      collect();
    }
    return process.memoryUsage().heapUsed;
  };
  await round();
  const heap = await used();
  for (let number = 0; number < 20; number++) await round();
  const grown = (await used()) - heap;
  assert.ok(grown < 3e6, `the heap grew by ${grown} bytes`);
});

test('a worker thread that ends in the middle of its calls takes them along', async () => {
  for (let round = 0; round < 5; round++) {
    const worker = new Worker(`
      const { parentPort } = require('node:worker_threads');
      const { Seawall } = require(${JSON.stringify(new URL('../dist/index.cjs', import.meta.url).pathname)});
      const it = new Seawall().define('it', { timeoutMs: 60000, bulkhead: { maxConcurrent: 2, maxWaitMs: 60000 } });
      for (let call = 0; call < 10; call++) it.call(() => new Promise(() => {}));
      it.begin();
      parentPort.postMessage(it.snapshot().bulkhead.waiting);
    `, { eval: true });
    assert.equal(await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject)), 9);
    await worker.terminate();
  }
});

test('a process whose calls have ended ends', () => {
  const program = `
    const { Seawall } = require(${JSON.stringify(new URL('../dist/index.cjs', import.meta.url).pathname)});
    const it = new Seawall().define('it', { timeoutMs: 3600000, deadlineMs: 3600000, bulkhead: { maxConcurrent: 1, maxWaitMs: 3600000 } });
    Promise.all([it.call(async () => 1), it.call(async () => 2)]).then(() => console.log('ended'));
  `;
  const ended = spawnSync(process.execPath, ['-e', program], { timeout: 20_000, encoding: 'utf8' });
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [0, 'ended\n', '']);
});
