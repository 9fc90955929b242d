/** The moment after which nobody waits for the answer any more. */

import * as native from '../native.js';
import { DEADLINE_EXCEEDED, refusal } from './answer.js';
import { timeOf } from './clock.js';
import type { ClockOption, Time } from './clock.js';
import { ConfigError } from './errors.js';
import { checkedKeys, checkedMs, checkedRatio } from './settings.js';

const NEVER = (1n << 64n) - 1n;

/**
 * A moment after which an answer is of no use. Never changes; hand it on to whatever is called next. Two deadlines that
 * meet must be of the same clock.
 */
export class Deadline {
  #at: bigint;
  #time: Time;

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
