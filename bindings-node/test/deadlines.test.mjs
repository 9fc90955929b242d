// Deadlines: inherited by what is called below, and told to other services.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import * as seawall from 'seawall';

const { Deadline, FakeClock = seawall.ManualClock, HeaderError, currentDeadline, extractDeadline, injectDeadline, withDeadline } = seawall;

test('calls below inherit the nearer deadline, over any await', async () => {
  const clock = new FakeClock();
  const wall = new seawall.Seawall({ clock });
  const outer = wall.define('outer', { timeoutMs: 5000, deadlineMs: 5000 });
  const inner = wall.define('inner', { timeoutMs: 2000, deadlineMs: 9000 });
  const seen = await outer.call(async () => {
    await null;
    clock.advance(4000);
    return inner.call(({ timeoutMs, deadline }) => [timeoutMs, deadline.remainingMs, currentDeadline().remainingMs]);
  });
  assert.deepEqual(seen, [1000, 1000, 1000]);
  assert.equal(currentDeadline(), undefined);
});

test('withDeadline gives one to everything below', async () => {
  const clock = new FakeClock();
  const wall = new seawall.Seawall({ clock });
  const it = wall.define('it', { timeoutMs: 2000, reserve: 0.1 });
  const left = () => it.call(({ timeoutMs }) => timeoutMs);
  assert.equal(await withDeadline(1000, left, { clock }), 900, 'a share is kept for the caller');
  assert.equal(await withDeadline(1000, () => withDeadline(5000, left, { clock }), { clock }), 900, 'the nearer counts');
  assert.equal(await withDeadline(Deadline.after(500, { clock }), left), 450);
  await withDeadline(1000, async () => {
    clock.advance(1000);
    await assert.rejects(left(), { code: 'deadline_exceeded', name: 'DeadlineExceededError' });
  }, { clock });
  assert.equal(await left(), 2000);
  for (const value of [NaN, -1, '5', null]) assert.throws(() => withDeadline(value, left), seawall.ConfigError);
  assert.throws(() => withDeadline(5, 5), { field: 'fn' });
});

test('a deadline of another clock counts by what is left of it', async () => {
  const wall = new seawall.Seawall({ clock: new FakeClock(5_000_000) });
  const it = wall.define('it', { timeoutMs: 60_000 });
  const timeoutMs = await withDeadline(10_000, () => it.call((attempt) => attempt.timeoutMs));
  assert.ok(timeoutMs > 9000 && timeoutMs <= 10_000, `${timeoutMs}`);
});

test('the work under way keeps its deadline apart from others', async () => {
  const left = async (ms) => withDeadline(ms, async () => {
    await sleep(1);
    return currentDeadline().remainingMs;
  });
  const [near, far] = await Promise.all([left(1000), left(60_000)]);
  assert.ok(near <= 1000 && far > 50_000);
});

const CARRIERS = {
  'a plain object': (fields) => fields,
  'a Headers': (fields) => new Headers(fields),
  'a Map': (fields) => new Map(Object.entries(fields)),
};
for (const [name, make] of Object.entries(CARRIERS)) {
  test(`a deadline goes into ${name} and comes out of it`, () => {
    const clock = new FakeClock();
    const headers = make({ accept: '*/*' });
    assert.equal(injectDeadline(headers, { deadline: Deadline.after(1500, { clock }) }), headers);
    const get = (key) => (typeof headers.get === 'function' ? headers.get(key) : headers[key]);
    assert.deepEqual([get('grpc-timeout'), get('x-request-timeout-ms'), get('accept')], ['1500000u', '1500', '*/*']);
    assert.equal(extractDeadline(headers, { clock }).remainingMs, 1500);
    assert.equal(extractDeadline(make({ 'X-Request-Timeout-Ms': '250' }), { clock }).remainingMs, 250);
    assert.equal(extractDeadline(make({ 'grpc-timeout': '2S', 'x-request-timeout-ms': '100' }), { clock }).remainingMs, 100, 'the nearer');
    assert.equal(extractDeadline(make({})), undefined);
    const expired = extractDeadline(make({ 'grpc-timeout': '0n' }), { clock });
    assert.equal(expired.isExpired, true);
  });
}

test('without a deadline nothing is written; with one under way that is taken', () => {
  assert.deepEqual(injectDeadline({}), {});
  assert.deepEqual(injectDeadline({}, { deadline: Deadline.never() }), {});
  withDeadline(60_000, () => {
    assert.match(injectDeadline({}, { format: 'grpc' })['grpc-timeout'], /^\d+u$/);
    assert.deepEqual(Object.keys(injectDeadline({}, { format: 'ms' })), ['x-request-timeout-ms']);
  });
});

test('malformed and absurd headers are refused, and no piece of them is repeated', () => {
  const faults = {
    'grpc-timeout': { '': 'empty', '5s': 'malformed', '-1S': 'malformed', '123456789n': 'malformed', '25H': 'too_large', NaN: 'malformed' },
    'x-request-timeout-ms': { '': 'empty', '1.5': 'malformed', '-1': 'malformed', '1e3': 'malformed', '86400001': 'too_large', 'soon, now': 'malformed' },
  };
  for (const [header, values] of Object.entries(faults)) {
    for (const [value, fault] of Object.entries(values)) {
      for (const make of Object.values(CARRIERS)) {
        assert.throws(() => extractDeadline(make({ [header]: value })), (error) => {
          assert.ok(error instanceof HeaderError && seawall.isSeawallError(error));
          assert.deepEqual([error.code, error.header, error.fault], ['header', header, fault], `${header}: ${value}`);
          return true;
        });
      }
    }
  }
  const megabyte = '9'.repeat(1 << 20);
  assert.throws(() => extractDeadline({ 'grpc-timeout': megabyte }), (error) => error.fault === 'too_long' && error.bytes === 1 << 20 && error.message.length < 200);
  assert.throws(() => extractDeadline({ 'x-request-timeout-ms': ['5', '6'] }), { fault: 'malformed' });
  for (const headers of [null, undefined, 5, 'x', []]) {
    assert.throws(() => extractDeadline(headers), { field: 'headers' });
    assert.throws(() => injectDeadline(headers), { field: 'headers' });
  }
  assert.throws(() => injectDeadline({}, { deadline: 5 }), { field: 'deadline' });
  assert.throws(() => injectDeadline({}, { format: 'seconds' }), { field: 'format' });
});
