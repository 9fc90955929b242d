// The packed package, in worker threads and beside them.

import assert from 'node:assert/strict';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';

import { Breaker, Seawall } from 'seawall';

const breaker = new Breaker({ consecutiveFailures: 1 });
const it = new Seawall().define('it', { timeoutMs: 100 });
if (isMainThread) {
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => new Promise((resolve, reject) => {
      new Worker(new URL(import.meta.url)).on('message', resolve).on('error', reject);
    })),
  );
  assert.deepEqual(answers, Array(4).fill('open'));
  assert.deepEqual([breaker.state, it.state], ['closed', 'closed']);
  console.log('worker: ok');
} else {
  breaker.acquire().failure();
  it.forceOpen();
  assert.equal(it.state, 'forced_open');
  parentPort.postMessage(breaker.state);
}
