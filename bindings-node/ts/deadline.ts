/** The moment after which nobody waits for the answer any more. */

import * as native from '../native.js';
import { DEADLINE_EXCEEDED, refusal } from './answer.js';
import { timeOf } from './clock.js';
import type { ClockOption, Time } from './clock.js';
import { ConfigError } from './errors.js';
import { checkedKeys, checkedMs, checkedRatio } from './settings.js';

const NEVER = (1n << 64n) - 1n;
const LOW = (1n << 32n) - 1n;

/** The deadline at a moment of a clock, in two halves. */
export let deadlineAt: (low: number, high: number, time: Time) => Deadline;
/** The deadline so far from now on a clock. */
export let deadlineIn: (ms: number, time: Time) => Deadline;
/** Writes a deadline as a moment of `time` in two halves, whatever clock it was made with. */
export let writeDeadline: (deadline: Deadline, time: Time, into: Float64Array, place: number) => void;

/**
 * A moment after which an answer is of no use. Never changes; hand it on to whatever is called next. Deadlines of two
 * clocks are compared by what is left of them.
 */
export class Deadline {
  #at: bigint;
  #time: Time;

  static {
    deadlineAt = (low, high, time) => new Deadline((BigInt(high) << 32n) | BigInt(low), time);
    deadlineIn = (ms, time) => new Deadline(native.deadlineAfter(ms, time.nowMs()), time);
    writeDeadline = (deadline, time, into, place) => {
      let at = deadline.#at;
      if (deadline.#time !== time && at !== NEVER) {
        at = native.deadlineAfter(deadline.remainingMs, time.nowMs());
      }
      into[place] = Number(at & LOW);
      into[place + 1] = Number(at >> 32n);
    };
  }

  private constructor(at: bigint, time: Time) {
    this.#at = at;
    this.#time = time;
  }

  /** `ms` from now. */
  static after(ms: number, options: { clock?: ClockOption } = {}): Deadline {
    checkedKeys('options', options, ['clock']);
    const time = timeOf(options.clock);
    return new Deadline(native.deadlineAfter(checkedMs('ms', ms), time.nowMs()), time);
  }

  /** Never. */
  static never(options: { clock?: ClockOption } = {}): Deadline {
    checkedKeys('options', options, ['clock']);
    return new Deadline(NEVER, timeOf(options.clock));
  }

  /** What is left in milliseconds; 0 once expired. */
  get remainingMs(): number {
    return native.deadlineRemaining(this.#at, this.#time.nowMs());
  }

  /** True from the moment itself on. */
  get isExpired(): boolean {
    return native.deadlineIsExpired(this.#at, this.#time.nowMs());
  }

  /** True for the deadline that never comes. */
  get isNever(): boolean {
    return this.#at === NEVER;
  }

  /** Throws {@link DeadlineExceededError} once expired. */
  throwIfExpired(): void {
    if (this.isExpired) {
      throw refusal(DEADLINE_EXCEEDED, 'deadline', 0);
    }
  }

  /** The nearer of the two. */
  nearer(other: Deadline): Deadline {
    if (!(other instanceof Deadline)) {
      throw new ConfigError('other', other, 'a Deadline');
    }
    if (this.#time !== other.#time && this.#at !== NEVER && other.#at !== NEVER) {
      return this.remainingMs <= other.remainingMs ? this : other;
    }
    return native.deadlineNearer(this.#at, other.#at) === this.#at ? this : other;
  }

  /** An earlier deadline for the work below, keeping a share (0 to 1) of what is left for the caller. */
  keep(share: number): Deadline {
    const permille = Math.round(checkedRatio('share', share) * 1000);
    return new Deadline(native.deadlineKeep(this.#at, permille, this.#time.nowMs()), this.#time);
  }

  /** The time one attempt may take: its own timeout, or what is left if that is less. */
  attemptTimeoutMs(timeoutMs: number): number {
    return native.deadlineAttemptTimeout(this.#at, checkedMs('timeoutMs', timeoutMs), this.#time.nowMs());
  }
}
