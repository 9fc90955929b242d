// The test kit.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

import * as seawall from 'seawall';
import { FakeClock, NoWaitingClock, force, inject, noWaiting } from 'seawall/testing';

const POLICY = { timeoutMs: 1000, retry: { attempts: 3, baseMs: 60_000, capMs: 60_000, jitter: 'equal' } };
const reset = () => Object.assign(new Error('reset'), { code: 'ECONNRESET' });

test('FakeClock is the clock by hand', () => {
  assert.equal(FakeClock, seawall.ManualClock);
});

test('states by force', async () => {
  const wall = new seawall.Seawall();
  const it = wall.define('it', POLICY);
  for (const state of ['open', 'half_open', 'forced_open', 'half_open', 'disabled', 'open', 'closed']) {
    force(it, state);
    assert.equal(it.state, state);
  }
  assert.equal(it.snapshot().counts.calls, 0, 'no call was made for it');
  assert.throws(() => force(it, 'ajar'), { field: 'state' });
  assert.throws(() => force({}, 'open'), { field: 'dependency' });
  const none = wall.define('none', { timeoutMs: 1000, breaker: 'off' });
  for (const state of ['closed', 'open', 'forced_open']) assert.throws(() => force(none, state), { name: 'ConfigError', field: 'breaker' });
  const slow = wall.define('slow', { timeoutMs: 1000, breaker: { consecutiveFailures: 0, failureRate: 0, slowRate: 0.5, slowAfterMs: 100 } });
  assert.throws(() => force(slow, 'open'), { name: 'ConfigError', field: 'breaker' });
});

test('open by force is open as failures would have opened it: it ends by the clock of the wall', async () => {
  const clock = new FakeClock();
  const it = new seawall.Seawall({ clock }).define('it', { timeoutMs: 1000, breaker: { openForMs: 10_000, openJitter: 0 } });
  clock.advance(3_600_000);
  force(it, 'open');
  await assert.rejects(it.call(() => 1), { code: 'breaker_open', retryAfterMs: 10_000 });
  clock.advance(10_000);
  assert.equal(await it.call(() => 'a probe'), 'a probe');
  force(it, 'half_open');
  let end;
  const probe = it.call(() => new Promise((resolve) => (end = resolve)));
  await assert.rejects(it.call(() => 1), { code: 'breaker_half_open' });
  end(1);
  await probe;
});

test('errors on demand, so many times, to a share', async () => {
  const wall = new seawall.Seawall();
  noWaiting(wall);
  const it = wall.define('it', { ...POLICY, breaker: 'off' });
  const twice = inject(it, { error: reset, times: 2 });
  let calls = 0;
  const outcome = await it.callDetailed(() => (calls += 1));
  assert.deepEqual([outcome.value, outcome.attempts, calls, twice.hits], [1, 3, 1, 2]);
  const chances = [0.9, 0.1, 0.5];
  const some = inject(it, { error: new Error('some'), rate: 0.5, random: () => chances.shift() });
  assert.equal(await it.call(() => 1), 1);
  await assert.rejects(it.call(() => 1), { message: 'some' });
  assert.equal(await it.call(() => 1), 1);
  some.remove();
  const always = inject(it, { error: new Error('always') });
  await assert.rejects(it.call(() => 1), { message: 'always' });
  assert.throws(() => it.callSync(() => 1), { message: 'always' });
  always[Symbol.dispose]();
  assert.equal(it.callSync(() => 1), 1);
  assert.throws(() => inject(it, {}), { field: 'options' });
  assert.throws(() => inject(it, { error: 1, rate: 2 }), { field: 'rate' });
  assert.throws(() => inject(it, { latencyMs: NaN }), { field: 'latencyMs' });
});

test('latency on demand still ends by the timeout', async () => {
  const clock = new FakeClock();
  const it = new seawall.Seawall({ clock }).define('it', { timeoutMs: 1000 });
  const slow = inject(it, { latencyMs: 500 });
  const well = it.call(() => 'well');
  clock.advance(500);
  assert.equal(await well, 'well');
  slow.remove();
  inject(it, { latencyMs: 5000 });
  const late = it.call(() => 'never');
  clock.advance(1000);
  await assert.rejects(late, seawall.AttemptTimeoutError);
  await new Promise(setImmediate);
  assert.equal(clock.pending, 0);
});

test('no waiting: minutes of backoff take no time, and the fake clock has moved on by them', async () => {
  const wall = new seawall.Seawall();
  const it = wall.define('it', POLICY);
  const mode = noWaiting(wall);
  assert.ok(mode.clock instanceof NoWaitingClock);
  const [start, fake] = [performance.now(), mode.clock.nowMs()];
  await assert.rejects(it.call(() => { throw reset(); }), { code: 'ECONNRESET' });
  assert.ok(performance.now() - start < 1000);
  assert.ok(mode.clock.nowMs() - fake >= 60_000);
  mode.restore();
  assert.equal(await it.call(() => 1), 1);
});

test('no waiting: of one dependency only, until it is restored', async () => {
  const clock = new FakeClock();
  const wall = new seawall.Seawall({ clock });
  const [it, other] = [wall.define('it', POLICY), wall.define('other', POLICY)];
  const mode = noWaiting(it);
  await assert.rejects(it.call(() => { throw reset(); }), { code: 'ECONNRESET' });
  assert.ok(mode.clock.nowMs() >= 61_000);
  assert.equal(clock.nowMs(), 1000);
  const waits = other.call(() => { throw reset(); });
  waits.catch(() => {});
  await new Promise(setImmediate);
  assert.equal(clock.pending, 1, 'the other one waits');
  for (let step = 0; step < 5; step++) {
    clock.advance(60_000);
    await new Promise(setImmediate);
  }
  await assert.rejects(waits, { code: 'ECONNRESET' });
  mode.restore();
  let at;
  it.onEvent((event) => (at = event.at));
  it.forceOpen();
  assert.equal(at, clock.nowMs(), 'its clock is that of the wall again');
  assert.throws(() => noWaiting({}), { name: 'ConfigError', field: 'target' });
});

test('no waiting: a place that nobody gives back is refused at once', async () => {
  const wall = new seawall.Seawall();
  noWaiting(wall);
  const it = wall.define('it', { timeoutMs: 60_000, bulkhead: { maxConcurrent: 1, maxWaitMs: 30_000 } });
  let free;
  const first = it.call(() => new Promise((resolve) => (free = resolve)));
  await assert.rejects(it.call(() => 1), { code: 'bulkhead_wait_timeout' });
  free(5);
  assert.equal(await first, 5);
});

test('the fake timers of node:test drive a wall that asks JavaScript for the time', async () => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 });
  try {
    const wall = new seawall.Seawall({ clock: 'js' });
    const it = wall.define('it', { ...POLICY, breaker: { consecutiveFailures: 1, openForMs: 10_000, openJitter: 0 } });
    const running = it.call(() => new Promise(() => {}), { idempotent: false });
    running.catch(() => {});
    mock.timers.tick(1000);
    await assert.rejects(running, seawall.AttemptTimeoutError);
    await assert.rejects(it.call(() => 1), { code: 'breaker_open', retryAfterMs: 10_000 });
    mock.timers.tick(10_000);
    assert.equal(await it.call(() => 'well'), 'well');
  } finally {
    mock.timers.reset();
  }
});
