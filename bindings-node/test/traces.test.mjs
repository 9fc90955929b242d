// Nothing stays behind: no timers, no memory, no objects.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { Breaker, Bulkhead, Histogram, Limiter, RetryBudget, isRefused } from 'seawall';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

test('settled waits leave no timers', async () => {
  const before = timers();
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 100 });
  const limiter = new Limiter({ rate: '100/s', burst: 1 });
  const held = bulkhead.tryAcquire();
  const controller = new AbortController();
  const { signal } = controller;
  const served = bulkhead.acquire({ maxWaitMs: 3_600_000 });
  const aborted = [bulkhead.acquire({ maxWaitMs: 3_600_000, signal }), limiter.reserve() && limiter.acquire(1, { signal })];
  const expired = assert.rejects(bulkhead.acquire({ maxWaitMs: 5 }));
  assert.equal(timers(), before + 4);
  held.release();
  controller.abort();
  for (const wait of aborted) await assert.rejects(wait, { name: 'AbortError' });
  await expired;
  (await served).release();
  await limiter.acquire();
  assert.equal(timers(), before);
});

test('a process with nothing to wait for ends', () => {
  const program = `
    const { Breaker, Bulkhead, Limiter } = require('seawall');
    const breaker = new Breaker({ consecutiveFailures: 1 });
    breaker.acquire().failure();
    const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 9 });
    const held = bulkhead.tryAcquire();
    bulkhead.acquire({ maxWaitMs: 3600000 }).then((permit) => permit.release());
    held.release();
    new Limiter({ rate: '1/h' }).tryAcquire();
  `;
  const ended = spawnSync(process.execPath, ['-e', program], { cwd: import.meta.dirname ?? new URL('.', import.meta.url).pathname, timeout: 20_000, encoding: 'utf8' });
  assert.deepEqual([ended.status, ended.stderr], [0, '']);
});

test('a hundred thousand calls of everything leave no memory behind', async () => {
  const controller = new AbortController();
  const breaker = new Breaker({ onTransition: () => {} });
  const slow = new Breaker({ slowRate: 0.5, slowAfterMs: 1000 });
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 10 });
  const limiter = new Limiter({ rate: '1/h', burst: 1 });
  const budget = new RetryBudget();
  const round = async () => {
    for (let turn = 0; turn < 5000; turn++) {
      await breaker.call(async () => turn, { signal: controller.signal });
      slow.acquire().success();
      const wait = bulkhead.call(() => Promise.resolve(), { maxWaitMs: 1000, signal: controller.signal });
      await Promise.all([wait, bulkhead.call(() => turn, { maxWaitMs: 1000 })]);
      try {
        limiter.tryAcquire();
      } catch (error) {
        assert.ok(isRefused(error));
      }
      budget.deposit();
      budget.record('success');
    }
  };
  const used = async () => {
    await new Promise(setImmediate);
    collect();
    await new Promise(setImmediate);
    collect();
    return process.memoryUsage().heapUsed;
  };
  await round();
  const [heap, resident] = [await used(), process.memoryUsage.rss()];
  for (let turn = 0; turn < 20; turn++) await round();
  const [grown, swollen] = [(await used()) - heap, process.memoryUsage.rss() - resident];
  assert.ok(grown < 2e6, `the heap grew by ${grown} bytes`);
  assert.ok(swollen < 64e6, `the process grew by ${swollen} bytes`);
});

test('objects that nobody reaches any more are freed', async () => {
  const make = () => {
    for (let turn = 0; turn < 2000; turn++) {
      new Histogram().record(1);
      new Bulkhead({ maxConcurrent: 4000 }).tryAcquire();
      new Breaker().acquire();
    }
  };
  const settle = async () => {
    for (let turn = 0; turn < 3; turn++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return process.memoryUsage.rss();
  };
  make();
  const resident = await settle();
  for (let turn = 0; turn < 10; turn++) {
    make();
    await settle();
  }
  const grown = (await settle()) - resident;
  // Without freeing this would be about 750 MB.
  assert.ok(grown < 100e6, `the process grew by ${grown} bytes`);
});

test('objects that are disposed of give their place to the next', () => {
  for (let turn = 0; turn < 12_000; turn++) {
    const histogram = new Histogram();
    histogram.dispose();
  }
  assert.equal(new Histogram().total, 0);
});
