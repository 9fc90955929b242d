// Tells the stories of policy.json: whole calls, driven by hand at given times.

import assert from 'node:assert/strict';

import * as seawall from 'seawall';

const ms = (ns) => ns / 1e6;
const ns = (millis) => Math.round(millis * 1e6);
const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

// A table in JSON as the body of a table of seawall.toml.
const inline = (value) =>
  Array.isArray(value) ? `[${value.map(inline).join(', ')}]`
  : typeof value === 'object' ? `{ ${Object.entries(value).map(([key, one]) => `${key} = ${inline(one)}`).join(', ')} }`
  : JSON.stringify(value);
const toml = (table) => Object.entries(table).map(([key, value]) => `${key} = ${inline(value)}\n`).join('');

const names = (error, key) => assert.ok(error instanceof seawall.PolicyError && error.problems.some((problem) => problem.key === key), `${key}: ${error}`);

const ACTIONS = ['run', 'sleep', 'wait', 'finish'];
const TAKEN = 'at_ns do call deadline_ns critical idempotent costs outcome retryable not_sent cause retry_after_ns random as place limit tokens policy expect key'.split(' ');

function told(action) {
  switch (action.kind) {
    case 'run': return { attempt: action.attempt, timeout_ns: ns(action.timeoutMs) };
    case 'sleep': return { span_ns: ns(action.spanMs) };
    case 'wait': return { span_ns: ns(action.atMostMs) };
    case 'finish': return {
      end: action.end, stop: action.stop, attempts: action.attempts, may_fall_back: action.mayFallBack, limiter: action.limiter,
      status: action.refusal?.code, retry_after_ns: action.refusal && ns(action.refusal.retryAfterMs),
    };
  }
}

const VERBS = {
  begin: ({ dependency, clock, calls }, step) => {
    if (calls[step.call]?.isUnderWay) return 'argument';
    const deadline = step.deadline_ns === undefined ? undefined : seawall.Deadline.after(Math.max(0, ms(step.deadline_ns - step.at_ns)), { clock });
    const call = dependency.begin({ deadline, critical: step.critical, idempotent: step.idempotent, costs: step.costs });
    calls[step.call] = call;
    return call.action;
  },
  ended: ({ calls }, step) => calls[step.call]?.ended({
    outcome: step.outcome, retryable: step.retryable, notSent: step.not_sent, cause: step.cause,
    retryAfterMs: ms(step.retry_after_ns ?? 0), random: BigInt(step.random ?? 1),
  }) ?? 'argument',
  woke: ({ calls }, step) => calls[step.call]?.woke() ?? 'argument',
  cancelled: ({ calls }, step) => calls[step.call]?.cancelled() ?? 'argument',
  keep: ({ calls, places }, step) => void (places[step.as] = calls[step.call].keep()),
  release: ({ places }, step) => (places[step.place]() ? 'ok' : 'stale'),
  force_open: ({ dependency }) => dependency.forceOpen(),
  disable: ({ dependency }) => dependency.disable(),
  reset: ({ dependency }) => dependency.reset(),
  adjust: ({ dependency }, step) => dependency.adjust(dependency.policy.limits[step.limit], step.tokens),
  reload: ({ wall }, step) => wall.redefine('it', toml(step.policy)),
  look: () => {},
};

export function tell({ policy, steps, error }) {
  const clock = new seawall.ManualClock(ms(1));
  const wall = new seawall.Seawall({ clock });
  if (error !== undefined) {
    return assert.throws(() => wall.define('it', toml(policy)), (thrown) => names(thrown, error.key) ?? true);
  }
  const story = { wall, clock, dependency: wall.define('it', toml(policy)), calls: {}, places: {} };
  for (const [index, step] of steps.entries()) {
    const where = `step ${index}: ${JSON.stringify(step)}`;
    clock.set(ms(step.at_ns));
    let came;
    try {
      came = VERBS[step.do](story, step);
    } catch (thrown) {
      if (!seawall.isSeawallError(thrown)) throw thrown;
      if (step.key !== undefined) names(thrown, step.key);
      came = thrown.code;
    }
    const call = story.calls[step.call];
    if (call !== undefined) call.isUnderWay = call.action.kind !== 'finish';
    if (typeof came !== 'object') assert.equal(came ?? 'ok', step.expect ?? 'ok', where);
    else assert.ok(step.expect === undefined && step[came.kind] !== undefined, `${where} came to ${JSON.stringify(told(came))}`);
    for (const [check, wanted] of Object.entries(step).filter(([key]) => !TAKEN.includes(key))) {
      const seen = story.dependency.snapshot();
      const same = (got) => assert.deepEqual(got, wanted, `${check}, ${where}`);
      if (ACTIONS.includes(check)) {
        assert.equal(came.kind, check, where);
        const action = told(came);
        for (const [key, value] of Object.entries(wanted)) assert.equal(action[key], value, `${key}, ${where}`);
      } else if (check === 'counters') {
        for (const [key, value] of Object.entries(wanted)) assert.equal(seen.counts[camel(key)], value, `${key}, ${where}`);
      } else if (check === 'transition') same(`${call.notes.transition?.from}->${call.notes.transition?.to}`);
      else if (check === 'freed') same(call.notes.freed);
      else if (check === 'late') same(call.notes.late);
      else if (check === 'state') same(seen.breaker.state);
      else if (check === 'in_use') same(seen.bulkhead.inUse);
      else if (check === 'waiting') same(seen.bulkhead.waiting);
      else if (check === 'tokens_milli') same(Math.round(seen.retryBudget.tokens * 1000));
      else if (check === 'retries_in_flight') same(seen.retryBudget.retriesInFlight);
      else if (check === 'remaining') same(Array.isArray(wanted) ? seen.rateLimits.map((limit) => limit.remaining) : seen.rateLimits[0].remaining);
      else assert.fail(`an unknown check ${check}, ${where}`);
    }
  }
}
