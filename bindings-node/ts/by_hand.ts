/// <reference lib="esnext.disposable" preserve="true" />
/** Calls by hand: for work that is no function, and for drivers of one's own. */

import { RefusedError } from './errors.js';
import { refusal } from './answer.js';
import type { Outcome } from './answer.js';
import { OUTCOMES } from './answer.js';
import type { BreakerState } from './breaker.js';
import type { Deadline } from './deadline.js';
import { ConfigError, SpentError } from './errors.js';
import { ENDS, End, Kind, STOPS, cancelLost } from './flow.js';
import type { Flow, Place, Stop } from './flow.js';
import { DEFAULT_RULES, FAILURE } from './rules.js';
import type { Rules } from './rules.js';
import { checkedKeys, checkedMs, checkedWord } from './settings.js';

/** What to do next in a call by hand. */
export type CallAction =
  | { readonly kind: 'run'; readonly attempt: number; readonly timeoutMs: number }
  | { readonly kind: 'sleep'; readonly spanMs: number }
  | { readonly kind: 'wait'; readonly atMostMs: number }
  | {
      readonly kind: 'finish';
      readonly end: 'success' | 'failure' | 'ignored' | 'refused';
      readonly stop: Stop;
      readonly attempts: number;
      readonly mayFallBack: boolean;
      /** Why no attempt was made. */
      readonly refusal?: RefusedError;
      /** Which rate limit refused, from 0. */
      readonly limiter?: number;
    };

/** What else the last event of a call brought about. */
export interface CallNotes {
  readonly transition?: { readonly from: BreakerState; readonly to: BreakerState };
  /** A place of the bulkhead came free. */
  readonly freed: boolean;
  /** The breaker took no notice of the result. */
  readonly late: boolean;
}

/** How an attempt ended. */
export interface AttemptEnd {
  outcome: Outcome;
  /** Whether another attempt may help. Default true. */
  retryable?: boolean | undefined;
  /** Whether the request was certainly not sent. Default false. */
  notSent?: boolean | undefined;
  /** Default `failure`. */
  cause?: 'failure' | 'throttled' | 'timeout' | undefined;
  /** What the server asked to wait. Default 0. */
  retryAfterMs?: number | undefined;
  /** Chance for the wait before the next attempt, for tests: 64 bits. Default: drawn. */
  random?: bigint | undefined;
}

const CAUSES = ['failure', 'throttled', 'timeout'] as const;
const lost = new FinalizationRegistry<number>(cancelLost);

function callAction(flow: Flow): CallAction {
  switch (flow.kind) {
    case Kind.Run:
      return { kind: 'run', attempt: flow.attempt, timeoutMs: flow.spanMs };
    case Kind.Sleep:
      return { kind: 'sleep', spanMs: flow.spanMs };
    case Kind.Wait:
      return { kind: 'wait', atMostMs: flow.spanMs };
    case Kind.Finish:
      return {
        kind: 'finish',
        end: ENDS[flow.end]!,
        stop: STOPS[flow.stop]!,
        attempts: flow.attempt,
        mayFallBack: flow.mayFallBack,
        ...(flow.end === End.Refused ? { refusal: refusal(flow.status, flow.inside.name, flow.retryAfterMs) } : {}),
        ...(flow.limiter >= 0 ? { limiter: flow.limiter } : {}),
      };
  }
}

/**
 * A call driven by hand: do what `action` says, then tell what happened, until it says `finish`. Nothing here waits. A
 * call that nobody has any more is cancelled when it is collected; better call `cancelled` in a `finally` block.
 */
export class Call {
  #flow: Flow;

  /** @internal */
  constructor(flow: Flow) {
    this.#flow = flow;
    if (flow.isUnderWay) {
      lost.register(this, flow.handle, this);
    }
  }

