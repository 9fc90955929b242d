/** One call as the core drives it: events go in, the next action comes out. */

import * as native from '../native.js';
import { Detail, IN_DETAIL, OUTCOMES, detail, failure } from './answer.js';
import type { Outcome } from './answer.js';
import type { BreakerState } from './breaker.js';
import { deadlineAt } from './deadline.js';
import type { Deadline } from './deadline.js';
import type { Inside } from './inside.js';

/** What to do next. */
export const enum Kind {
  Run = 1,
  Sleep = 2,
  Wait = 3,
  Finish = 4,
}

/** How a call ended. */
export const enum End {
  Success,
  Failure,
  Ignored,
  Refused,
}

const STATES: readonly BreakerState[] = ['closed', 'open', 'half_open', 'forced_open', 'disabled'];
export const ENDS = ['success', 'failure', 'ignored', 'refused'] as const;
/** Why a call made no further attempt, in the order of the numbers. */
export const STOPS = [
  'done',
  'cancelled',
  'refused',
  'attempts_used',
  'not_retryable',
  'breaker_open',
  'bulkhead_full',
  'budget_exhausted',
  'rate_limited',
  'deadline_too_near',
] as const;
/** Why a call made no further attempt. */
export type Stop = (typeof STOPS)[number];

/** A place of the bulkhead that outlives its call. Giving it back twice is a counted no-op: false. */
export type Place = () => boolean;

const NO_PLACE = -2;
const STALE = 61;
const ENDED = -1;
/** The handle of a call that goes on, below this. */
const UNDER_WAY = -1000;
const NOT_EVERYDAY = 2;
/** Nothing beyond the policy, and no deadline. */
const NOTHING_ASKED = Float64Array.of(0, 0, 1, 1, 1, 1, 2 ** 32 - 1, 2 ** 32 - 1);
/** Filled by each event, and read before anything else can happen. */
const action = new Float64Array(16);

/** One call. Its fields are the last action; after `Kind.Finish` it holds nothing. */
export class Flow {
  readonly inside: Inside;
  kind = Kind.Finish;
  /** The attempt to run; attempts made. */
  attempt = 0;
  /** The timeout of the attempt, how long to sleep, at most how long to wait. */
  spanMs = 0;
  /** The refusal's number; 0 for none. */
  status = 0;
  end = End.Success;
  stop = 0;
  mayFallBack = false;
  limiter = -1;
  retryAfterMs = 0;
  isFreed = false;
  isLate = false;
  /** The change of state that the last event made. */
  from: BreakerState | undefined;
  to: BreakerState | undefined;
  #handle = ENDED;
  /** The names of the rate limits that it began under. */
  #limits: readonly string[] | undefined;
  /** The deadline in two halves; at first: never. */
  #low = 0xffff_ffff;
  #high = 0xffff_ffff;
  #deadline: Deadline | undefined;
  #key: string | undefined;

  constructor(inside: Inside) {
    this.inside = inside;
  }

  /** Begins. Throws what is misuse. `isAtOnce`: nothing can be waited for, so there is one attempt, at once or never. */
  begin(asked: Float64Array | undefined, isAtOnce = false): void {
    const { inside } = this;
    const now = inside.time.nowMs();
    const { facts } = inside;
    this.#limits = facts?.limits;
    if (asked === undefined && facts !== undefined && facts.deadlineMs == null) {
      const answer = native.dependencyBegin(inside.handle, isAtOnce, now);
      if (answer >= 0) {
        this.#handle = answer;
        this.kind = Kind.Run;
        this.attempt = 1;
        this.spanMs = facts.timeoutMs;
        inside.queue.serve();
        return;
      }
      if (answer < IN_DETAIL && answer > UNDER_WAY) {
        throw failure(answer, inside.name);
      }
      native.readAction(action);
      this.#handle = answer === IN_DETAIL ? ENDED : UNDER_WAY - answer;
    } else {
      const answer = native.dependencyBeginWith(inside.handle, isAtOnce, asked ?? NOTHING_ASKED, now, action);
      if (answer < IN_DETAIL) {
        throw failure(answer, inside.name);
      }
      this.#handle = answer;
    }
    this.#low = action[14]!;
    this.#high = action[15]!;
    this.#read();
  }

