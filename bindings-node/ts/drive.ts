/** Drives calls: does what the core says until it says that the call is over. */

import timers from 'node:timers';

import { carrying } from './ambient.js';
import { isCancelled, onAbort } from './abort.js';
import { refusal } from './answer.js';
import { Attempt } from './attempt.js';
import { AttemptTimeoutError, ConfigError } from './errors.js';
import type { Served, Steps } from './fallback.js';
import { End, Flow, Kind, STOPS } from './flow.js';
import type { Place, Stop } from './flow.js';
import type { Inside } from './inside.js';
import * as native from '../native.js';
import { remember } from './outcome.js';
import type { CallOutcome } from './outcome.js';
import { FAILURE, outcomeOf } from './rules.js';
import type { Rules } from './rules.js';

/** How a call is made, checked. */
export interface Manner {
  readonly rules: Rules;
  readonly signal: AbortSignal | undefined;
  readonly fallback: Steps | undefined;
  /** Of the wrapped function, for fallbacks. */
  readonly args: readonly unknown[];
  readonly critical: boolean | undefined;
  /** What the call asks for beyond the policy, written for the core at its begin; undefined for nothing. */
  asked(inside: Inside): Float64Array | undefined;
}

/** The real ones, taken before a test can put fakes in their place: the turn that they give is not time to wait for. */
const { setImmediate, clearImmediate } = timers;

type Work = (attempt: Attempt) => unknown;

/** How an attempt's function ended. */
const enum How {
  Value,
  Error,
  Timeout,
  Cancelled,
}

interface Settled {
  readonly how: How;
  readonly what: unknown;
}

const NOTHING: Settled = { how: How.Error, what: undefined };

function isThenable(thing: unknown): thing is PromiseLike<unknown> {
  return (typeof thing === 'object' || typeof thing === 'function') && thing !== null && typeof (thing as { then?: unknown }).then === 'function';
}

function isCritical(inside: Inside, manner: Manner): boolean {
  return manner.critical ?? inside.facts?.criticality === 0;
}

/** A sleep that a signal ends early. Leaves neither timer nor listener behind. */
function sleep(inside: Inside, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    let stopListening: (() => void) | undefined;
    const stopTimer = inside.time.wait(ms, () => {
      stopListening?.();
      resolve();
    });
    if (signal !== undefined) {
      stopListening = onAbort(signal, () => {
        stopTimer();
        resolve();
      });
    }
  });
}

/** Waits as the flow says, or until the caller gives up. */
async function pause(flow: Flow, manner: Manner): Promise<void> {
  const { inside } = flow;
  const { signal } = manner;
  if (flow.kind === Kind.Wait) {
    await inside.queue.wait(flow, isCritical(inside, manner), signal);
    if (flow.kind === Kind.Wait && !signal?.aborted) {
      // The queue could not ask for it; whatever is wrong is thrown here.
      flow.woke();
    }
  } else {
    if (flow.spanMs > 0 && !signal?.aborted) {
      await sleep(inside, flow.spanMs, signal);
    }
    if (!signal?.aborted) {
      flow.woke();
    }
  }
}

/** Begins a call and waits until an attempt may be made, or the call is over. Throws the signal's reason. */
export async function admitted(inside: Inside, manner: Manner): Promise<Flow> {
  manner.signal?.throwIfAborted();
  const flow = new Flow(inside);
  flow.begin(manner.asked(inside));
  while (flow.kind === Kind.Sleep || flow.kind === Kind.Wait) {
    await pause(flow, manner);
    giveUpIfAborted(flow, manner.signal);
  }
  return flow;
}

function giveUpIfAborted(flow: Flow, signal: AbortSignal | undefined): void {
  // A call that has its result by now has it.
  if (flow.isUnderWay && signal?.aborted) {
    flow.cancelled();
    throw signal.reason;
  }
}

/** Makes a call and tells everything about its result. Throws the last real error, or the refusal. */
export async function drive(inside: Inside, fn: Work, manner: Manner): Promise<CallOutcome<unknown>> {
  manner.signal?.throwIfAborted();
  const startMs = inside.time.spanMs();
  const flow = new Flow(inside);
  flow.begin(manner.asked(inside));
  let last = NOTHING;
  try {
    while (flow.isUnderWay) {
      if (flow.kind !== Kind.Run) {
        await pause(flow, manner);
      } else {
        if (last.how === How.Value) {
          // A failed result that is now surely not the call's.
          await manner.rules.discard?.(last.what);
          giveUpIfAborted(flow, manner.signal);
        }
        const attempt = new Attempt(flow);
        const beganMs = inside.time.spanMs();
        last = start(inside, flow, fn, attempt);
        if (last.how === How.Value && isThenable(last.what)) {
          const leftMs = Math.max(0, flow.spanMs - (inside.time.spanMs() - beganMs));
          last = await settled(last.what, leftMs, flow, attempt, manner);
        }
        end(flow, last, manner);
      }
      giveUpIfAborted(flow, manner.signal);
    }
  } catch (error) {
    // Given up, or something of the user's threw where nothing should: either way nothing stays behind.
    if (flow.isUnderWay) {
      flow.cancelled();
    }
    if (last.how === How.Value) {
      await manner.rules.discard?.(last.what);
    }
    throw error;
  }
  return conclude(flow, last, manner, startMs);
}

