// Bad input: every wrong value is a typed error that names the field, the value and the range.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';

import * as seawall from 'seawall';

const { Backoff, Breaker, Bulkhead, ConfigError, Deadline, Histogram, Limiter, ManualClock, RetryBudget, SeawallError } = seawall;

const limiter = (options) => new Limiter({ rate: '10/s', ...options });
const MAKE = {
  Breaker: (options) => new Breaker(options),
  Bulkhead: (options) => new Bulkhead(options),
  Limiter: limiter,
  RetryBudget: (options) => new RetryBudget(options),
  Backoff: (options) => new Backoff(options),
};
const COUNTS = {
  Breaker: ['consecutiveFailures', 'windowCalls', 'minCalls', 'probes', 'minWitnesses'],
  Bulkhead: ['maxConcurrent', 'reserved', 'maxWaiting', 'capacity'],
  Limiter: ['burst'],
  RetryBudget: ['minPerSecond', 'cap', 'minConcurrentRetries'],
  Backoff: [],
};
const SPANS = {
  Breaker: ['slowAfterMs', 'windowMs', 'openForMs', 'openMaxMs', 'probeLeaseMs'],
  Bulkhead: [],
  Limiter: [],
  RetryBudget: ['windowMs'],
  Backoff: ['baseMs', 'capMs'],
};
const RATIOS = {
  Breaker: ['failureRate', 'slowRate', 'openBackoff', 'openJitter'],
  Bulkhead: [],
  Limiter: [],
  RetryBudget: ['ratio', 'maxConcurrentRetriesRatio'],
  Backoff: ['factor'],
};

function refuses(make, field, value) {
  assert.throws(make, (error) => {
    assert.ok(error instanceof ConfigError && error instanceof SeawallError, String(error));
    assert.equal(error.field, field, error.message);
    assert.ok(Object.is(error.value, value), `${error.message}: ${String(error.value)}`);
    assert.ok(error.range.length > 0 && error.message.startsWith(`${field}: `), error.message);
    return true;
  }, `${field} = ${String(value)}`);
}

for (const [name, make] of Object.entries(MAKE)) {
  test(`${name} refuses numbers that are none of theirs`, () => {
    const never = [-1, NaN, Infinity, -Infinity, '5', null, 5n, true, {}, []];
    for (const [fields, values] of [
      [COUNTS[name], [...never, 1.5, 2 ** 33, Number.MAX_SAFE_INTEGER, 1e300, -0.5]],
      [SPANS[name], [...never, 1e15, Number.MAX_VALUE]],
      [RATIOS[name], [...never, 100, 1e300, 0.0001]],
    ]) {
      for (const field of fields) {
        // The core looks at this one only when its rule is on.
        const others = field === 'slowAfterMs' ? { slowRate: 0.5 } : {};
        for (const value of values) refuses(() => make({ ...others, [field]: value }), field, value);
      }
    }
  });

  test(`${name} refuses options it does not know, and options that are none`, () => {
    refuses(() => make({ opnForMs: 5 }), 'opnForMs', 5);
    if (name !== 'Limiter') for (const value of [5, null, 'x', []]) refuses(() => make(value), 'options', value);
  });

  test(`${name} leaves the options alone and takes undefined for the default`, () => {
    const options = Object.freeze(Object.fromEntries([...COUNTS[name], ...SPANS[name], ...RATIOS[name]].map((field) => [field, undefined])));
    make(options);
    make(Object.freeze(Object.create(null)));
  });

  if (name !== 'Backoff') {
    test(`${name} refuses empty names, unknown modes and things that are no clock`, () => {
      for (const value of ['', '  ', 5, null]) refuses(() => make({ name: value }), 'name', value);
      for (const value of ['Enforce', 0, null, true]) refuses(() => make({ mode: value }), 'mode', value);
      for (const value of ['utc', 5, null, {}, { nowMs: 5 }]) refuses(() => make({ clock: value }), 'clock', value);
    });
  }
}

