// Tells the stories of tests/vectors through the package as its users meet it.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';

import * as seawall from 'seawall';

import * as http from './stories/http.mjs';
import * as policy from './stories/policy.mjs';

const FOLDER = new URL('../../tests/vectors/', import.meta.url);
const CASES = { breaker: 141, bulkhead: 32, limiter: 47, retry_budget: 66, backoff: 31, deadline: 13, histogram: 12, http: 35, policy: 190 };
const TOLD_ELSEWHERE = { http: http.tell, policy: policy.tell };

const ms = (ns) => ns / 1e6;
const share = (permille) => permille / 1000;
const ns = (millis) => Math.round(millis * 1e6);
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

// Field names of the C structures in the units and words of the options: `open_for_ns` becomes `openForMs`.
function options(config, renamed = {}) {
  const entries = Object.entries(config).map(([key, value]) => {
    const name = key.replace(/_(ns|permille)$/, '');
    const option = renamed[name] ?? camel(name) + (key.endsWith('_ns') ? 'Ms' : '');
    return [option, key.endsWith('_ns') ? ms(value) : key.endsWith('_permille') ? share(value) : value];
  });
  return Object.fromEntries(entries);
}

const PRIMITIVES = {
  breaker: {
    make: (config, clock, changes) => {
      const renamed = { failure: 'failureRate', slow: 'slowRate' };
      const given = options({ probe_lease_ns: 30e9, ...config }, renamed);
      if ('seed' in config) given.seed = BigInt(config.seed);
      return new seawall.Breaker({ ...given, clock, onTransition: (change) => changes.push(`${change.from}->${change.to}`) });
    },
    acquire: (it, step, kept) => (kept[step.as] = it.acquire()),
    record: (_, step, kept) =>
      kept[step.permit].record(step.outcome, { retryAfterMs: ms(step.retry_after_ns ?? 0) }) ? 'ok' : 'late',
    call: (it, step) => void it.acquire().record(step.outcome, { retryAfterMs: ms(step.retry_after_ns ?? 0) }),
    cancel: (_, step, kept) => kept[step.permit].cancel(),
    force_open: (it) => it.forceOpen(),
    disable: (it) => it.disable(),
    reset: (it) => it.reset(),
    look: (it) => {
      const seen = it.snapshot();
      return { ...seen, retry_after_ns: ns(seen.retryAfterMs), probes_in_flight: seen.probesInFlight };
    },
  },
  bulkhead: {
    make: (config, clock) => new seawall.Bulkhead({ ...options({ capacity: config.max_concurrent ?? 20, ...config }), clock }),
    acquire: (it, step, kept) => (kept[step.as] = it.tryAcquire({ critical: step.critical })),
    release: (_, step, kept) => (kept[step.permit].release() ? 'ok' : 'stale'),
    resize: (it, step) => it.resize(step.max_concurrent, { reserved: step.reserved }),
    begin_wait: (it) => it.beginWait(),
    end_wait: (it) => it.endWait(),
    look: (it) => {
      const seen = it.snapshot();
      return { ...seen, in_use: seen.inUse, shadow_refused: seen.shadowRefused, longest_hold_ns: ns(seen.longestHoldMs) };
    },
  },
  limiter: {
    make: ({ permits, period_ns, ...config }, clock) =>
      new seawall.Limiter({ ...config, rate: { permits, periodMs: ms(period_ns) }, clock }),
    field: { 'rate.permits': 'rate', 'rate.periodMs': 'period' },
    acquire: (it, step) => it.tryAcquire(step.n),
    reserve: (it, step, kept) => {
      const reservation = (kept[step.as] = it.reserve(step.n, { maxWaitMs: ms(step.max_wait_ns) }));
      if ('wait_ns' in step) assert.equal(ns(reservation.waitMs), step.wait_ns, 'wait_ns');
    },
    cancel: (it, step, kept) => it.cancel(kept[step.reservation]),
    adjust: (it, step) => it.adjust(step.n),
    set_rate: (it, step) => it.setRate({ permits: step.permits, periodMs: ms(step.period_ns) }, { burst: step.burst }),
    look: (it) => {
      const seen = it.snapshot();
      return { ...seen, reset_ns: ns(seen.resetMs), retry_after_ns: ns(seen.retryAfterMs) };
    },
  },
  retry_budget: {
    make: ({ now_ns = 1, ...config }, clock) => {
      clock.set(ms(now_ns));
      const renamed = { max_concurrent_retries: 'maxConcurrentRetriesRatio' };
      return new seawall.RetryBudget({ ...options(config, renamed), clock });
    },
    deposit: (it) => it.deposit(),
    withdraw: (it, step, kept) => (kept[step.as] = it.tryWithdraw(step.class)),
    record: (it, step, kept) => it.record(step.outcome, step.withdrawal && kept[step.withdrawal]),
    cancel: (it, step, kept) => it.cancel(kept[step.withdrawal]),
    finish: (it) => it.finish(),
    look: (it) => {
      const seen = it.snapshot();
      const tokens_milli = Math.round(seen.tokens * 1000);
      return { ...seen, tokens_milli, calls_in_flight: seen.callsInFlight, retries_in_flight: seen.retriesInFlight };
    },
  },
  backoff: {
    make: (config) => new seawall.Backoff(options(config)),
    delay: (it, step, kept) => {
      const [previousMs, retryAfterMs] = [ms(step.previous_ns ?? 0), ms(step.retry_after_ns ?? 0)];
      kept.delay = it.delayMs(step.attempt, { previousMs, retryAfterMs, random: BigInt(step.random) });
    },
    look: (_, kept) => ({ delay_ns: ns(kept.delay) }),
  },
  deadline: {
    make: (_, clock) => seawall.Deadline.never({ clock }),
    after: (_, step, kept) => (kept.now = seawall.Deadline.after(ms(step.duration_ns), { clock: kept.clock })),
    remaining: () => {},
    attempt_timeout: (_, step, kept) => (kept.attempt = kept.now.attemptTimeoutMs(ms(step.timeout_ns))),
    keep: (_, step, kept) => (kept.now = kept.now.keep(share(step.reserve_permille))),
    nearer: (_, step, kept) => {
      const other = seawall.Deadline.after(ms(step.at_other_ns - step.at_ns), { clock: kept.clock });
      kept.now = kept.now.nearer(other);
    },
    look: (_, kept) => ({ remaining_ns: ns(kept.now.remainingMs), expired: kept.now.isExpired, attempt_ns: ns(kept.attempt) }),
  },
  histogram: {
    make: () => new seawall.Histogram(),
    record: (it, step) => it.record(ms(step.value_ns)),
    quantile: (it, step, kept) => (kept.value = it.quantile(step.ppm / 1e6)),
    look: (it, kept) => ({ value_ns: ns(kept.value), total: it.total }),
  },
};