/** Starts the function; what it throws at once is a result like any other. */
function start(inside: Inside, flow: Flow, fn: Work, attempt: Attempt): Settled {
  try {
    if (inside.faults.length > 0) {
      fn = faulty(inside, fn);
    }
    return { how: How.Value, what: flow.hasDeadline ? carrying(flow, fn, attempt) : fn(attempt) };
  } catch (what) {
    return { how: How.Error, what };
  }
}

/** The function behind the faults that a test put in. */
function faulty(inside: Inside, fn: Work): Work {
  for (const fault of inside.faults) {
    const instead = fault();
    if (instead !== undefined) {
      if (instead.latencyMs === 0 && instead.isError) {
        throw instead.error;
      }
      return async (attempt) => {
        if (instead.latencyMs > 0) {
          await sleep(inside, instead.latencyMs, attempt.signal);
          attempt.signal.throwIfAborted();
        }
        if (instead.isError) {
          throw instead.error;
        }
        return fn(attempt);
      };
    }
  }
  return fn;
}

/**
 * How a promise ends, or that its time is over, or that the caller gave up. In the last two cases the place stays taken
 * until the promise has really ended; a function that obeys its signal within a turn leaves the place to its call, so that
 * another attempt need not win a new one. Leaves neither timer nor listener behind.
 */
function settled(running: PromiseLike<unknown>, leftMs: number, flow: Flow, attempt: Attempt, manner: Manner): Promise<Settled> {
  const { inside } = flow;
  const { signal, rules } = manner;
  return new Promise((resolve) => {
    let isOver = false;
    let timedOut: AttemptTimeoutError | undefined;
    let place: Place | undefined;
    let stopListening: (() => void) | undefined;
    let stopTurn: (() => void) | undefined;
    const over = (how: How, what: unknown): void => {
      isOver = true;
      stopTimer();
      stopTurn?.();
      stopListening?.();
      resolve({ how, what });
    };
    const abandon = (how: How, reason: unknown): void => {
      place = flow.keep();
      over(how, reason);
    };
    const giveUp = (reason: unknown): void => {
      abandon(How.Cancelled, reason);
      attempt.abort(reason);
    };
    const timeOut = (): void => {
      timedOut = new AttemptTimeoutError(inside.name, attempt.attempt, attempt.timeoutMs);
      attempt.abort(timedOut);
      // Whoever listened to the signal may have made the caller give up.
      if (!isOver) {
        const turn = setImmediate(() => abandon(How.Timeout, timedOut));
        stopTurn = () => clearImmediate(turn);
      }
    };
    const stopTimer = inside.time.after(leftMs, timeOut);
    const late = (what: unknown, word: number, isError: boolean): void => {
      place?.();
      // A function that ends because it was told to is not late.
      if (!isError || !isAbort(what, attempt)) {
        native.dependencyCount(inside.handle, 1);
        inside.tell({ kind: 'late_result', attempt: attempt.attempt, outcome: outcomeOf(word) });
      }
      if (!isError && rules.discard !== undefined) {
        void rules.discard(what);
      }
    };
    if (signal !== undefined) {
      if (signal.aborted) {
        giveUp(signal.reason);
      } else {
        stopListening = onAbort(signal, () => giveUp(signal.reason));
      }
    }
    // Through a promise of ours: a foreign `then` may throw, or call back twice.
    const ended = (how: How.Value | How.Error, what: unknown): void => {
      if (timedOut !== undefined && !isOver) {
        // Within the turn that it had: its call holds the place, and its result counts no more.
        over(How.Timeout, timedOut);
      }
      if (!isOver) {
        over(how, what);
      } else {
        late(what, how === How.Value ? rules.result(what) : rules.error(what), how === How.Error);
      }
    };
    Promise.resolve(running).then(
      (what) => ended(How.Value, what),
      (what: unknown) => ended(How.Error, what),
    );
  });
}

function isAbort(error: unknown, attempt: Attempt): boolean {
  if (error === attempt.signal.reason) {
    return true;
  }
  const { name, cause } = (error ?? {}) as { name?: unknown; cause?: unknown };
  return name === 'AbortError' || (cause !== undefined && cause === attempt.signal.reason);
}

/**
 * Tells the core how an attempt ended, and those who listen if there will be another. Throws the signal's reason when the
 * caller gave up.
 */
