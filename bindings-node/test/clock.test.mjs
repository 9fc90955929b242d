// Time by hand and by the fake timers of test runners.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Breaker, Bulkhead, Limiter, ManualClock } from 'seawall';

test('fake timers drive everything that was made with the js clock', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 0 });
  const breaker = new Breaker({ clock: 'js', consecutiveFailures: 1, openForMs: 100, openJitter: 0 });
  breaker.acquire().failure();
  context.mock.timers.tick(99);
  assert.throws(() => breaker.acquire(), { code: 'breaker_open', retryAfterMs: 1 });
  context.mock.timers.tick(1);
  breaker.acquire().success();
  assert.equal(breaker.state, 'closed');

  const limiter = new Limiter({ rate: '10/s', burst: 1, clock: 'js' });
  limiter.tryAcquire();
  const wait = limiter.acquire();
  context.mock.timers.tick(100);
  await wait;

  const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 1, clock: 'js' });
  bulkhead.tryAcquire();
  const queued = assert.rejects(bulkhead.acquire({ maxWaitMs: 50 }), { code: 'bulkhead_wait_timeout' });
  context.mock.timers.tick(50);
  await queued;
});

test('fake timers that start at today are exact to the millisecond', (context) => {
  context.mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_123 });
  const breaker = new Breaker({ clock: 'js', consecutiveFailures: 1, openForMs: 100, openJitter: 0 });
  breaker.acquire().failure();
  context.mock.timers.tick(99);
  assert.throws(() => breaker.acquire(), { code: 'breaker_open' });
  context.mock.timers.tick(1);
  const probe = breaker.acquire();
  context.mock.timers.tick(99);
  assert.throws(() => breaker.acquire(), { code: 'breaker_half_open', retryAfterMs: 1 });
  context.mock.timers.tick(1);
  breaker.acquire().success();
  assert.equal(probe.success(), false);
  const limiter = new Limiter({ rate: '3/s', burst: 1, clock: 'js' });
  limiter.tryAcquire();
  assert.ok(Math.abs(limiter.snapshot().retryAfterMs - 1000 / 3) < 0.001);
  const bulkhead = new Bulkhead({ clock: 'js' });
  bulkhead.tryAcquire();
  context.mock.timers.tick(1000);
  assert.equal(bulkhead.snapshot().longestHoldMs, 1000);
});

test('a clock of your own is asked', async () => {
  let nowMs = 5;
  const breaker = new Breaker({ clock: { nowMs: () => nowMs }, consecutiveFailures: 1, openForMs: 10, openJitter: 0 });
  breaker.acquire().failure();
  assert.throws(() => breaker.acquire(), { retryAfterMs: 10 });
  nowMs = 15;
  breaker.acquire();
  for (const bad of [NaN, -5, Infinity, undefined]) {
    nowMs = bad;
    breaker.snapshot();
  }
});

test('a clock of your own without waits waits in real time', async () => {
  const limiter = new Limiter({ rate: '100/s', burst: 1, clock: { nowMs: () => performance.now() } });
  await limiter.acquire();
  await limiter.acquire();
});

test('the performance clock works like the native one', async () => {
  const limiter = new Limiter({ rate: '100/s', burst: 1, clock: 'performance' });
  const start = performance.now();
  await limiter.acquire();
  await limiter.acquire();
  assert.ok(performance.now() - start >= 10);
});

test('a manual clock ends waits in their order, at their time', () => {
  const clock = new ManualClock(0);
  const heard = [];
  for (const ms of [30, 10, 20]) clock.after(ms, () => heard.push([ms, clock.nowMs()]));
  const cancel = clock.after(15, () => heard.push('cancelled'));
  cancel();
  clock.after(20, () => clock.after(5, () => heard.push(['nested', clock.nowMs()])));
  clock.advance(25);
  assert.deepEqual(heard, [[10, 10], [20, 20], ['nested', 25]]);
  assert.deepEqual([clock.pending, clock.nowMs()], [1, 25]);
  clock.set(5);
  assert.equal(clock.nowMs(), 5);
});
