// Calls of a dependency: attempts, timeouts, places, refusals, and what the caller gets to see.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import * as seawall from 'seawall';

const { FakeClock, noWaiting } = await import('seawall/testing');
const reset = () => Object.assign(new Error('reset by peer'), { code: 'ECONNRESET' });
const refused = () => Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED' });
const turn = () => new Promise(setImmediate);

function made(policy, options) {
  const clock = new FakeClock();
  const wall = new seawall.Seawall({ clock, seed: 1, ...options });
  return { clock, wall, it: wall.define('it', { timeoutMs: 1000, ...policy }) };
}
const MANY = { ratio: 1, minPerSecond: 100, cap: 1000 };
const THREE = { retry: { attempts: 3, baseMs: 100, jitter: 'none', budget: MANY } };

test('a call passes on what its function returns, plain or as a promise', async () => {
  const { it } = made();
  assert.equal(await it.call(() => 5), 5);
  assert.equal(await it.call(async () => 'x'), 'x');
  assert.equal(it.callSync(() => 7), 7);
  assert.equal(await it.call(() => undefined), undefined);
  const { counts, breaker } = it.snapshot();
  assert.deepEqual([counts.calls, counts.successes, breaker.state], [4, 4, 'closed']);
});

test('the function gets everything about its attempt', async () => {
  const { it, clock } = made({ deadlineMs: 4000, ...THREE });
  const seen = [];
  const running = it.call(async (attempt) => {
    const { signal, timeoutMs, deadline, idempotencyKey } = attempt;
    seen.push([attempt.attempt, timeoutMs, deadline.remainingMs, idempotencyKey, signal]);
    if (seen.length < 3) throw reset();
  });
  for (let step = 0; step < 10; step++) {
    await turn();
    clock.advance(100);
  }
  await running;
  assert.deepEqual(seen.map(([attempt, timeoutMs]) => [attempt, timeoutMs]), [[1, 1000], [2, 1000], [3, 1000]]);
  assert.deepEqual(seen.map(([, , left]) => left), [4000, 3900, 3700]);
  const [first, second, third] = seen;
  assert.match(first[3], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(first[3] === second[3] && second[3] === third[3]);
  assert.ok(first[4] instanceof AbortSignal && first[4] !== second[4] && !first[4].aborted);
});

test('the last real error is thrown unchanged, and tells its attempts beside it', async () => {
  const { it, wall } = made(THREE);
  noWaiting(wall);
  const errors = [reset(), reset(), reset()];
  await assert.rejects(it.call(({ attempt }) => { throw errors[attempt - 1]; }), (error) => {
    assert.equal(error, errors[2]);
    assert.deepEqual(Object.keys(error), ['code']);
    assert.deepEqual(seawall.attemptsOf(error), { dependency: 'it', attempts: 3, stop: 'attempts_used' });
    return true;
  });
  assert.equal(seawall.attemptsOf(new Error('another')), undefined);
});

test('only errors of the connection are tried again unless more are named', async () => {
  const { it, wall } = made(THREE);
  noWaiting(wall);
  const attempts = async (error, options) => {
    it.reset();
    let made = 0;
    await it.call(() => { made += 1; throw error; }, options).catch(() => {});
    return made;
  };
  assert.equal(await attempts(reset()), 3);
  assert.equal(await attempts(new TypeError('fetch failed', { cause: refused() })), 3);
  assert.equal(await attempts(new TypeError('a bug')), 1);
  assert.equal(await attempts(new TypeError('named'), { on: TypeError }), 3);
  assert.equal(await attempts(reset(), { on: TypeError }), 1);
  assert.equal(await attempts(reset(), { ignore: (error) => error.code === 'ECONNRESET' }), 1);
  assert.equal(await attempts(reset(), { idempotent: false }), 1);
  assert.equal(await attempts(refused(), { idempotent: false }), 3, 'certainly not sent');
});

test('what counts: ignored before failure before success', async () => {
  const { it } = made();
  const counted = async (error, options) => {
    const before = it.snapshot().counts;
    await it.call(() => { throw error; }, options).catch(() => {});
    const { counts } = it.snapshot();
    return ['successes', 'failures', 'ignored'].find((key) => counts[key] > before[key]);
  };
  assert.equal(await counted(new Error('any')), 'failures');
  assert.equal(await counted(new RangeError('any'), { failure: TypeError }), 'successes');
  assert.equal(await counted(new TypeError('any'), { failure: TypeError }), 'failures');
  assert.equal(await counted(new TypeError('any'), { failure: TypeError, ignore: Error }), 'ignored');
  const inner = made({ breaker: { consecutiveFailures: 1 } }).it;
  inner.forceOpen();
  assert.equal(await counted(await inner.call(() => 1).catch((error) => error)), 'ignored', 'a refusal below is no answer of this one');
});

test('results can be failures', async () => {
  const { it, wall } = made(THREE);
  noWaiting(wall);
  let made_ = 0;
  const result = await it.callDetailed(() => ({ status: ++made_ < 2 ? 503 : 200 }), { failureIf: ({ status }) => status === 503 });
  assert.deepEqual([result.value.status, result.attempts], [200, 2]);
  made_ = -10;
  const last = await it.callDetailed(() => ({ status: ++made_ < 2 ? 503 : 200 }), { failureIf: ({ status }) => status === 503 });
  assert.deepEqual([last.value.status, last.attempts, last.degraded], [503, 3, false], 'the last one is the result');
});

test('an error may say when to come back', async () => {
  const { it, clock } = made({ ...THREE, retry: { attempts: 2, baseMs: 100, jitter: 'none', budget: MANY } });
  let made_ = 0;
  const running = it.call(() => {
    if (++made_ === 1) throw Object.assign(reset(), { retryAfterMs: 700 });
    return clock.nowMs();
  });
  for (let step = 0; step < 10; step++) {
    await turn();
    clock.advance(100);
  }
  assert.equal(await running, 1700);
});

test('an attempt that takes too long is aborted and tried again', async () => {
  const { it, clock } = made(THREE);
  const reasons = [];
  const running = it.call(({ signal, attempt }) => attempt === 2 ? 'well' : new Promise((_, reject) => {
    signal.addEventListener('abort', () => {
      reasons.push(signal.reason);
      reject(signal.reason);
    });
  }));
  clock.advance(999);
  await turn();
  assert.deepEqual(reasons, []);
  clock.advance(1);
  assert.ok(reasons[0] instanceof seawall.AttemptTimeoutError);
  assert.deepEqual([reasons[0].name, reasons[0].code, reasons[0].timeoutMs, reasons[0].attempt], ['TimeoutError', 'ETIMEDOUT', 1000, 1]);
  await turn();
  clock.advance(100);
  assert.equal(await running, 'well');
  const { counts } = it.snapshot();
  assert.deepEqual([counts.timeouts, counts.retries, counts.late], [1, 1, 0], 'a function that ends because it was told to is not late');
});

test('a function that obeys its signal leaves its place to the next attempt, newcomers or not', async () => {
  const { it, clock } = made({ ...THREE, bulkhead: { maxConcurrent: 1, scope: 'call' } });
  const held = [];
  const running = it.callDetailed(({ signal, attempt }) => attempt === 2 ? 'well' : new Promise((_, reject) => {
    // Some promises later, as with fetch.
    signal.addEventListener('abort', async () => {
      for (let step = 0; step < 20; step++) await null;
      held.push(it.snapshot().bulkhead.inUse);
      reject(signal.reason);
    });
  }));
  clock.advance(1000);
  const newcomers = [];
  for (let step = 0; step < 4; step++) {
    newcomers.push(it.call(() => 'too early').catch((error) => error.code));
    await turn();
  }
  clock.advance(100);
  const { value, attempts } = await running;
  assert.deepEqual([value, attempts, held], ['well', 2, [1]]);
  assert.deepEqual(await Promise.all(newcomers), Array(4).fill('bulkhead_full'));
  const { bulkhead, counts } = it.snapshot();
  assert.deepEqual([bulkhead.inUse, bulkhead.stale, counts.timeouts, counts.late], [0, 0, 1, 0]);
});

test('a function that ends within the turn after its timeout has timed out all the same', async () => {
  const { it, clock } = made({ bulkhead: { maxConcurrent: 1 } });
  const late = [];
  it.onEvent(({ kind, attempt, outcome }) => kind === 'late_result' && late.push([attempt, outcome]));
  const running = it.call(({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('by a hair'))));
  clock.advance(1000);
  await assert.rejects(running, seawall.AttemptTimeoutError);
  const { bulkhead, counts } = it.snapshot();
  assert.deepEqual([late, bulkhead.inUse, bulkhead.stale, counts.late, counts.timeouts], [[[1, 'success']], 0, 0, 1, 1]);
});

test('a timeout needs no timer of the test to be over', async () => {
  const { it, clock } = made({ bulkhead: { maxConcurrent: 1 } });
  mock.timers.enable();
  try {
    const running = it.call(() => new Promise(() => {}));
    clock.advance(1000);
    await assert.rejects(running, seawall.AttemptTimeoutError);
  } finally {
    mock.timers.reset();
  }
  assert.equal(it.snapshot().bulkhead.inUse, 1);
});

test('the deadline is never overrun: the five-second example ends by then', async () => {
  const { it, clock } = made({ timeoutMs: 2000, deadlineMs: 5000, retry: { attempts: 2, baseMs: 100, jitter: 'none', budget: MANY } });
  const start = clock.nowMs();
  let ended;
  it.call(() => new Promise(() => {}), { deadlineMs: 3000 }).catch((error) => {
    ended = [error, clock.nowMs() - start];
  });
  for (let step = 0; step < 100; step++) {
    await turn();
    clock.advance(100);
  }
  assert.ok(ended[0] instanceof seawall.AttemptTimeoutError);
  assert.ok(ended[1] <= 3000, `${ended[1]} ms`);
  assert.equal(ended[0].timeoutMs, 900, 'the second attempt has what is left');
});

test('a function that ignores its signal keeps its place until it has really ended', async () => {
  const { it, clock } = made({ bulkhead: { maxConcurrent: 1 } });
  const events = [];
  it.onEvent((event) => events.push(event));
  let finish;
  const running = it.call(() => new Promise((resolve) => (finish = resolve)));
  clock.advance(1000);
  await assert.rejects(running, seawall.AttemptTimeoutError);
  assert.equal(it.snapshot().bulkhead.inUse, 1);
  await assert.rejects(it.call(() => 1), { code: 'bulkhead_full' });
  finish('too late');
  await turn();
  assert.equal(it.snapshot().bulkhead.inUse, 0);
  assert.equal(it.snapshot().bulkhead.stale, 0);
  assert.equal(await it.call(() => 1), 1);
  const late = events.find((event) => event.kind === 'late_result');
  assert.deepEqual([late.attempt, late.outcome, late.dependency], [1, 'success', 'it']);
  assert.equal(it.snapshot().counts.late, 1);
});

test('those who wait for a place are served first come, first served', async () => {
  const { it } = made({ bulkhead: { maxConcurrent: 1, maxWaitMs: 5000 } });
  const order = [];
  let free;
  const first = it.call(() => new Promise((resolve) => (free = resolve)));
  const others = [1, 2, 3].map((number) => it.call(() => { order.push(number); }));
  const critical = it.call(() => { order.push('late'); });
  assert.equal(it.snapshot().bulkhead.waiting, 4);
  free();
  await Promise.all([first, ...others, critical]);
  assert.deepEqual(order, [1, 2, 3, 'late']);
  assert.deepEqual([it.snapshot().bulkhead.waiting, it.snapshot().bulkhead.inUse], [0, 0]);
});

test('a critical call does not stand behind ordinary ones where a place is reserved', async () => {
  const { it } = made({ bulkhead: { maxConcurrent: 2, reserved: 1, maxWaitMs: 5000 } });
  const holds = [];
  const hold = () => new Promise((resolve) => holds.push(resolve));
  const running = [it.call(hold), it.call(hold, { critical: true })];
  const waiting = [it.call(() => 'ordinary'), it.call(() => 'critical', { critical: true })];
  holds[1]();
  assert.equal(await waiting[1], 'critical');
  assert.equal(it.snapshot().bulkhead.waiting, 1);
  holds[0]();
  assert.equal(await waiting[0], 'ordinary');
  await Promise.all(running);
});

test('a wait for a place ends by its time', async () => {
  const { it, clock } = made({ bulkhead: { maxConcurrent: 1, maxWaitMs: 500 } });
  let free;
  const first = it.call(() => new Promise((resolve) => (free = resolve)));
  const waiting = it.call(() => 1);
  clock.advance(500);
  await assert.rejects(waiting, { code: 'bulkhead_wait_timeout', name: 'BulkheadFullError' });
  free();
  await first;
  assert.equal(clock.pending, 0);
});

test('refusals are typed, and no attempt is made', async () => {
  const { it, wall } = made();
  it.forceOpen();
  let calls = 0;
  await assert.rejects(it.call(() => { calls += 1; }), (error) => {
    assert.ok(error instanceof seawall.BreakerOpenError && seawall.isRefused(error));
    assert.deepEqual([error.code, error.source], ['breaker_forced_open', 'it']);
    assert.deepEqual(seawall.attemptsOf(error), { dependency: 'it', attempts: 0, stop: 'refused' });
    return true;
  });
  assert.equal(calls, 0);
  assert.equal(wall.health(), true, 'an open breaker never fails health');
  const limited = wall.define('limited', { timeoutMs: 100, rateLimit: { rate: '1/s' } });
  await limited.call(() => 1);
  await assert.rejects(limited.call(() => 1), { code: 'rate_limited', retryAfterMs: 1000 });
  await assert.rejects(limited.call(() => 1, { deadlineMs: 0 }), seawall.DeadlineExceededError);
  await assert.rejects(limited.call(() => 1, { costs: { requests: 2 } }), seawall.ExceedsCapacityError);
});

test('a call can wait for the rate', async () => {
  const { it, clock } = made({ rateLimit: { rate: '1/s', maxWaitMs: 2000 } });
  await it.call(() => 1);
  const waiting = it.call(() => clock.nowMs());
  await turn();
  clock.advance(1000);
  assert.equal(await waiting, 2000);
});

test('costs are by name or by place, and can be corrected after the fact', async () => {
  const { it } = made({ rateLimit: [{ rate: '10/minute', name: 'requests' }, { rate: '1000/minute', name: 'tokens' }] });
  await it.call(() => 1, { costs: { tokens: 400 } });
  assert.deepEqual(it.snapshot().rateLimits.map((limit) => limit.remaining), [9, 600]);
  await it.call(() => 1, { costs: [1, 100] });
  it.adjust('tokens', 250);
  it.adjust(1, -50);
  assert.deepEqual(it.snapshot().rateLimits.map((limit) => limit.remaining), [8, 300]);
});

test('two requests of three attempts do not trip a breaker of five, unless attempts are counted', async () => {
  for (const [scope, state] of [['call', 'closed'], ['attempt', 'open']]) {
    const { it, wall } = made({ ...THREE, breaker: { consecutiveFailures: 5, scope } });
    noWaiting(wall);
    for (let request = 0; request < 2; request++) await assert.rejects(it.call(() => { throw reset(); }));
    assert.equal(it.state, state);
  }
});

test('five layers of three tries send 243 requests bare, and three with one retrying layer', async () => {
  const requests = async (retrying) => {
    const wall = new seawall.Seawall();
    noWaiting(wall);
    let sent = 0;
    let layer = () => { sent += 1; throw reset(); };
    for (let number = 0; number < 5; number++) {
      const it = wall.define(`layer${number}`, { timeoutMs: 60_000, breaker: 'off', ...(retrying(number) ? THREE : {}) });
      const below = layer;
      layer = () => it.call(below);
    }
    await assert.rejects(layer());
    return sent;
  };
  assert.equal(await requests(() => true), 243);
  assert.equal(await requests((number) => number === 4), 3);
});

test('five hundred retries after an outage are spread', async () => {
  const worst = async (jitter) => {
    const { wall } = made();
    const it = wall.define(`with ${jitter}`.replace(' ', '-'), { timeoutMs: 1000, breaker: 'off', retry: { attempts: 2, baseMs: 1000, jitter, budget: MANY } });
    const bins = new Map();
    it.onEvent(({ kind, delayMs }) => {
      if (kind === 'retry') bins.set(Math.floor(delayMs / 100), (bins.get(Math.floor(delayMs / 100)) ?? 0) + 1);
    });
    const given = new AbortController();
    const calls = Array.from({ length: 500 }, () => it.call(() => { throw reset(); }, { signal: given.signal }).catch(() => {}));
    await turn();
    given.abort();
    await Promise.all(calls);
    return Math.max(...bins.values());
  };
  assert.equal(await worst('none'), 500);
  assert.ok(await worst('full') <= 110);
});

test('wrap keeps the arguments, this and the name', async () => {
  const { it } = made();
  async function charge(order, cents) {
    return [this.shop, order, cents];
  }
  const wrapped = it.wrap(charge);
  assert.equal(wrapped.name, 'charge');
  assert.deepEqual(await wrapped.call({ shop: 'x' }, 'o1', 5), ['x', 'o1', 5]);
});

test('callSync makes one attempt and never waits', async () => {
  const { it } = made({ ...THREE, rateLimit: { rate: '100/s', burst: 3, maxWaitMs: 1000 } });
  let made_ = 0;
  assert.throws(() => it.callSync(() => { made_ += 1; throw reset(); }), { code: 'ECONNRESET' });
  assert.equal(made_, 1);
  assert.throws(() => it.callSync(async () => 1), { name: 'ConfigError', field: 'fn' });
  assert.throws(() => it.callSync(() => Promise.resolve(1)), { name: 'ConfigError', field: 'fn' });
  assert.equal(it.snapshot().breaker.probesInFlight, 0);
  assert.equal(it.callSync(() => 1), 1);
  assert.throws(() => it.callSync(() => 1), { code: 'rate_limited', retryAfterMs: 10 });
  assert.equal(it.callSync(() => 1, { fallback: 2 }), 2);
});

test('a callSync that would have to wait is refused, and counted as refused', async () => {
  const { it } = made({ bulkhead: { maxConcurrent: 1, maxWaitMs: 1000 }, rateLimit: { rate: '1/s', maxWaitMs: 5000 } });
  let free;
  const first = it.call(() => new Promise((resolve) => (free = resolve)));
  assert.throws(() => it.callSync(() => 1), { code: 'bulkhead_full' });
  free();
  await first;
  assert.throws(() => it.callSync(() => 1), { code: 'rate_limited', retryAfterMs: 1000 });
  assert.equal(it.callSync(() => 1, { deadlineMs: 100, fallback: 2 }), 2);
  const { counts, bulkhead } = it.snapshot();
  assert.deepEqual(
    [counts.calls, counts.refused, counts.refusedByBulkhead, counts.refusedByRateLimit, counts.cancelled, counts.ignored],
    [4, 3, 1, 2, 0, 0],
  );
  assert.deepEqual([bulkhead.inUse, bulkhead.waiting, bulkhead.stale], [0, 0, 0]);
});

test('callSync gets the deadline and the key of its call, and its attempts are all used', () => {
  const { it } = made({ deadlineMs: 4000, bulkhead: { maxConcurrent: 1 }, ...THREE });
  const seen = it.callSync(({ deadline, idempotencyKey, timeoutMs }) => {
    assert.equal(it.snapshot().bulkhead.inUse, 1);
    return [deadline.remainingMs, idempotencyKey.length, timeoutMs];
  });
  assert.deepEqual(seen, [4000, 36, 1000]);
  assert.throws(() => it.callSync(() => { throw reset(); }), (error) => {
    assert.deepEqual(seawall.attemptsOf(error), { dependency: 'it', attempts: 1, stop: 'attempts_used' });
    return true;
  });
  const { counts, bulkhead } = it.snapshot();
  assert.deepEqual([counts.successes, counts.failures, counts.stoppedRetries, bulkhead.inUse], [1, 1, 0, 0]);
});

test('a permit is one attempt by hand', async () => {
  const { it } = made({ breaker: { consecutiveFailures: 2 }, bulkhead: { maxConcurrent: 1 } });
  const permit = await it.permit();
  assert.equal(permit.timeoutMs, 1000);
  await assert.rejects(it.permit(), { code: 'bulkhead_full' });
  permit.success();
  assert.throws(() => permit.failure(), seawall.SpentError);
  const failed = await it.permit();
  failed.failure(reset());
  await failed[Symbol.asyncDispose]();
  const unsaid = await it.permit();
  assert.equal(unsaid.isSpent, false);
  unsaid[Symbol.dispose]();
  unsaid[Symbol.dispose]();
  const { counts, bulkhead } = it.snapshot();
  assert.deepEqual([counts.successes, counts.failures, counts.cancelled, bulkhead.inUse], [1, 1, 1, 0]);
});

test('the states by hand', async () => {
  const { it } = made({ breaker: { consecutiveFailures: 1 } });
  it.disable();
  for (let number = 0; number < 5; number++) await assert.rejects(it.call(() => { throw reset(); }), { code: 'ECONNRESET' });
  assert.equal(it.state, 'disabled');
  it.reset();
  assert.equal(it.state, 'closed');
});

test('the incident: open by ten seconds, probes after thirty, well again by the second one', async () => {
  const { it, clock } = made({ timeoutMs: 1000, breaker: { openForMs: 30_000, openJitter: 0 } });
  const states = [];
  it.onEvent((event) => event.kind === 'state_change' && states.push([event.at / 1000 - 1, `${event.from}->${event.to}`]));
  const wellAt = 60_000 + clock.nowMs();
  for (let second = 0; second < 110; second++) {
    const call = it.call(() => { if (clock.nowMs() < wellAt) throw reset(); });
    await call.catch(() => {});
    clock.advance(1000);
  }
  assert.equal(states[0][1], 'closed->open');
  assert.ok(states[0][0] <= 10);
  assert.deepEqual(states.map(([, change]) => change), ['closed->open', 'open->half_open', 'half_open->open', 'open->half_open', 'half_open->closed']);
  assert.ok(states.at(-1)[0] <= 100, `${states.at(-1)[0]} s`);
});
