// What a user of the breaker sees beyond the vectors: calls, classification, aborts, events.

import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';

import { Breaker, BreakerOpenError, Bulkhead, ConfigError, DisposedError, ManualClock, SpentError, isRefused } from 'seawall';

const fail = (error = new Error('no')) => () => {
  throw error;
};
const trip = (breaker, times = 5) => {
  for (let turn = 0; turn < times; turn++) breaker.acquire().failure();
};

test('a call hands on what the function returns, plain or promised', async () => {
  const breaker = new Breaker();
  assert.equal(await breaker.call(() => 1), 1);
  assert.equal(await breaker.call(async () => 2), 2);
  assert.equal(breaker.callSync(() => 3), 3);
  assert.equal(breaker.snapshot().counters.success, 3);
});

test('what the function throws passes through as the very same object', async () => {
  const breaker = new Breaker();
  const error = new TypeError('no');
  for (const fn of [fail(error), () => Promise.reject(error), async () => fail(error)()]) {
    await assert.rejects(breaker.call(fn), (thrown) => thrown === error);
  }
  assert.throws(() => breaker.callSync(fail(error)), (thrown) => thrown === error);
  await assert.rejects(breaker.call(() => Promise.reject(undefined)), (thrown) => thrown === undefined);
  assert.equal(breaker.snapshot().counters.failure, 5);
});

test('an open breaker refuses without calling, and says when to come back', async () => {
  const clock = new ManualClock();
  const breaker = new Breaker({ name: 'payments', clock, openJitter: 0 });
  trip(breaker);
  let called = false;
  await assert.rejects(breaker.call(() => (called = true)), (error) => {
    assert.ok(error instanceof BreakerOpenError && isRefused(error));
    assert.deepEqual([error.code, error.retryAfterMs, error.source], ['breaker_open', 30_000, 'payments']);
    assert.match(error.message, /^payments: .*open; retry after 30000 ms$/);
    assert.equal(error.stack, `BreakerOpenError: ${error.message}`);
    return true;
  });
  assert.equal(called, false);
  assert.equal(breaker.snapshot().counters.refused, 1);
});

test('recovery: one probe goes, the next is refused, a success closes', async () => {
  const clock = new ManualClock();
  const breaker = new Breaker({ clock, openJitter: 0 });
  trip(breaker);
  clock.advance(30_000);
  let answer;
  const probe = breaker.call(() => new Promise((resolve) => (answer = resolve)));
  assert.equal(breaker.state, 'half_open');
  await assert.rejects(breaker.call(() => 1), { code: 'breaker_half_open' });
  answer('well');
  assert.equal(await probe, 'well');
  assert.equal(breaker.state, 'closed');
});

test('a late result of a call from before the trip changes nothing and says so', () => {
  const breaker = new Breaker();
  const old = breaker.acquire();
  trip(breaker);
  assert.equal(old.success(), false);
  assert.equal(breaker.state, 'open');
  assert.equal(breaker.snapshot().counters.late, 1);
});

test('ignored comes before failure, and failure before success', async () => {
  class Declined extends Error {}
  class Gone extends Error {}
  const breaker = new Breaker({
    on: [TypeError, Declined, (error) => error.code === 'ECONNRESET'],
    ignore: Declined,
    failureIf: (result) => result === 503,
  });
  const outcomes = [new TypeError('x'), new Declined('x'), new Gone('x'), Object.assign(new Error('x'), { code: 'ECONNRESET' })];
  assert.deepEqual(outcomes.map((error) => breaker.classify(error)), ['failure', 'ignored', 'success', 'failure']);
  for (const error of outcomes) await assert.rejects(breaker.call(fail(error)), (thrown) => thrown === error);
  await breaker.call(() => 503);
  await breaker.call(() => 200);
  const { success, failure, ignored } = breaker.snapshot().counters;
  assert.deepEqual({ success, failure, ignored }, { success: 2, failure: 3, ignored: 1 });
});

test('a refusal of another primitive inside is ignored', async () => {
  const breaker = new Breaker({ on: () => true });
  const bulkhead = new Bulkhead({ maxConcurrent: 1 });
  bulkhead.tryAcquire();
  await assert.rejects(breaker.call(() => bulkhead.call(() => 1)), { code: 'bulkhead_full' });
  assert.equal(breaker.snapshot().counters.ignored, 1);
});

test('a rule that throws is a warning, the call keeps its own error', async () => {
  const warnings = [];
  const listen = (warning) => warnings.push(warning.name);
  process.on('warning', listen);
  const breaker = new Breaker({ on: fail(new Error('rule')), failureIf: fail(), onTransition: fail() });
  const error = new Error('own');
  await assert.rejects(breaker.call(fail(error)), (thrown) => thrown === error);
  assert.equal(await breaker.call(() => 7), 7);
  breaker.forceOpen();
  await new Promise(setImmediate);
  process.off('warning', listen);
  assert.deepEqual(warnings, ['SeawallWarning', 'SeawallWarning', 'SeawallWarning']);
  assert.equal(breaker.snapshot().counters.failure, 2);
});

test('the wish of a server to be left alone keeps the breaker open for as long', async () => {
  const clock = new ManualClock();
  const breaker = new Breaker({ clock, consecutiveFailures: 1, openJitter: 0, retryAfterOf: (error) => error.waitMs });
  await assert.rejects(breaker.call(fail(Object.assign(new Error('busy'), { waitMs: 90_000 }))));
  assert.equal(breaker.snapshot().retryAfterMs, 90_000);
  breaker.reset();
  breaker.acquire().failure(undefined, { retryAfterMs: 45_000 });
  assert.equal(breaker.snapshot().retryAfterMs, 45_000);
});