function end(flow: Flow, last: Settled, { rules, signal }: Manner): void {
  if (last.how === How.Cancelled) {
    if (!isCancelled(signal)) {
      // A time limit of the caller's says that the dependency was slow.
      flow.ended(FAILURE, 0);
    }
    throw last.what;
  }
  const word = last.how === How.Value ? rules.result(last.what) : rules.error(last.what);
  const isFailure = (word & 3) === FAILURE;
  const made = flow.attempt;
  flow.ended(word, isFailure ? rules.wish(last.what) : 0);
  if (flow.isUnderWay) {
    flow.inside.tell({ kind: 'retry', attempt: made, delayMs: flow.spanMs, error: last.what });
  }
}

/** The refusal of a flow that ended with one. */
export function refusalOf(flow: Flow, rules: Rules): Error {
  const { inside, status, retryAfterMs } = flow;
  const error = refusal(status, inside.name, retryAfterMs);
  inside.tell({ kind: 'refusal', reason: error.code, retryAfterMs, limit: flow.limit });
  return rules.refusal?.(error) ?? error;
}

function stopOf(flow: Flow): Stop {
  return STOPS[flow.stop]!;
}

function outcome(flow: Flow, value: unknown, startMs: number): CallOutcome<unknown> {
  const durationMs = flow.inside.time.spanMs() - startMs;
  return { value, degraded: false, step: undefined, source: undefined, reason: undefined, attempts: flow.attempt, durationMs, error: undefined };
}

/** The result of a call that is over. */
function conclude(flow: Flow, last: Settled, manner: Manner, startMs: number): CallOutcome<unknown> | Promise<CallOutcome<unknown>> {
  const { inside } = flow;
  const { rules, fallback, args } = manner;
  if (flow.end === End.Success && last.how === How.Value) {
    fallback?.keep(last.what, args, inside.time);
    return outcome(flow, last.what, startMs);
  }
  const error = flow.end === End.Refused ? refusalOf(flow, rules) : last.what;
  if (fallback === undefined || !flow.mayFallBack) {
    return unserved(flow, last, error, startMs);
  }
  return serve(flow, last, error, manner, fallback, startMs);
}

/** Nothing else is served: the caller gets the last failed result, or the last error. */
function unserved(flow: Flow, last: Settled, error: unknown, startMs: number): CallOutcome<unknown> {
  if (flow.end !== End.Refused && last.how === How.Value) {
    return outcome(flow, last.what, startMs);
  }
  remember(error, { dependency: flow.inside.name, attempts: flow.attempt, stop: stopOf(flow) });
  throw error;
}

async function serve(
  flow: Flow,
  last: Settled,
  error: unknown,
  manner: Manner,
  fallback: Steps,
  startMs: number,
): Promise<CallOutcome<unknown>> {
  const { inside } = flow;
  const served = await fallback.serve(error, inside.name, manner.args, inside.time);
  if (served === undefined) {
    return unserved(flow, last, error, startMs);
  }
  if (last.how === How.Value && flow.end !== End.Refused) {
    await manner.rules.discard?.(last.what);
  }
  return degraded(flow, served, error, startMs);
}

function degraded(flow: Flow, { value, step, source }: Served, error: unknown, startMs: number): CallOutcome<unknown> {
  const { inside } = flow;
  const reason = flow.end === End.Refused ? codeOf(error) : stopOf(flow);
  native.dependencyCount(inside.handle, 0);
  inside.tell({ kind: 'fallback', step, source, reason, error });
  return { ...outcome(flow, value, startMs), degraded: true, step, source, reason, error };
}

function codeOf(error: unknown): Stop {
  return (error as { code: Stop }).code;
}

/**
 * Makes a call of a function that answers at once. Nothing here may wait, and the core is told so: it makes one attempt,
 * and refuses a call that would have to wait for its place or the rate.
 */
export function driveSync(inside: Inside, fn: Work, manner: Manner): CallOutcome<unknown> {
  const { rules, fallback, args } = manner;
  const startMs = inside.time.spanMs();
  const flow = new Flow(inside);
  flow.begin(manner.asked(inside), true);
  let last = NOTHING;
  if (flow.kind === Kind.Run) {
    last = start(inside, flow, fn, new Attempt(flow));
    if (last.how === How.Value && isThenable(last.what)) {
      last.what.then(undefined, () => {});
      flow.cancelled();
      throw new ConfigError('fn', fn, 'a function that answers at once; use call for promises');
    }
    const word = last.how === How.Value ? rules.result(last.what) : rules.error(last.what);
    flow.ended(word, (word & 3) === FAILURE ? rules.wish(last.what) : 0);
  }
  if (flow.end === End.Success && last.how === How.Value) {
    fallback?.keep(last.what, args, inside.time);
    return outcome(flow, last.what, startMs);
  }
  const error = flow.end === End.Refused ? refusalOf(flow, rules) : last.what;
  const served = fallback !== undefined && flow.mayFallBack ? fallback.serveSync(error, inside.name, args, inside.time) : undefined;
  return served === undefined ? unserved(flow, last, error, startMs) : degraded(flow, served, error, startMs);
}