const ARGUMENTS = 'at_ns do expect repeat as permit outcome critical withdrawal class reservation n max_wait_ns attempt previous_ns random ppm'.split(' ');
const MORE_ARGUMENTS = {
  'breaker record': ['retry_after_ns'], 'breaker call': ['retry_after_ns'], 'backoff delay': ['retry_after_ns'],
  'bulkhead resize': ['max_concurrent', 'reserved'], 'limiter set_rate': ['permits', 'period_ns', 'burst'],
  'deadline after': ['duration_ns'], 'deadline keep': ['reserve_permille'], 'deadline nearer': ['at_other_ns'],
  'deadline attempt_timeout': ['timeout_ns'], 'histogram record': ['value_ns'],
};

function tell(primitive, { config, steps, error }) {
  const rules = PRIMITIVES[primitive];
  const clock = new seawall.ManualClock(ms(1));
  const [changes, kept] = [[], { clock, attempt: NaN, delay: NaN, value: NaN }];
  if (error !== undefined) {
    return assert.throws(() => rules.make(config, clock, changes), (thrown) => {
      assert.ok(thrown instanceof seawall.ConfigError, String(thrown));
      assert.equal(rules.field?.[thrown.field] ?? snake(thrown.field.replace(/Ms$/, '')), error.field);
      return true;
    });
  }
  const it = rules.make(config, clock, changes);
  kept.now = it;
  for (const [index, step] of steps.entries()) {
    const told = `step ${index}: ${JSON.stringify(step)}`;
    clock.set(ms(step.at_ns));
    let refusal;
    for (let turn = 0; turn < (step.repeat ?? 1); turn++) {
      let answer;
      try {
        changes.length = 0;
        answer = step.do === 'look' ? 'ok' : rules[step.do](it, step, kept);
      } catch (thrown) {
        if (!seawall.isRefused(thrown) && !seawall.isSeawallError(thrown)) throw thrown;
        refusal = thrown;
        answer = thrown.code;
      }
      assert.equal(typeof answer === 'string' ? answer : 'ok', step.expect ?? 'ok', told);
    }
    const known = [...ARGUMENTS, ...(MORE_ARGUMENTS[`${primitive} ${step.do}`] ?? [])];
    for (const [check, wanted] of Object.entries(step).filter(([key]) => !known.includes(key))) {
      const seen = rules.look.length === 2 ? rules.look(it, kept) : rules.look(it);
      if (check === 'transition') assert.equal(changes[0], wanted, told);
      else if (check === 'retry_after_ns' && refusal) assert.equal(ns(refusal.retryAfterMs), wanted, told);
      else if (check === 'wait_ns') continue;
      else if (typeof wanted === 'object') {
        for (const [key, count] of Object.entries(wanted)) assert.equal(seen[check][camel(key)], count, `${key}, ${told}`);
      } else assert.equal(seen[check], wanted, `${check}, ${told}`);
    }
  }
}

let passed = 0;
for (const [primitive, count] of Object.entries(CASES)) {
  const { cases, ...head } = JSON.parse(readFileSync(new URL(`${primitive}.json`, FOLDER), 'utf8'));
  test(`${primitive}.json has lost no case since this runner was written`, () => {
    assert.deepEqual(head, { primitive, version: 1 });
    assert.ok(cases.length >= count, `${cases.length} of ${count} cases are left`);
  });
  for (const story of cases) {
    test(`${primitive}: ${story.name}`, () => {
      (TOLD_ELSEWHERE[primitive] ?? ((own) => tell(primitive, own)))(story);
      passed += 1;
    });
  }
}

after(() => {
  console.log(`vectors passed: ${passed}`);
  const report = process.env.SEAWALL_VECTORS_REPORT;
  if (report) writeFileSync(report, `${passed}\n`);
});
