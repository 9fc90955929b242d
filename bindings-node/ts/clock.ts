/** Where the time comes from. */

import { ConfigError } from './errors.js';
import { checkedMs } from './settings.js';

/**
 * A clock of your own: milliseconds from anywhere, fractions allowed, never negative. `after` is only needed when waits
 * shall follow it too; it calls back once and answers a function that takes the order back. `wait` is for clocks that
 * tell a limit (an attempt's timeout, by `after`) from a wait (a backoff, by `wait`); without it both are `after`.
 */
export interface Clock {
  nowMs(): number;
  after?(ms: number, callback: () => void): () => void;
  wait?(ms: number, callback: () => void): () => void;
}

/**
 * `'native'` (default): the core reads the monotonic clock, and only when an answer depends on it. `'js'`: every
 * call passes `Date.now()` in and waits use `setTimeout`, so that the fake timers of node:test, sinon, jest and
 * vitest drive it; for tests, because that clock can be set. `'performance'`: the same with `performance.now()`.
 * Or a clock of your own, such as {@link ManualClock}.
 */
export type ClockOption = 'native' | 'js' | 'performance' | Clock;

/** A time that only moves by hand, for tests. Waits on it end inside `advance` and `set`. */
export class ManualClock implements Clock {
  #nowMs: number;
  #orders = new Set<{ atMs: number; callback: () => void }>();

  /** Starts at `startMs`, one second unless given. */
  constructor(startMs = 1000) {
    this.#nowMs = checkedMs('startMs', startMs);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Moves time on by `ms` and ends the waits that are due, in their order. */
  advance(ms: number): void {
    this.set(this.#nowMs + checkedMs('ms', ms));
  }

  /** Moves time to `ms`, also back, and ends the waits that are due, in their order. */
  set(ms: number): void {
    checkedMs('ms', ms);
    for (let order = this.#next(ms); order !== undefined; order = this.#next(ms)) {
      this.#orders.delete(order);
      this.#nowMs = Math.max(this.#nowMs, order.atMs);
      order.callback();
    }
    this.#nowMs = ms;
  }

  after(ms: number, callback: () => void): () => void {
    const order = { atMs: this.#nowMs + ms, callback };
    this.#orders.add(order);
    return () => {
      this.#orders.delete(order);
    };
  }

  /** How many waits are under way. */
  get pending(): number {
    return this.#orders.size;
  }

  #next(untilMs: number): { atMs: number; callback: () => void } | undefined {
    let first: { atMs: number; callback: () => void } | undefined;
    for (const order of this.#orders) {
      if (order.atMs <= untilMs && (first === undefined || order.atMs < first.atMs)) {
        first = order;
      }
    }
    return first;
  }
}

/** What the primitives use: a reading for the core (-1: read it yourself), one for spans, limits and waits. */
export interface Time {
  readonly nowMs: () => number;
  readonly spanMs: () => number;
  readonly after: (ms: number, callback: () => void) => () => void;
  readonly wait: (ms: number, callback: () => void) => () => void;
}

/** The longest that `setTimeout` can wait; it takes more for 1. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * Calls back after `ms` of a clock, never before, however long that is: timers fire up to a millisecond early and
 * cannot wait for more than 24 days. The global functions are looked up at each use, so that fakes take their place.
 */
function timer(nowMs: () => number): Time['after'] {
  return (ms, callback) => {
    const due = nowMs() + ms;
    let pending: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      pending = globalThis.setTimeout(
        () => {
          const left = due - nowMs();
          if (left > 0) {
            arm(left);
          } else {
            callback();
          }
        },
        Math.min(Math.ceil(leftMs), LONGEST_MS),
      );
    };
    arm(ms);
    return () => globalThis.clearTimeout(pending);
  };
}

/** What is negative or no number is the beginning of time. */
const checked = (ms: number): number => (ms >= 0 && ms < Infinity ? ms : 0);

const performanceNow = (): number => globalThis.performance.now();
const dateNow = (): number => globalThis.Date.now();

function timeFrom(nowMs: () => number, spanMs: () => number, after = timer(spanMs), wait = after): Time {
  return { nowMs, spanMs, after, wait };
}

const NATIVE = timeFrom(() => -1, performanceNow);
const PERFORMANCE = timeFrom(performanceNow, performanceNow);
const JS = timeFrom(() => checked(dateNow()), dateNow);

/** One time for each clock, so that those who share a clock can be told. */
const times = new WeakMap<Clock, Time>();

/** The clock of an option. */
export function timeOf(clock: unknown): Time {
  switch (clock) {
    case undefined:
    case 'native':
      return NATIVE;
    case 'performance':
      return PERFORMANCE;
    case 'js':
      return JS;
  }
  const own = clock as Clock;
  if (typeof own !== 'object' || own === null || typeof own.nowMs !== 'function') {
    throw new ConfigError('clock', clock, "'native', 'js', 'performance' or an object with nowMs()");
  }
  let time = times.get(own);
  if (time === undefined) {
    const nowMs = (): number => checked(own.nowMs());
    const after = typeof own.after === 'function' ? own.after.bind(own) : timer(nowMs);
    time = timeFrom(nowMs, nowMs, after, typeof own.wait === 'function' ? own.wait.bind(own) : after);
    times.set(own, time);
  }
  return time;
}
