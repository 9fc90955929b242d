// What a user of the bulkhead sees beyond the vectors: waiting in line, giving up, calls.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';

import { Bulkhead, BulkheadFullError, DisposedError, ManualClock } from 'seawall';

const idle = () => new Promise(setImmediate);

test('waiters are served first come first', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 10 });
  const first = bulkhead.tryAcquire();
  const order = [];
  const waits = [1, 2, 3].map((who) => bulkhead.acquire({ maxWaitMs: Infinity }).then((permit) => (order.push(who), permit)));
  assert.equal(bulkhead.snapshot().waiting, 3);
  assert.throws(() => bulkhead.tryAcquire(), BulkheadFullError);
  first.release();
  for (const wait of waits) (await wait).release();
  assert.deepEqual(order, [1, 2, 3]);
  const { inUse, waiting, rejected } = bulkhead.snapshot();
  assert.deepEqual({ inUse, waiting, rejected }, { inUse: 0, waiting: 0, rejected: 1 });
});

test('nobody overtakes who waits already', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 10 });
  const held = bulkhead.tryAcquire();
  const waiting = bulkhead.acquire({ maxWaitMs: Infinity });
  held.release();
  const late = bulkhead.acquire({ maxWaitMs: Infinity });
  const permit = await waiting;
  assert.equal(bulkhead.snapshot().waiting, 1);
  permit.release();
  (await late).release();
});

test('without a wait a full bulkhead refuses at once', async () => {
  const bulkhead = new Bulkhead({ name: 'db', maxConcurrent: 1, maxWaiting: 10 });
  bulkhead.tryAcquire();
  await assert.rejects(bulkhead.acquire(), { code: 'bulkhead_full', source: 'db' });
  await assert.rejects(bulkhead.acquire({ maxWaitMs: 0 }), { code: 'bulkhead_full' });
  assert.equal(bulkhead.snapshot().rejected, 2);
});

test('the queue is bounded', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 1 });
  const held = bulkhead.tryAcquire();
  const waiting = bulkhead.acquire({ maxWaitMs: Infinity });
  await assert.rejects(bulkhead.acquire({ maxWaitMs: Infinity }), { code: 'bulkhead_wait_full' });
  assert.equal(bulkhead.snapshot().rejected, 1);
  held.release();
  (await waiting).release();
});

test('where nobody may wait, a wait is refused', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1 });
  bulkhead.tryAcquire();
  await assert.rejects(bulkhead.acquire({ maxWaitMs: 10 }), { code: 'bulkhead_wait_full' });
  assert.equal(bulkhead.snapshot().rejected, 1);
});

test('a wait that is over is refused and leaves no trace', async () => {
  const clock = new ManualClock();
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 5, clock });
  const held = bulkhead.tryAcquire();
  const wait = bulkhead.acquire({ maxWaitMs: 100 });
  const outcome = assert.rejects(wait, { code: 'bulkhead_wait_timeout' });
  clock.advance(99);
  assert.equal(bulkhead.snapshot().waiting, 1);
  clock.advance(1);
  await outcome;
  const { waiting, rejected } = bulkhead.snapshot();
  assert.deepEqual({ waiting, rejected, pending: clock.pending }, { waiting: 0, rejected: 1, pending: 0 });
  held.release();
  bulkhead.tryAcquire().release();
});

test('a permit in time takes the timer away', async () => {
  const clock = new ManualClock();
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 5, clock });
  const held = bulkhead.tryAcquire();
  const wait = bulkhead.acquire({ maxWaitMs: 100 });
  held.release();
  assert.equal(clock.pending, 0);
  (await wait).release();
});

test('an abort ends the wait with its reason and leaves no listener', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 100 });
  const held = bulkhead.tryAcquire();
  const controller = new AbortController();
  const waits = Array.from({ length: 50 }, () => bulkhead.acquire({ maxWaitMs: 60_000, signal: controller.signal }));
  assert.equal(bulkhead.snapshot().waiting, 50);
  // One for all of them: Node warns of a leak at the eleventh.
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1);
  controller.abort('gone');
  for (const wait of waits) await assert.rejects(wait, (reason) => reason === 'gone');
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  const { waiting, rejected, inUse } = bulkhead.snapshot();
  assert.deepEqual({ waiting, rejected, inUse }, { waiting: 0, rejected: 0, inUse: 1 });
  held.release();
  assert.equal(bulkhead.snapshot().inUse, 0);
  await assert.rejects(bulkhead.acquire({ signal: controller.signal }), (reason) => reason === 'gone');
});