test('an abort of the caller is ignored and its reason comes out, also when the function does not listen', async () => {
  const breaker = new Breaker();
  for (const fn of [() => new Promise(() => {}), ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))]) {
    const controller = new AbortController();
    const call = breaker.call(fn, { signal: controller.signal });
    const reason = new Error('closed the tab');
    controller.abort(reason);
    await assert.rejects(call, (thrown) => thrown === reason);
  }
  const { ignored, failure } = breaker.snapshot().counters;
  assert.deepEqual({ ignored, failure }, { ignored: 2, failure: 0 });
});

test('a call that was aborted before it began asks for no permit', async () => {
  const breaker = new Breaker();
  breaker.forceOpen();
  await assert.rejects(breaker.call(() => 1, { signal: AbortSignal.abort('never mind') }), (reason) => reason === 'never mind');
  assert.equal(breaker.snapshot().counters.refused, 0);
});

test('a time limit is no cancellation: it counts as a failure', async () => {
  const breaker = new Breaker();
  const keepAlive = setInterval(() => {}, 1000);
  await assert.rejects(breaker.call(() => new Promise(() => {}), { signal: AbortSignal.timeout(5) }), { name: 'TimeoutError' });
  clearInterval(keepAlive);
  assert.equal(breaker.snapshot().counters.failure, 1);
});

test('a late error of an abandoned function is nobody\'s, and no listener stays', async () => {
  const breaker = new Breaker();
  const controller = new AbortController();
  for (let turn = 0; turn < 50; turn++) await breaker.call(async () => turn, { signal: controller.signal });
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  let reject;
  const call = breaker.call(() => new Promise((_, no) => (reject = no)), { signal: controller.signal });
  controller.abort();
  await assert.rejects(call, { name: 'AbortError' });
  reject(new Error('too late'));
  await new Promise(setImmediate);
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
});

test('wrap keeps arguments, this and name', async () => {
  const breaker = new Breaker();
  const client = { base: 40, get: breaker.wrap(async function get(more) { return this.base + more; }) };
  assert.equal(await client.get(2), 42);
  assert.equal(client.get.name, 'get');
  breaker.forceOpen();
  await assert.rejects(client.get(2), { code: 'breaker_forced_open', retryAfterMs: 0 });
});

test('a function may say itself how it ended', async () => {
  const breaker = new Breaker();
  assert.equal(await breaker.call(({ permit }) => (permit.failure(), 'fallback')), 'fallback');
  const { success, failure } = breaker.snapshot().counters;
  assert.deepEqual({ success, failure }, { success: 0, failure: 1 });
});

test('a permit works once, and disposing of it cancels if nothing was said', () => {
  const clock = new ManualClock();
  const breaker = new Breaker({ clock, openJitter: 0 });
  const permit = breaker.acquire();
  assert.equal(permit.success(), true);
  assert.throws(() => permit.success(), SpentError);
  assert.throws(() => permit.cancel(), { code: 'spent' });
  permit[Symbol.dispose]();
  trip(breaker);
  clock.advance(30_000);
  const probe = breaker.acquire();
  assert.equal(breaker.snapshot().probesInFlight, 1);
  probe[Symbol.dispose]();
  probe[Symbol.dispose]();
  assert.equal(breaker.snapshot().probesInFlight, 0);
});

test('listeners hear of each change once, after it was made', () => {
  const clock = new ManualClock();
  const heard = [];
  const breaker = new Breaker({ name: 'payments', clock, openJitter: 0, onTransition: (change) => heard.push([change.from, change.to, change.generation, breaker?.state]) });
  const stop = breaker.onTransition(() => heard.push('second'));
  trip(breaker);
  stop();
  clock.advance(30_000);
  breaker.acquire().success();
  breaker.reset();
  assert.deepEqual(heard, [
    ['closed', 'open', 1, 'open'],
    'second',
    ['open', 'half_open', 2, 'half_open'],
    ['half_open', 'closed', 3, 'closed'],
    ['closed', 'closed', 4, 'closed'],
  ]);
});

test('by hand: forced open, disabled, reset', async () => {
  const breaker = new Breaker();
  breaker.forceOpen();
  assert.equal(breaker.state, 'forced_open');
  breaker.disable();
  trip(breaker, 100);
  assert.equal(breaker.state, 'disabled');
  breaker.reset();
  assert.equal(breaker.state, 'closed');
});

test('a breaker that was disposed of answers with an error, and does not spoil a call under way', async () => {
  const breaker = new Breaker();
  const permit = breaker.acquire();
  let answer;
  const call = breaker.call(() => new Promise((resolve) => (answer = resolve)));
  breaker.dispose();
  breaker.dispose();
  assert.throws(() => breaker.acquire(), DisposedError);
  assert.throws(() => breaker.state, { code: 'uninitialised' });
  assert.throws(() => permit.success(), DisposedError);
  permit[Symbol.dispose]();
  answer('still');
  assert.equal(await call, 'still');
});

test('the core reads the clock itself unless told otherwise', async () => {
  const breaker = new Breaker({ consecutiveFailures: 1, openForMs: 400, openJitter: 0 });
  trip(breaker, 1);
  assert.throws(() => breaker.acquire(), BreakerOpenError);
  await new Promise((resolve) => setTimeout(resolve, 410));
  breaker.acquire().success();
  assert.equal(breaker.state, 'closed');
});

test('a promise from a function that should answer at once is an error and counts as nothing', () => {
  const breaker = new Breaker();
  assert.throws(() => breaker.callSync(async () => 1), ConfigError);
  assert.equal(breaker.snapshot().counters.success, 0);
});
