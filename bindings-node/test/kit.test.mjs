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
  const it = new seawall.Seawall().define('it', POLICY);
  for (const [state, seen] of [['open', 'forced_open'], ['disabled', 'disabled'], ['closed', 'closed']]) {
    force(it, state);
    assert.equal(it.state, seen);
  }
  assert.throws(() => force(it, 'ajar'), { field: 'state' });
  assert.throws(() => force({}, 'open'), { field: 'dependency' });
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
