/** Retry budget: retries may be a share of the calls, never a multiple. */

import * as native from '../native.js';
import { FOREIGN, OUTCOMES, SPENT, failure, misuse } from './answer.js';
import type { Mode, Outcome } from './answer.js';
import { timeOf } from './clock.js';
import type { ClockOption, Time } from './clock.js';
import { Freeing, NONE } from './handle.js';
import { COMMON, Settings, checkedWord } from './settings.js';

const PROFILES = ['bucket', 'finagle', 'grpc', 'aws_standard', 'aws_legacy'] as const;
/** Which published rule a budget follows. */
export type RetryProfile = (typeof PROFILES)[number];

const CAUSES = ['failure', 'throttled', 'timeout'] as const;
/** What made the retry necessary, for profiles that charge differently. */
export type RetryCause = (typeof CAUSES)[number];

/** The settings of a retry budget. An option that is undefined takes the default of its profile; 0 is a value. */
export interface RetryBudgetOptions {
  /**
   * `bucket` (default): each call adds its share, time adds a floor, a retry takes one token. `finagle`: the balance of
   * the last window, plus a reserve. `grpc`: failures take, successes give, retries need more than half (gRFC A6).
   * `aws_standard`, `aws_legacy`: the retry quota of the AWS SDKs.
   */
  profile?: RetryProfile;
  /** What each call (bucket, finagle) or success (grpc) adds, in tokens, 0 to 10. Default 0.1; finagle 0.2. */
  ratio?: number;
  /** Retries per second allowed whatever the traffic (bucket, finagle), 0 to 10,000. Default 1; finagle 10. */
  minPerSecond?: number;
  /** How long a deposit counts (finagle), and how much of the floor can be saved up (bucket); 1 s to an hour. Default 10,000. */
  windowMs?: number;
  /** The most tokens, 1 to 1,000,000 (grpc: 1,000). Default 100; grpc 10; AWS 500. Finagle has none. */
  cap?: number;
  /** Retries under way may be at most this share of the calls under way, 0 to 10; 0 (default) leaves the rule out. */
  maxConcurrentRetriesRatio?: number;
  /** That many retries under way are always allowed by that rule, 0 to 1,000,000. Default 3. */
  minConcurrentRetries?: number;
  /** For messages. Default `retry budget`. */
  name?: string;
  /** Decide and refuse, decide and only count, or neither. Default `enforce`. */
  mode?: Mode;
  /** Where the time comes from. Default `native`. */
  clock?: ClockOption;
}

const KINDS = {
  ...COMMON,
  profile: PROFILES,
  ratio: 'ratio',
  minPerSecond: 'count',
  windowMs: 'ms',
  cap: 'count',
  maxConcurrentRetriesRatio: 'ratio',
  minConcurrentRetries: 'count',
} as const;

/** A look at a retry budget. Counters only grow. */
export interface RetryBudgetSnapshot {
  readonly name: string;
  /** What is left, in steps of 0.001. */
  readonly tokens: number;
  /** The most there can be; undefined where the profile has no such bound. */
  readonly cap: number | undefined;
  /** Calls under way, where the in-flight rule is on. */
  readonly callsInFlight: number;
  /** Retries under way, where the in-flight rule is on. */
  readonly retriesInFlight: number;
  readonly counters: {
    readonly deposited: number;
    readonly withdrawn: number;
    readonly refused: number;
    readonly shadowRefused: number;
  };
}

const freeing = new Freeing(native.retryBudgetFree);
const look = new Float64Array(8);
let useOf: (withdrawal: Withdrawal, budget: RetryBudget) => number;

/** Leave for one retry. Say how the retry ended with `record`, or give the leave back with `cancel`. */
export class Withdrawal {
  #budget: RetryBudget;
  #token: number;
  #spent = false;

  static {
    useOf = (withdrawal, budget) => {
      if (!(withdrawal instanceof Withdrawal) || withdrawal.#budget !== budget) {
        throw misuse(FOREIGN, budget.name);
      }
      if (withdrawal.#spent) {
        throw misuse(SPENT, budget.name);
      }
      withdrawal.#spent = true;
      return withdrawal.#token;
    };
  }

