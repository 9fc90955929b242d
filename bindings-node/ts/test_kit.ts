/// <reference lib="esnext.disposable" preserve="true" />
/** The test kit: time by hand, states by force, faults on demand. */

import * as native from '../native.js';
import { ManualClock } from './clock.js';
import { timeOf } from './clock.js';
import type { Time } from './clock.js';
import { Dependency, insideOf } from './dependency.js';
import type { BreakerState } from './breaker.js';
import { ConfigError } from './errors.js';
import type { Fault } from './inside.js';
import { checkedCount, checkedFunction, checkedKeys, checkedMs, checkedRatio, checkedWord } from './settings.js';
import { Seawall, wallInsideOf } from './wall.js';

/** A clock that stands still until a test moves it. */
export const FakeClock = ManualClock;
export type FakeClock = ManualClock;

const STATES = ['closed', 'open', 'half_open', 'forced_open', 'disabled'] as const satisfies readonly BreakerState[];

/**
 * Puts the breaker of a dependency into a state: closed and without memory; open, as failures would have opened it;
 * half-open, with its next probe free; held open or disabled by hand. Throws {@link ConfigError} where there is no breaker,
 * or failures do not bring it there.
 */
export function force(dependency: Dependency, state: BreakerState): void {
  const { handle, time } = insideOf(dependency);
  const number = checkedWord('state', state, STATES);
  if (dependency.state === undefined) {
    throw new ConfigError('breaker', undefined, `one that can come into the state ${state}`);
  }
  [() => dependency.reset(), undefined, undefined, () => dependency.forceOpen(), () => dependency.disable()][number]?.();
  if ((state === 'open' || state === 'half_open') && !native.dependencyForce(handle, number, time.nowMs())) {
    throw new ConfigError('breaker', undefined, `one that failures bring to the state ${state}`);
  }
}

/** What goes wrong. */
export interface FaultOptions {
  /** What attempts throw; a function is called for each. Default: nothing, they only take longer. */
  error?: unknown;
  /** How much longer attempts take, on the clock of the wall. They still end by their timeout. Default 0. */
  latencyMs?: number;
  /** The share of the attempts that it hits, 0 to 1. Default 1. */
  rate?: number;
  /** How many attempts it hits at most. Default: all until it is taken away. */
  times?: number;
  /** Chance, 0 to 1, for tests that want the same every time. Default `Math.random`. */
  random?: () => number;
}

/** A fault that was put in. */
export interface Injected {
  /** How many attempts it hit. */
  readonly hits: number;
  /** Takes it away. */
  remove(): void;
  [Symbol.dispose](): void;
}

/** Makes attempts of a dependency fail or take longer, before the real function is called. */
export function inject(dependency: Dependency, options: FaultOptions): Injected {
  const inside = insideOf(dependency);
  checkedKeys('options', options, ['error', 'latencyMs', 'rate', 'times', 'random']);
  const latencyMs = options.latencyMs === undefined ? 0 : checkedMs('latencyMs', options.latencyMs);
  const rate = options.rate === undefined ? 1 : checkedRatio('rate', options.rate);
  const times = options.times === undefined ? Infinity : checkedCount('times', options.times, 0, Number.MAX_SAFE_INTEGER);
  const random = options.random ?? Math.random;
  checkedFunction('random', random);
  const isError = 'error' in options && options.error !== undefined;
  if (!isError && latencyMs === 0) {
    throw new ConfigError('options', options, 'an object with an error, a latencyMs, or both');
  }
  let hits = 0;
  const fault: Fault = () => {
    if (hits >= times || (rate < 1 && random() >= rate)) {
      return undefined;
    }
    hits += 1;
    const { error } = options;
    return { latencyMs, isError, error: typeof error === 'function' ? (error as () => unknown)() : error };
  };
  inside.faults = [...inside.faults, fault];
  const remove = (): void => {
    inside.faults = inside.faults.filter((other) => other !== fault);
  };
  return {
    get hits() {
      return hits;
    },
    remove,
    [Symbol.dispose]: remove,
  };
}

/** A clock on which waits take no time of the test: it moves on by as much as is waited for. */
export class NoWaitingClock extends ManualClock {
  /** Moves time on and calls back, soon. A limit set by `after` only comes when time has moved beyond it. */
  wait(ms: number, callback: () => void): () => void {
    let isWanted = true;
    queueMicrotask(() => {
      if (isWanted) {
        this.advance(ms);
        callback();
      }
    });
    return () => {
      isWanted = false;
    };
  }
}

/** The mode is over. */
export interface NoWaiting {
  /** The clock that there is meanwhile. */
  readonly clock: NoWaitingClock;
  /** Gives the own clock back. */
  restore(): void;
  [Symbol.dispose](): void;
}

/**
 * Makes all waits of a dependency, or of all of a wall, return at once (backoff, rate, places, latency put in), on a fake
 * clock that moves on by as much. Limits still hold on that clock: a retry that comes after the deadline is not made.
 */
export function noWaiting(target: Dependency | Seawall): NoWaiting {
  if (target instanceof Dependency) {
    const inside = insideOf(target);
    const { timed } = inside;
    const clock = clockFrom(inside.time);
    inside.timed = { time: timeOf(clock), isRealTime: false };
    return ended(clock, () => {
      inside.timed = timed;
    });
  }
  if (!(target instanceof Seawall)) {
    throw new ConfigError('target', target, 'a Dependency or a Seawall');
  }
  const inside = wallInsideOf(target);
  const { time, isRealTime } = inside;
  const clock = clockFrom(time);
  inside.time = timeOf(clock);
  inside.isRealTime = false;
  return ended(clock, () => {
    inside.time = time;
    inside.isRealTime = isRealTime;
  });
}

function clockFrom({ nowMs: read }: Time): NoWaitingClock {
  const nowMs = read();
  // The state knows the system's moments: the fake one goes on from there.
  return new NoWaitingClock(nowMs >= 0 ? nowMs : Number(native.deadlineAfter(0, -1)) / 1e6);
}

function ended(clock: NoWaitingClock, restore: () => void): NoWaiting {
  return { clock, restore, [Symbol.dispose]: restore };
}