  /** An attempt ended. */
  ended(how: number, retryAfterMs: number, random?: bigint): void {
    const now = this.inside.time.nowMs();
    const outcome = OUTCOMES[how & 3];
    if (random !== undefined) {
      this.#settle(native.callEndedWith(this.#handle, how, retryAfterMs, random, now, action), outcome);
      return;
    }
    const answer = native.callEnded(this.#handle, how, retryAfterMs, now);
    if (answer < 0) {
      throw failure(answer, this.inside.name);
    }
    if (answer === NOT_EVERYDAY) {
      native.readAction(action);
      this.#read(outcome);
      return;
    }
    this.kind = Kind.Finish;
    this.end = End.Success;
    this.isFreed = answer !== 0;
    this.isLate = false;
    this.from = this.to = undefined;
    if (this.isFreed) {
      this.inside.queue.serve();
    }
  }

  /** The time to sleep or wait has passed, or a place may have come free. */
  woke(): void {
    this.#settle(native.callWoke(this.#handle, this.inside.time.nowMs(), action));
  }

  /** The caller gave up. */
  cancelled(): void {
    this.#settle(native.callCancelled(this.#handle, this.inside.time.nowMs(), action));
  }

  /** Takes the place out of the call, for work that goes on when the call has ended. */
  keep(): Place | undefined {
    const answer = native.callKeep(this.#handle);
    if (answer === NO_PLACE) {
      return undefined;
    }
    if (answer < IN_DETAIL) {
      throw failure(answer, this.inside.name);
    }
    let [low, high] = [0, 0];
    if (answer === IN_DETAIL) {
      native.readDetail(detail);
      [low, high] = [detail[Detail.TokenLow]!, detail[Detail.TokenHigh]!];
    }
    const { inside } = this;
    return () => {
      const released = answer >= 0 ? native.dependencyRelease(inside.handle, answer) : native.dependencyReleaseWhole(inside.handle, low, high);
      inside.queue.serve();
      return released !== STALE && released >= 0;
    };
  }

  /** The name of the rate limit that refused the call; undefined when something else did. */
  get limit(): string | undefined {
    return this.#limits?.[this.limiter];
  }

  get isUnderWay(): boolean {
    return this.kind !== Kind.Finish;
  }

  /** What a registry needs to cancel the call of a permit that nobody has any more. */
  get handle(): number {
    return this.#handle;
  }

  get hasDeadline(): boolean {
    return this.#high !== 0xffff_ffff || this.#low !== 0xffff_ffff;
  }

  get deadline(): Deadline {
    return (this.#deadline ??= deadlineAt(this.#low, this.#high, this.inside.time));
  }

  get key(): string {
    return (this.#key ??= native.callKey(this.#handle) ?? '');
  }

  #settle(answer: number, outcome?: Outcome): void {
    if (answer < 0) {
      throw failure(answer, this.inside.name);
    }
    this.#read(outcome);
  }

  /** Reads the action that followed on an event; `outcome` is that of the attempt which ended by it. */
  #read(outcome?: Outcome): void {
    this.kind = action[0]!;
    this.attempt = action[1]!;
    this.spanMs = action[2]!;
    this.isFreed = action[7] !== 0;
    this.isLate = action[11] !== 0;
    const from = action[8]!;
    if (this.kind === Kind.Finish) {
      this.status = action[3]!;
      this.end = action[4]!;
      this.stop = action[5]!;
      this.mayFallBack = action[6] !== 0;
      this.limiter = action[12]!;
      this.retryAfterMs = action[13]!;
    }
    this.from = this.to = undefined;
    if (from >= 0) {
      this.from = STATES[from]!;
      this.to = STATES[action[9]!]!;
      this.inside.tell({ kind: 'state_change', from: this.from, to: this.to });
    }
    if (this.isLate) {
      this.inside.tell({ kind: 'late_result', attempt: this.attempt, outcome });
    }
    // The place is free, or a waiter was served and there may be more places.
    if (this.isFreed || this.kind === Kind.Run) {
      this.inside.queue.serve();
    }
  }
}

/** A flow whose permit was lost is cancelled, so that its place comes back. */
export function cancelLost(handle: number): void {
  native.callCancelled(handle, -1, action);
}