  /** @internal */
  constructor(budget: RetryBudget, token: number) {
    this.#budget = budget;
    this.#token = token;
  }

  /** Says how the retry ended. Throws {@link SpentError} the second time. */
  record(outcome: Outcome): void {
    this.#budget.record(outcome, this);
  }

  /** Gives leave back that was not used: what it cost is there again. Throws {@link SpentError} the second time. */
  cancel(): void {
    this.#budget.cancel(this);
  }
}

/**
 * The retry budget. One for each dependency, shared by all its calls; it lives in this JavaScript thread. `deposit` once
 * for each call, `tryWithdraw` before each retry, `record` after each attempt.
 */
export class RetryBudget {
  /** The name for messages. */
  readonly name: string;
  #handle: number;
  #time: Time;

  /** A budget as its profile starts it. Throws {@link ConfigError} for the first setting out of range. */
  constructor(options: RetryBudgetOptions = {}) {
    const settings = new Settings('options', options, KINDS);
    this.name = settings.name('retry budget');
    this.#time = timeOf(settings.given('clock'));
    const answer = native.retryBudgetNew(
      {
        profile: settings.word('profile', 'bucket'),
        ratioPermille: settings.number('ratio', undefined),
        minPerSecond: settings.number('minPerSecond', undefined),
        windowMs: settings.number('windowMs', undefined),
        cap: settings.number('cap', undefined),
        maxConcurrentRetriesPermille: settings.number('maxConcurrentRetriesRatio', undefined),
        minConcurrentRetries: settings.number('minConcurrentRetries', undefined),
        mode: settings.word('mode', 'enforce'),
      },
      this.#time.nowMs(),
    );
    if (settings.isBad && answer >= 0) {
      native.retryBudgetFree(answer);
    }
    this.#handle = freeing.watch(this, settings.settle(answer, this.name));
  }

  /** Says that a call begins, once per call whatever its attempts. */
  deposit(): void {
    this.#checked(native.retryBudgetDeposit(this.#handle, this.#time.nowMs()));
  }

  /**
   * Leave to send one more retry. Throws {@link BudgetExhaustedError} when there is none: end the call with its last
   * real error then.
   */
  tryWithdraw(cause: RetryCause = 'failure'): Withdrawal {
    const token = native.retryBudgetTryWithdraw(this.#handle, checkedWord('cause', cause, CAUSES), this.#time.nowMs());
    return new Withdrawal(this, this.#checked(token));
  }

  /**
   * Says how an attempt ended: with the withdrawal for a retry, without for a first attempt. Throws {@link SpentError}
   * for a withdrawal used before.
   */
  record(outcome: Outcome, withdrawal?: Withdrawal): void {
    const number = checkedWord('outcome', outcome, OUTCOMES);
    this.#checked(native.retryBudgetRecord(this.#handle, number, withdrawal === undefined ? -1 : useOf(withdrawal, this)));
  }

  /** Gives leave back that was not used: what it cost is there again. Throws {@link SpentError} the second time. */
  cancel(withdrawal: Withdrawal): void {
    this.#checked(native.retryBudgetCancel(this.#handle, useOf(withdrawal, this), this.#time.nowMs()));
  }

  /** Says that a call has ended, for the in-flight rule. Once for each deposit. */
  finish(): void {
    this.#checked(native.retryBudgetFinish(this.#handle));
  }

  /** A look at everything, changing nothing. */
  snapshot(): RetryBudgetSnapshot {
    this.#checked(native.retryBudgetSnapshot(this.#handle, this.#time.nowMs(), look));
    return {
      name: this.name,
      tokens: look[0]! / 1000,
      cap: look[1] === 0 ? undefined : look[1]! / 1000,
      callsInFlight: look[2]!,
      retriesInFlight: look[3]!,
      counters: { deposited: look[4]!, withdrawn: look[5]!, refused: look[6]!, shadowRefused: look[7]! },
    };
  }

  /** Frees the budget now instead of when it is collected. */
  dispose(): void {
    freeing.now(this, this.#handle);
    this.#handle = NONE;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #checked(answer: number): number {
    if (answer < 0) {
      throw failure(answer, this.name);
    }
    return answer;
  }
}
