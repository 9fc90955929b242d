// What is served when a call fails or is refused.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as seawall from 'seawall';

const { FakeClock } = await import('seawall/testing');
const down = () => { throw Object.assign(new Error('down'), { code: 'ECONNRESET' }); };

function made(policy) {
  const clock = new FakeClock();
  const it = new seawall.Seawall({ clock }).define('it', { timeoutMs: 1000, ...policy });
  return { clock, it };
}

test('a value, a function, a chain', async () => {
  const { it } = made({ breaker: 'off' });
  assert.equal(await it.call(down, { fallback: 5 }), 5);
  assert.equal(await it.call(down, { fallback: null }), null);
  assert.equal(await it.call(down, { fallback: (error) => error.message }), 'down');
  assert.equal(await it.call(down, { fallback: [async () => { throw new Error('stale cache'); }, 'third'] }), 'third');
  assert.deepEqual(await it.call(down, { fallback: () => [] }), []);
  assert.equal(await it.call(() => 'well', { fallback: 5 }), 'well');
  assert.equal(it.snapshot().counts.fallbacks, 5);
});

test('the outcome says degraded, from which step, and why', async () => {
  const { it } = made();
  const events = [];
  it.onEvent((event) => events.push(event));
  const failed = await it.callDetailed(down, { fallback: () => 'cached' });
  assert.deepEqual(
    [failed.value, failed.degraded, failed.step, failed.source, failed.reason, failed.attempts, failed.error.message],
    ['cached', true, 0, 'function', 'attempts_used', 1, 'down'],
  );
  it.forceOpen();
  const refused = await it.callDetailed(down, { fallback: [() => { throw new Error('no cache'); }, 'cached'] });
  assert.deepEqual([refused.step, refused.source, refused.reason, refused.attempts, refused.error.name], [1, 'value', 'breaker_forced_open', 0, 'BreakerOpenError']);
  it.reset();
  const well = await it.callDetailed(() => 1, { fallback: 'cached' });
  assert.deepEqual([well.degraded, well.step, well.source, well.reason, well.error], [false, undefined, undefined, undefined, undefined]);
  assert.deepEqual(events.filter(({ kind }) => kind === 'fallback').map(({ step, source, reason }) => [step, source, reason]), [[0, 'function', 'attempts_used'], [1, 'value', 'breaker_forced_open']]);
});

test('the last good value is served up to an age', async () => {
  const { it, clock } = made();
  const last = seawall.lastGood({ maxAgeMs: 60_000, maxEntries: 2 });
  const get = (name, fn) => it.callDetailed(fn, { fallback: last.for(name) });
  await assert.rejects(get('a', down), { message: 'down' }, 'nothing yet: the error itself');
  await get('a', () => 1);
  await get('b', () => 2);
  clock.advance(60_000);
  const served = await get('a', down);
  assert.deepEqual([served.value, served.step, served.source, served.degraded], [1, 0, 'last_good', true]);
  clock.advance(1);
  await assert.rejects(get('a', down), { message: 'down' });
  for (const name of ['c', 'd', 'e']) await get(name, () => name);
  assert.equal(last.size, 2);
  last.clear();
  assert.equal(last.size, 0);
});

test('the age and the number of last good values have ranges', () => {
  for (const maxAgeMs of [0, 0.999, 31_622_400_001, Infinity, NaN, '5', undefined]) {
    assert.throws(() => new seawall.LastGood({ maxAgeMs }), (error) => {
      assert.deepEqual([error.name, error.field, error.value, error.range], ['ConfigError', 'maxAgeMs', maxAgeMs, '1 to 31622400000 (milliseconds)']);
      return true;
    });
  }
  for (const maxEntries of [0, 1_000_001, 1.5, NaN, '5']) {
    assert.throws(() => seawall.lastGood({ maxAgeMs: 1, maxEntries }), (error) => {
      assert.deepEqual([error.name, error.field, error.value, error.range], ['ConfigError', 'maxEntries', maxEntries, 'a whole number from 1 to 1000000']);
      return true;
    });
  }
  assert.equal(seawall.lastGood({ maxAgeMs: 31_622_400_000, maxEntries: 1_000_000 }).size, 0);
});

test('the last good value of a wrapped function is found by its arguments', async () => {
  const { it } = made();
  let isDown = false;
  const price = it.wrap(async (currency) => (isDown ? down() : `1 ${currency}`), { fallback: seawall.lastGood({ maxAgeMs: 1000, key: (currency) => currency }) });
  await price('EUR');
  await price('USD');
  isDown = true;
  assert.equal(await price('EUR'), '1 EUR');
  await assert.rejects(price('JPY'), { message: 'down' });
});

test('a key that throws loses no result', async () => {
  const { it } = made();
  const warning = new Promise((resolve) => process.once('warning', resolve));
  const wrapped = it.wrap(() => 'well', { fallback: seawall.lastGood({ maxAgeMs: 1000, key: () => { throw new Error('no key'); } }) });
  assert.equal(await wrapped(), 'well');
  assert.match((await warning).message, /no key/);
});

test('a failing fallback throws its own error with the original as its cause', async () => {
  const { it } = made();
  await assert.rejects(it.call(down, { fallback: () => { throw new Error('no cache'); } }), (error) => {
    assert.deepEqual([error.message, error.cause.message], ['no cache', 'down']);
    return true;
  });
  await assert.rejects(it.call(down, { fallback: () => { throw 'odd'; } }), (error) => {
    assert.ok(error instanceof seawall.FallbackError);
    assert.deepEqual([error.thrown, error.cause.message], ['odd', 'down']);
    return true;
  });
  await assert.rejects(it.call(down, { fallback: (error) => { throw error; } }), { message: 'down' });
});

test('a forbidden fallback is an error where it is declared', async () => {
  const { it } = made({ criticality: 'critical' });
  assert.throws(() => it.wrap(() => 1, { fallback: 5 }), { name: 'ConfigError', field: 'fallback' });
  let calls = 0;
  await assert.rejects(it.call(() => { calls += 1; }, { fallback: 5 }), { name: 'ConfigError', field: 'fallback' });
  assert.equal(calls, 0);
  const allowed = made({ criticality: 'critical', fallback: 'allowed' }).it;
  assert.equal(await allowed.call(down, { fallback: 5 }), 5);
  assert.throws(() => it.callSync(() => 1, { fallback: 5 }), { field: 'fallback' });
});

test('a call that its caller gave up is not covered', async () => {
  const { it } = made();
  const controller = new AbortController();
  const running = it.call(() => new Promise(() => {}), { signal: controller.signal, fallback: 5 });
  controller.abort();
  await assert.rejects(running, { name: 'AbortError' });
});
