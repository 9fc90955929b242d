// The packed package, by import.

import assert from 'node:assert/strict';

import { Backoff, Breaker, Bulkhead, ConfigError, Deadline, Histogram, Limiter, ManualClock, RetryBudget, isRefused } from 'seawall';

const clock = new ManualClock();
const breaker = new Breaker({ name: 'payments', consecutiveFailures: 2, clock, openJitter: 0 });
assert.equal(await breaker.call(async () => 'paid'), 'paid');
for (let turn = 0; turn < 2; turn++) await assert.rejects(breaker.call(() => Promise.reject(new Error('down'))), { message: 'down' });
await assert.rejects(breaker.call(() => 1), (error) => isRefused(error) && error.retryAfterMs === 30_000);
clock.advance(30_000);
assert.equal(await breaker.call(() => 'well'), 'well');
assert.equal(breaker.state, 'closed');

const bulkhead = new Bulkhead({ maxConcurrent: 1, maxWaiting: 1 });
assert.deepEqual(await Promise.all([1, 2].map((n) => bulkhead.call(() => n, { maxWaitMs: 1000 }))), [1, 2]);
await new Limiter({ rate: '1000/s', burst: 1 }).acquire();
new RetryBudget().deposit();
assert.ok(new Backoff().delayMs(1) <= 100);
assert.ok(Deadline.after(1000).remainingMs > 0);
const histogram = new Histogram();
histogram.record(5);
assert.equal(histogram.total, 1);
assert.throws(() => new Breaker({ probes: -1 }), ConfigError);
console.log('import: ok');