test('those who share a signal can leave one by one', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 3 });
  const controller = new AbortController();
  const { signal } = controller;
  let permit = bulkhead.tryAcquire();
  const waits = [1, 2, 3].map(() => bulkhead.acquire({ maxWaitMs: Infinity, signal }));
  for (const wait of waits.slice(0, 2)) {
    permit.release();
    permit = await wait;
  }
  assert.equal(getEventListeners(signal, 'abort').length, 1);
  controller.abort('gone');
  await assert.rejects(waits[2], (reason) => reason === 'gone');
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('a served waiter has no listener left', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 1 });
  const controller = new AbortController();
  const held = bulkhead.tryAcquire();
  const wait = bulkhead.acquire({ maxWaitMs: 1000, signal: controller.signal });
  held.release();
  const permit = await wait;
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  controller.abort();
  assert.equal(bulkhead.snapshot().inUse, 1);
  permit.release();
});

test('critical callers pass ordinary waiters to the reserved permits', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 2, reserved: 1, maxWaiting: 10 });
  const ordinary = bulkhead.tryAcquire();
  const waiting = bulkhead.acquire({ maxWaitMs: Infinity });
  const critical = await bulkhead.acquire({ maxWaitMs: Infinity, critical: true });
  const second = bulkhead.acquire({ maxWaitMs: Infinity, critical: true });
  critical.release();
  (await second).release();
  assert.equal(bulkhead.snapshot().waiting, 1);
  ordinary.release();
  (await waiting).release();
  assert.equal(bulkhead.snapshot().inUse, 0);
});

test('a call holds its permit until the function has really ended', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1 });
  const controller = new AbortController();
  let finish;
  const call = bulkhead.call(() => new Promise((resolve) => (finish = resolve)), { signal: controller.signal });
  await idle();
  controller.abort('enough');
  await assert.rejects(call, (reason) => reason === 'enough');
  assert.equal(bulkhead.snapshot().inUse, 1);
  finish();
  await idle();
  assert.equal(bulkhead.snapshot().inUse, 0);
});

test('a call gives its permit back whatever the function does', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1 });
  const error = new Error('no');
  assert.equal(await bulkhead.call(() => 5), 5);
  await assert.rejects(bulkhead.call(() => { throw error; }), (thrown) => thrown === error);
  await assert.rejects(bulkhead.call(async () => { throw error; }), (thrown) => thrown === error);
  assert.equal(await bulkhead.call(({ permit }) => permit.release()), true);
  const { inUse, stale } = bulkhead.snapshot();
  assert.deepEqual({ inUse, stale }, { inUse: 0, stale: 0 });
});

test('never more holders than permits, however many ask', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 7, maxWaiting: 5000 });
  let [inside, most] = [0, 0];
  const work = async () => {
    most = Math.max(most, ++inside);
    await idle();
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 2000 }, () => bulkhead.call(work, { maxWaitMs: Infinity })));
  assert.equal(most, 7);
  assert.equal(bulkhead.snapshot().inUse, 0);
});

test('a second release is counted and frees nobody else', () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1 });
  const permit = bulkhead.tryAcquire();
  assert.equal(permit.release(), true);
  bulkhead.tryAcquire();
  assert.equal(permit.release(), false);
  permit[Symbol.dispose]();
  const { inUse, stale } = bulkhead.snapshot();
  assert.deepEqual({ inUse, stale }, { inUse: 1, stale: 1 });
});

test('a larger limit serves those who wait', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 5 });
  bulkhead.tryAcquire();
  const wait = bulkhead.acquire({ maxWaitMs: Infinity });
  bulkhead.resize(2);
  await wait;
  assert.equal(bulkhead.snapshot().inUse, 2);
  assert.equal(bulkhead.capacity, 256);
});

test('permits beyond the first 256 cells and those of shadow cross the border too', () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1000 });
  const permits = Array.from({ length: 1000 }, () => bulkhead.tryAcquire());
  assert.equal(bulkhead.snapshot().inUse, 1000);
  for (const permit of permits) assert.equal(permit.release(), true);
  assert.equal(bulkhead.snapshot().inUse, 0);
  const shadow = new Bulkhead({ maxConcurrent: 1, mode: 'shadow' });
  const all = [shadow.tryAcquire(), shadow.tryAcquire()];
  assert.equal(shadow.snapshot().shadowRefused, 1);
  for (const permit of all) assert.equal(permit.release(), true);
});

test('a bulkhead that was disposed of rejects those who wait', async () => {
  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 5 });
  const permit = bulkhead.tryAcquire();
  const wait = bulkhead.acquire({ maxWaitMs: 60_000 });
  bulkhead.dispose();
  await assert.rejects(wait, DisposedError);
  assert.throws(() => permit.release(), DisposedError);
  permit[Symbol.dispose]();
});