  /** What to do next. */
  get action(): CallAction {
    return callAction(this.#flow);
  }

  /** What else the last event brought about. */
  get notes(): CallNotes {
    const { from, to, isFreed: freed, isLate: late } = this.#flow;
    return from === undefined || to === undefined ? { freed, late } : { transition: { from, to }, freed, late };
  }

  /** The moment after which nobody waits for the call any more. */
  get deadline(): Deadline {
    return this.#flow.deadline;
  }

  /** A random UUID, the same for all attempts. */
  get idempotencyKey(): string {
    return this.#flow.key;
  }

  /** The attempt that was to run has ended. Throws where none was under way. */
  ended(how: AttemptEnd): CallAction {
    checkedKeys('how', how, ['outcome', 'retryable', 'notSent', 'cause', 'retryAfterMs', 'random']);
    const outcome = checkedWord('outcome', how.outcome, OUTCOMES);
    const cause = how.cause === undefined ? 0 : checkedWord('cause', how.cause, CAUSES);
    const word = outcome | ((how.retryable ?? true) ? 4 : 0) | (how.notSent ? 8 : 0) | (cause << 4);
    const retryAfterMs = how.retryAfterMs === undefined ? 0 : checkedMs('retryAfterMs', how.retryAfterMs);
    if (how.random !== undefined && typeof how.random !== 'bigint') {
      throw new ConfigError('random', how.random, 'a bigint');
    }
    this.#flow.ended(word, retryAfterMs, how.random);
    return this.#next();
  }

  /** The time to sleep has passed, or a place may have come free. Throws where nothing was waited for. */
  woke(): CallAction {
    this.#flow.woke();
    return this.#next();
  }

  /** The caller gave up. Throws where the call had ended. */
  cancelled(): CallAction {
    this.#flow.cancelled();
    return this.#next();
  }

  /**
   * Takes the place of the bulkhead out of the call, for work that goes on when the call has ended. Answers a function
   * that gives it back, true the first time; undefined when there is no place.
   */
  keep(): Place | undefined {
    return this.#flow.keep();
  }

  #next(): CallAction {
    if (!this.#flow.isUnderWay) {
      lost.unregister(this);
    }
    return callAction(this.#flow);
  }
}

/**
 * Leave to make one attempt by hand. Say how it ended with `success`, `failure` or `ignore`, in a `finally` block or by
 * `using`; nothing said means given up. A permit makes no retries.
 */
export class DependencyPermit {
  #flow: Flow;
  #rules: Rules;

  /** @internal */
  constructor(flow: Flow, rules: Rules = DEFAULT_RULES) {
    this.#flow = flow;
    this.#rules = rules;
    lost.register(this, flow.handle, this);
  }

  /** How long the attempt may take, in milliseconds. */
  get timeoutMs(): number {
    return this.#flow.spanMs;
  }

  /** The moment after which nobody waits for the result any more. */
  get deadline(): Deadline {
    return this.#flow.deadline;
  }

  /** A random UUID. */
  get idempotencyKey(): string {
    return this.#flow.key;
  }

  /** True once it was said how the attempt ended. */
  get isSpent(): boolean {
    return !this.#flow.isUnderWay;
  }

  /** It went well. */
  success(): void {
    this.#end(0, 0);
  }

  /** It failed. `error` says more where it has something to say, such as `retryAfterMs`. */
  failure(error?: unknown): void {
    const word = this.#rules.error(error);
    this.#end((word & 3) === FAILURE ? word & ~4 : FAILURE, this.#rules.wish(error));
  }

  /** It says nothing about the dependency. */
  ignore(): void {
    this.#end(2, 0);
  }

  /** Gives up if nothing was said. Never throws. */
  [Symbol.dispose](): void {
    if (!this.isSpent) {
      this.#flow.cancelled();
      lost.unregister(this);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }

  #end(word: number, retryAfterMs: number): void {
    if (this.isSpent) {
      throw new SpentError('spent', `${this.#flow.inside.name}: this permit was used already`);
    }
    this.#flow.ended(word, retryAfterMs);
    lost.unregister(this);
  }
}