test('the message says what is allowed, in the unit of the field', () => {
  const message = (make) => {
    try {
      return make();
    } catch (error) {
      return error.message;
    }
  };
  assert.equal(message(() => new Breaker({ openForMs: -1 })), 'openForMs: -1 is not 1 to 86400000 (milliseconds)');
  assert.equal(message(() => new Breaker({ failureRate: 50 })), 'failureRate: 50 is not 0 to 1 in steps of 0.001');
  assert.equal(message(() => new Breaker({ probes: 33 })), 'probes: 33 is not a whole number from 1 to 32');
  assert.equal(message(() => new Bulkhead({ maxConcurrent: 0 })), 'maxConcurrent: 0 is not a whole number from 1 to 4096');
  assert.equal(message(() => limiter({ burst: 0 })).slice(0, 32), 'burst: 0 is not a whole number f');
});

test('zero is a value, not the default', () => {
  const breaker = new Breaker({ consecutiveFailures: 0, failureRate: 0 });
  for (let turn = 0; turn < 200; turn++) breaker.acquire().failure();
  assert.equal(breaker.state, 'closed');
  assert.equal(new Backoff({ baseMs: 0 }).delayMs(5), 0);
  assert.equal(new RetryBudget({ minPerSecond: 0 }).snapshot().tokens, 0);
});

test('settings that contradict each other are refused', () => {
  refuses(() => new Breaker({ windowCalls: 10, minCalls: 20 }), 'minCalls', 20);
  refuses(() => new Breaker({ openForMs: 600_000, openMaxMs: 300_000 }), 'openMaxMs', 300_000);
  refuses(() => new Breaker({ slowRate: 0.5 }), 'slowAfterMs', 0);
  refuses(() => new Bulkhead({ maxConcurrent: 4, reserved: 4 }), 'reserved', 4);
  refuses(() => new Bulkhead({ maxConcurrent: 5, capacity: 4 }), 'maxConcurrent', 5);
  refuses(() => new Bulkhead({ capacity: 0 }), 'capacity', 0);
  refuses(() => new Backoff({ baseMs: 100, capMs: 99 }), 'capMs', 99);
});

test('defaults follow what is given', () => {
  const breaker = new Breaker({ windowCalls: 4, openForMs: 3_600_000, consecutiveFailures: 0 });
  for (let call = 0; call < 4; call += 1) {
    breaker.acquire().failure();
  }
  assert.equal(breaker.state, 'open');
});

test('rates that are none are refused', () => {
  for (const rate of ['', '100', '100/x', '-1/s', '1.5/s', 'fast', '/s', '100/', 5, null, undefined, [], {}, { permits: 5 }]) {
    refuses(() => new Limiter({ rate }), 'rate', rate);
  }
  for (const rate of ['0/s', '2000000000/s', '1/0s', '1/32d', '2/ns']) refuses(() => new Limiter({ rate }), 'rate', rate);
  refuses(() => new Limiter({ rate: { permits: -1, periodMs: 1 } }), 'rate.permits', -1);
  refuses(() => new Limiter({ rate: { permits: 1.5, periodMs: 1 } }), 'rate.permits', 1.5);
  refuses(() => new Limiter({ rate: { permits: 1, periodMs: 0 } }), 'rate.periodMs', 0);
  refuses(() => new Limiter({ rate: { permits: 1, periodMs: NaN } }), 'rate.periodMs', NaN);
  refuses(() => new Limiter({ rate: { permits: 1, perMs: 5 } }), 'perMs', 5);
  refuses(() => new Limiter(), 'rate', undefined);
});

test('functions where functions belong', () => {
  for (const field of ['onTransition', 'failureIf', 'retryAfterOf', 'on', 'ignore']) refuses(() => new Breaker({ [field]: 5 }), field, 5);
  refuses(() => new Breaker().wrap(5), 'fn', 5);
  refuses(() => new Breaker().onTransition(5), 'onTransition', 5);
  refuses(() => new Backoff({ random: 5 }), 'random', 5);
  for (const seed of [-1, 1.5, 2 ** 53, 1n << 64n, -1n, 'x']) refuses(() => new Breaker({ seed }), 'seed', seed);
});

