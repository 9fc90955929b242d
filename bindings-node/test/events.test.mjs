// What happens at dependencies is told, and nobody who listens can fail a call.

import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import { test } from 'node:test';

import * as seawall from 'seawall';

const { FakeClock, noWaiting } = await import('seawall/testing');
const reset = () => Object.assign(new Error('reset'), { code: 'ECONNRESET' });

function made() {
  const wall = new seawall.Seawall({ clock: new FakeClock() });
  noWaiting(wall);
  const policy = { timeoutMs: 1000, retry: { attempts: 2, baseMs: 100 }, breaker: { consecutiveFailures: 1 } };
  return { wall, it: wall.define('it', policy) };
}

test('changes of state, retries, refusals and fallbacks, to the hooks of the dependency and of the wall', async () => {
  const { wall, it } = made();
  const [own, all] = [[], []];
  it.onEvent((event) => own.push(event));
  const leave = wall.onEvent((event) => all.push(event));
  await assert.rejects(it.call(() => { throw reset(); }));
  await it.call(() => 1, { fallback: 2 });
  assert.deepEqual(own, all);
  assert.deepEqual(own.map(({ kind }) => kind), ['retry', 'state_change', 'refusal', 'fallback']);
  assert.ok(own.every(({ dependency, at }) => dependency === 'it' && at >= 1000));
  const [retry, change, refusal, fallback] = own;
  assert.deepEqual([retry.attempt, retry.error.code, retry.delayMs <= 100], [1, 'ECONNRESET', true], 'the attempt that failed');
  assert.deepEqual([change.from, change.to], ['closed', 'open']);
  assert.deepEqual([refusal.reason, refusal.retryAfterMs > 0, refusal.limit], ['breaker_open', true, undefined]);
  assert.deepEqual([fallback.step, fallback.source, fallback.reason, fallback.error.code], [0, 'value', 'breaker_open', 'breaker_open']);
  leave();
  it.reset();
  assert.deepEqual([own.length, all.length, own.at(-1).to], [5, 4, 'closed']);
});

test('a refusal names the rate limit that said no', async () => {
  const { wall } = made();
  const rates = wall.define('rates', { timeoutMs: 1000, rateLimit: [{ name: 'requests', rate: '100/s' }, { name: 'tokens', rate: '1/m' }] });
  const told = [];
  rates.onEvent((event) => told.push([event.kind, event.reason, event.limit]));
  await rates.call(() => 1);
  await assert.rejects(rates.call(() => 1), { code: 'rate_limited' });
  await assert.rejects(rates.permit(), { code: 'rate_limited' });
  assert.throws(() => rates.callSync(() => 1), { code: 'rate_limited' });
  rates.forceOpen();
  await assert.rejects(rates.call(() => 1), { code: 'breaker_forced_open' });
  assert.deepEqual(told.filter(([kind]) => kind === 'refusal'), [
    ...Array(3).fill(['refusal', 'rate_limited', 'tokens']),
    ['refusal', 'breaker_forced_open', undefined],
  ]);
});

test('a result that the breaker took no notice of is told as late', async () => {
  const { it } = made();
  const told = [];
  it.onEvent((event) => told.push([event.kind, event.attempt, event.outcome]));
  it.begin();
  const [first, second] = [it.begin(), it.begin()];
  it.forceOpen();
  first.ended({ outcome: 'success' });
  second.cancelled();
  assert.deepEqual(told.slice(1), [['late_result', 1, 'success'], ['late_result', 1, undefined]]);
  assert.equal(it.snapshot().counts.late, 2);
});

test('the state is published before it is told', async () => {
  const { it } = made();
  let state;
  it.onEvent((event) => {
    if (event.kind === 'state_change') state = it.state;
  });
  it.forceOpen();
  assert.equal(state, 'forced_open');
});

test('a hook that throws fails no call, keeps nobody from listening, and is counted', async () => {
  const { wall, it } = made();
  let told = 0;
  it.onEvent(() => { throw new Error('a broken hook'); });
  it.onEvent(() => (told += 1));
  wall.onEvent(async () => { throw new Error('another'); });
  it.forceOpen();
  it.reset();
  assert.equal(await it.call(() => 1), 1);
  await new Promise(setImmediate);
  assert.deepEqual([told, it.snapshot().hookFailures, wall.hookFailures], [2, 2, 4]);
});

test('a hook may call the dependency, and take itself away', async () => {
  const { it } = made();
  let calls = 0;
  const leave = it.onEvent(() => {
    leave();
    it.callSync(() => (calls += 1));
  });
  it.disable();
  it.reset();
  assert.equal(calls, 1);
});

test('every event of the process is on the diagnostics channel', () => {
  const { it } = made();
  const events = [];
  const listen = (event) => events.push(event.kind);
  diagnostics.subscribe('seawall:event', listen);
  it.forceOpen();
  diagnostics.unsubscribe('seawall:event', listen);
  it.reset();
  assert.deepEqual(events, ['state_change']);
});

test('log lines: changes as warnings, retries and fallbacks as info, refusals and late results as debug', async () => {
  const lines = [];
  const logger = Object.fromEntries(['warn', 'info', 'debug'].map((level) => [level, (text) => lines.push(`${level} ${text}`)]));
  const wall = new seawall.Seawall({ clock: new FakeClock(), logger });
  noWaiting(wall);
  const it = wall.define('it', { timeoutMs: 1000, retry: { attempts: 2, baseMs: 0 }, breaker: { consecutiveFailures: 1, openJitter: 0 } });
  await it.call(() => { throw reset(); }, { fallback: 1 });
  await it.call(() => 1, { fallback: 1 });
  assert.deepEqual(lines, [
    'info seawall: it: attempt 1 failed, another one in 0 ms: Error: reset',
    'warn seawall: it: breaker closed -> open',
    'info seawall: it: served by value (step 0), attempts_used',
    'debug seawall: it: refused, breaker_open, again in 30000 ms',
    'info seawall: it: served by value (step 0), breaker_open',
  ]);
  lines.length = 0;
  it.reset();
  const begun = it.begin();
  it.forceOpen();
  begun.ended({ outcome: 'failure' });
  assert.equal(lines.at(-1), 'debug seawall: it: attempt 1 ended late, failure');
  wall.logTo(console)();
  assert.throws(() => wall.logTo({ warn() {} }), { field: 'logger' });
});
