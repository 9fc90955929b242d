// Worker threads: each has objects of its own, and ends without leaving anything or taking anything along.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

import { Breaker } from 'seawall';

const WORK = `
const { parentPort } = require('node:worker_threads');
const { Breaker, Bulkhead, Limiter, RetryBudget, Histogram } = require('seawall');
(async () => {
  const breakers = Array.from({ length: 100 }, () => new Breaker());
  const bulkhead = new Bulkhead({ maxConcurrent: 2, maxWaiting: 1000 });
  const limiter = new Limiter({ rate: '1000000/s' });
  const budget = new RetryBudget();
  const histogram = new Histogram();
  let calls = 0;
  await Promise.all(Array.from({ length: 500 }, (_, turn) => bulkhead.call(async () => {
    await limiter.acquire();
    budget.deposit();
    histogram.record(turn);
    return breakers[turn % 100].call(async () => (calls += 1));
  }, { maxWaitMs: Infinity })));
  for (let turn = 0; turn < 5; turn++) breakers[0].acquire().failure();
  parentPort.postMessage({ calls, state: breakers[0].state, total: histogram.total });
})();
`;

const run = () =>
  new Promise((resolve, reject) => {
    let message;
    const worker = new Worker(WORK, { eval: true });
    worker.on('message', (got) => (message = got));
    worker.on('error', reject);
    worker.on('exit', (code) => resolve({ ...message, code }));
  });

test('workers come and go, each with objects of its own', async () => {
  const mine = new Breaker();
  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all(Array.from({ length: 4 }, run));
    for (const answer of answers) assert.deepEqual(answer, { calls: 500, state: 'open', total: 500, code: 0 });
  }
  assert.equal(mine.state, 'closed');
  assert.equal(await mine.call(() => 1), 1);
});

test('a worker that is terminated in the middle takes nobody along', async () => {
  const worker = new Worker(`${WORK}; setInterval(() => {}, 1);`, { eval: true });
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
  assert.equal(await new Breaker().call(() => 1), 1);
});