test('arguments are checked like settings', async () => {
  const bucket = limiter({ burst: 5 });
  for (const n of [-1, 1.5, NaN, Infinity, '1', null, 2n]) {
    refuses(() => bucket.tryAcquire(n), 'n', n);
    refuses(() => bucket.reserve(n), 'n', n);
    await assert.rejects(bucket.acquire(n), { name: 'ConfigError', field: 'n' });
    if (n !== -1) refuses(() => bucket.adjust(n), 'n', n);
  }
  assert.throws(() => bucket.tryAcquire(2 ** 33), { code: 'exceeds_capacity' });
  const bulkhead = new Bulkhead({ maxConcurrent: 2 });
  for (const size of [0, -1, 2 ** 33, NaN, 1.5, undefined]) refuses(() => bulkhead.resize(size), 'maxConcurrent', size);
  refuses(() => bulkhead.resize(2, { reserved: 2 }), 'reserved', 2);
  for (const maxWaitMs of [-1, NaN, '5', null]) {
    await assert.rejects(bulkhead.acquire({ maxWaitMs }), { field: 'maxWaitMs' });
    await assert.rejects(bucket.acquire(1, { maxWaitMs }), { field: 'maxWaitMs' });
  }
  for (const signal of [5, null, {}]) {
    await assert.rejects(bulkhead.acquire({ signal }), { field: 'signal' });
    await assert.rejects(new Breaker().call(() => 1, { signal }), { field: 'signal' });
    await assert.rejects(bucket.acquire(1, { signal }), { field: 'signal' });
  }
  await assert.rejects(bulkhead.acquire({ timeout: 5 }), { field: 'timeout' });
  await assert.rejects(bulkhead.acquire({ critical: 1 }), { field: 'critical' });
  refuses(() => new Breaker().acquire().record('ok'), 'outcome', 'ok');
  refuses(() => new Breaker().acquire().failure(null, { retryAfterMs: -1 }), 'retryAfterMs', -1);
  refuses(() => new RetryBudget().tryWithdraw('slow'), 'cause', 'slow');
  refuses(() => new RetryBudget().record(0), 'outcome', 0);
  for (const attempt of [0, -1, 1.5, 2 ** 33, NaN]) refuses(() => new Backoff().delayMs(attempt), 'attempt', attempt);
  refuses(() => new Backoff().delayMs(1, { previousMs: NaN }), 'previousMs', NaN);
  refuses(() => new Backoff().delayMs(1, { random: 1n << 64n }), 'random', 1n << 64n);
  for (const ms of [-1, NaN, Infinity, '5']) {
    refuses(() => Deadline.after(ms), 'ms', ms);
    refuses(() => new Histogram().record(ms), 'latencyMs', ms);
    refuses(() => new ManualClock().advance(ms), 'ms', ms);
  }
  for (const share of [-0.1, 1.1, NaN, '1']) {
    refuses(() => new Histogram().quantile(share), 'share', share);
    refuses(() => Deadline.after(1).keep(share), 'share', share);
  }
  const nothing = {};
  refuses(() => new Histogram().merge(nothing), 'other', nothing);
  refuses(() => Deadline.after(1).nearer(nothing), 'other', nothing);
});

test('a refusal and an error are told apart, also over realms and copies', () => {
  const breaker = new Breaker();
  breaker.forceOpen();
  let refusal;
  try {
    breaker.acquire();
  } catch (error) {
    refusal = error;
  }
  assert.ok(seawall.isRefused(refusal) && !seawall.isSeawallError(refusal));
  assert.ok(!seawall.isRefused(new Error('x')) && !seawall.isRefused(null) && !seawall.isRefused('x'));
  const foreign = runInNewContext("Object.assign(new Error('x'), { [Symbol.for('seawall.refused')]: true })");
  assert.ok(seawall.isRefused(foreign));
  try {
    new Breaker({ probes: 0 });
  } catch (error) {
    assert.ok(seawall.isSeawallError(error) && !seawall.isRefused(error));
    assert.match(error.stack, /errors\.test\.mjs/);
  }
});
