// What a user of the limiter sees beyond the vectors: waiting, rate strings, HTTP fields.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';

import { ConfigError, ExceedsCapacityError, ForeignError, Limiter, ManualClock, RateLimitedError, SpentError } from 'seawall';

const make = (rate, options = {}) => {
  const clock = new ManualClock();
  return { clock, limiter: new Limiter({ rate, clock, ...options }) };
};

test('the burst passes at once and the next is told when', () => {
  const { limiter } = make('100/s', { burst: 2, name: 'mail' });
  limiter.tryAcquire();
  limiter.tryAcquire();
  assert.throws(() => limiter.tryAcquire(), (error) => {
    assert.ok(error instanceof RateLimitedError);
    assert.deepEqual([error.code, error.retryAfterMs, error.source], ['rate_limited', 10, 'mail']);
    return true;
  });
});

test('rates are written as people say them', () => {
  const cases = {
    '100/s': 10, '10/minute': 6000, '5/10s': 2000, '1 per hour': 3_600_000, '1000/ms': 0.001, '2 / 1 day': 43_200_000, '60/mins': 1000,
  };
  for (const [rate, gap] of Object.entries(cases)) {
    const { limiter } = make(rate, { burst: 1 });
    limiter.tryAcquire();
    assert.equal(limiter.snapshot().retryAfterMs, gap, rate);
  }
  assert.equal(make('25/s').limiter.snapshot().limit, 25);
  assert.equal(make({ permits: 3, periodMs: 1500 }).limiter.snapshot().limit, 3);
});

test('waiters go in the order in which they asked', async () => {
  const { clock, limiter } = make('10/s', { burst: 1 });
  const order = [];
  await limiter.acquire();
  const waits = ['a', 'b', 'c'].map((who) => limiter.acquire().then(() => order.push([who, clock.nowMs()])));
  clock.advance(1000);
  await Promise.all(waits);
  assert.deepEqual(order.map(([who]) => who), ['a', 'b', 'c']);
  assert.equal(clock.pending, 0);
});

test('a wait that would be too long is refused at once and takes nothing', async () => {
  const { limiter } = make('10/s', { burst: 1 });
  limiter.tryAcquire();
  await assert.rejects(limiter.acquire(1, { maxWaitMs: 99 }), { code: 'rate_limited', retryAfterMs: 100 });
  await assert.rejects(limiter.acquire(1, { maxWaitMs: 0 }), { code: 'rate_limited' });
  assert.equal(limiter.snapshot().retryAfterMs, 100);
});

test('an abort gives the tokens back and leaves no timer and no listener', async () => {
  const { clock, limiter } = make('10/s', { burst: 1 });
  limiter.tryAcquire();
  const controller = new AbortController();
  const wait = limiter.acquire(1, { signal: controller.signal });
  assert.equal(limiter.snapshot().retryAfterMs, 200);
  controller.abort('gone');
  await assert.rejects(wait, (reason) => reason === 'gone');
  assert.equal(limiter.snapshot().retryAfterMs, 100);
  assert.equal(clock.pending, 0);
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  await assert.rejects(limiter.acquire(1, { signal: controller.signal }), (reason) => reason === 'gone');
});

test('a wait never ends early', async () => {
  const limiter = new Limiter({ rate: '200/s', burst: 1 });
  const start = performance.now();
  await limiter.acquire();
  for (let turn = 0; turn < 10; turn++) await limiter.acquire();
  assert.ok(performance.now() - start >= 50);
});

test('a wait beyond what timers can hold is cut into several', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const limiter = new Limiter({ rate: { permits: 1, periodMs: 30 * 86_400_000 }, clock: 'js' });
  limiter.tryAcquire();
  let isDone = false;
  const wait = limiter.acquire().then(() => (isDone = true));
  for (let day = 0; day < 29; day++) {
    context.mock.timers.tick(86_400_000);
    await Promise.resolve();
    assert.equal(isDone, false);
  }
  context.mock.timers.tick(86_400_000);
  await wait;
});

test('a reservation can be given back once, and only where it was made', () => {
  const { limiter } = make('10/s', { burst: 2 });
  const reservation = limiter.reserve(2);
  assert.deepEqual([reservation.tokens, reservation.waitMs], [2, 0]);
  assert.equal(limiter.reserve(1).waitMs, 100);
  assert.throws(() => make('10/s').limiter.cancel(reservation), ForeignError);
  assert.throws(() => limiter.cancel({ tokens: 1 }), { code: 'foreign' });
  reservation.cancel();
  assert.throws(() => reservation.cancel(), SpentError);
  assert.equal(limiter.snapshot().remaining, 1);
});

test('more than the bucket holds is an error, not a wait', async () => {
  const { limiter } = make('10/s', { burst: 2 });
  assert.throws(() => limiter.tryAcquire(3), ExceedsCapacityError);
  await assert.rejects(limiter.acquire(3), { code: 'exceeds_capacity' });
  limiter.tryAcquire(0);
});

test('costs are corrected after the fact', () => {
  const { limiter } = make('10/s', { burst: 10 });
  limiter.adjust(15);
  assert.equal(limiter.snapshot().retryAfterMs, 600);
  limiter.adjust(-100);
  assert.equal(limiter.snapshot().remaining, 10);
});

test('a live rate change keeps what is missing', () => {
  const { limiter } = make('10/s', { burst: 10 });
  limiter.tryAcquire(4);
  limiter.setRate('100/s', { burst: 10 });
  assert.equal(limiter.snapshot().remaining, 6);
  limiter.setRate('20/s');
  assert.equal(limiter.snapshot().limit, 20);
  assert.throws(() => limiter.setRate('20/s', { burst: 0 }), { field: 'burst' });
  assert.throws(() => limiter.setRate({ permits: -1, periodMs: 1 }), { field: 'rate.permits' });
  assert.equal(limiter.snapshot().limit, 20);
});

test('the HTTP fields are whole seconds, rounded up', () => {
  const { limiter } = make('2/s', { burst: 2 });
  assert.deepEqual(limiter.headers(), { 'RateLimit-Limit': '2', 'RateLimit-Remaining': '2', 'RateLimit-Reset': '0' });
  limiter.tryAcquire(2);
  assert.deepEqual(limiter.headers(), {
    'RateLimit-Limit': '2', 'RateLimit-Remaining': '0', 'RateLimit-Reset': '1', 'Retry-After': '1',
  });
});

test('a limiter that was disposed of answers with an error', async () => {
  const { limiter } = make('2/s');
  limiter.dispose();
  assert.throws(() => limiter.tryAcquire(), { code: 'uninitialised' });
  await assert.rejects(limiter.acquire(), { code: 'uninitialised' });
  assert.throws(() => new Limiter({}), ConfigError);
});
