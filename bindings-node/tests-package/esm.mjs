// The packed package, by import.

import assert from 'node:assert/strict';

import http from 'node:http';

import { Backoff, Breaker, Bulkhead, ConfigError, Deadline, Histogram, Limiter, ManualClock, RetryBudget, Seawall, isRefused } from 'seawall';
import { wrapFetch } from 'seawall/fetch';
import { FakeClock, inject, noWaiting } from 'seawall/testing';
import { interceptor } from 'seawall/undici';

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

const wall = Seawall.parse('[dependency.ledger]\ntimeout = "1s"\nretry = { attempts = 3 }\n', { clock: new FakeClock() });
noWaiting(wall);
const ledger = wall.dependency('ledger');
const fault = inject(ledger, { error: () => Object.assign(new Error('reset'), { code: 'ECONNRESET' }), times: 2 });
assert.equal(await ledger.call(async () => 'booked'), 'booked');
assert.equal(fault.hits, 2);
ledger.forceOpen();
assert.deepEqual((await ledger.callDetailed(() => 1, { fallback: 'later' })).reason, 'breaker_forced_open');
assert.throws(() => Seawall.parse('[dependency.ledger]'), ConfigError);

const server = http.createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const fetch = wrapFetch(new Seawall().define('web', { timeoutMs: 5000 }));
assert.equal(await (await fetch(`http://127.0.0.1:${server.address().port}/`)).text(), 'ok');
server.closeAllConnections();
server.close();
assert.equal(typeof interceptor(ledger), 'function', 'without undici being there');
console.log('import: ok');
