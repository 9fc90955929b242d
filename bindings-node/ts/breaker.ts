/// <reference lib="esnext.disposable" preserve="true" />
/** Circuit breaker: stop calling what keeps failing, and find out gently when it is well again. */

import * as native from '../native.js';
import { checkedSignal, isCancelled, untilAborted } from './abort.js';
import { CHANGED, Detail, IN_DETAIL, LATE, OUTCOMES, SPENT, detail, failure, misuse } from './answer.js';
import type { Mode, Outcome } from './answer.js';
import { Classification, complain } from './classify.js';
import type { ClassificationOptions } from './classify.js';
import { timeOf } from './clock.js';
import type { ClockOption, Time } from './clock.js';
import { ConfigError, DisposedError } from './errors.js';
import { Freeing, NONE } from './handle.js';
import { COMMON, Settings, checkedFunction, checkedKeys, checkedMs, checkedWord } from './settings.js';

/** What a breaker does with callers; `forced_open` and `disabled` are set by hand. */
export type BreakerState = 'closed' | 'open' | 'half_open' | 'forced_open' | 'disabled';
const STATES: readonly BreakerState[] = ['closed', 'open', 'half_open', 'forced_open', 'disabled'];

/** A change of state, as listeners get it. */
export interface Transition {
  readonly name: string;
  readonly from: BreakerState;
  readonly to: BreakerState;
  /** The generation that began with it: how many changes there were, modulo 65,536. */
  readonly generation: number;
}

/** The settings of a breaker. An option that is undefined takes its default; 0 is a value. */
export interface BreakerOptions extends ClassificationOptions {
  /** For messages and events. Default `breaker`. */
  name?: string;
  /** Open after this many failures in a row, 0 to 1,000,000; 0 leaves the rule out. Default 5. */
  consecutiveFailures?: number;
  /** Apply that rule also when the window holds enough calls for a rate. Default false. */
  consecutiveAlways?: boolean;
  /** Open at this share of failures in the window or above, 0 to 1; 0 leaves the rule out. Default 0.5. */
  failureRate?: number;
  /** Open at this share of slow calls in the window or above, 0 to 1; 0 leaves the rule out. Default 0. */
  slowRate?: number;
  /** A call that took longer is slow; up to a day. Needed when `slowRate` is above 0. */
  slowAfterMs?: number;
  /** Look at the last so many calls, 0 to 1,024; 0 looks at a time instead. Default 0. */
  windowCalls?: number;
  /** Look at the calls of this time, in ten rolling buckets; 10 ms to a day. Default 10,000. */
  windowMs?: number;
  /** No rate counts before the window holds this many calls, 1 to 1,000,000, at most `windowCalls` if set. Default 20, or a shorter `windowCalls`. */
  minCalls?: number;
  /** How long to stay open the first time, 1 ms to a day. Default 30,000. */
  openForMs?: number;
  /** How much longer each time without a close in between, 1 to 10. Default 2. */
  openBackoff?: number;
  /** The longest open time before jitter, `openForMs` to a day. Default 300,000. */
  openMaxMs?: number;
  /** How far the open time may stray either way, 0 to 0.5. Default 0.1. */
  openJitter?: number;
  /** Calls let through in a half-open round, 1 to 32. Default 1. */
  probes?: number;
  /** After this time without a verdict a probe's seat can be taken again, 1 ms to a day. Default `openForMs`. */
  probeLeaseMs?: number;
  /**
   * A rate counts only when failures come from so many processes, 1 to 8. Default 1; more only makes sense for a breaker
   * that several processes share.
   */
  minWitnesses?: number;
  /** Decide and refuse, decide and only count, or neither. Default `enforce`. */
  mode?: Mode;
  /** Where the jitter of the open time starts from, for tests. Default: random. */
  seed?: bigint | number;
  /** Where the time comes from. Default `native`. */
  clock?: ClockOption;
  /** Called after every change of state that this object makes; what it throws becomes a warning. */
  onTransition?: (transition: Transition) => void;
}

const KINDS = {
  ...COMMON,
  consecutiveFailures: 'count',
  consecutiveAlways: 'flag',
  failureRate: 'ratio',
  slowRate: 'ratio',
  slowAfterMs: 'ms',
  windowCalls: 'count',
  windowMs: 'ms',
  minCalls: 'count',
  openForMs: 'ms',
  openBackoff: 'ratio',
  openMaxMs: 'ms',
  openJitter: 'ratio',
  probes: 'count',
  probeLeaseMs: 'ms',
  minWitnesses: 'count',
  seed: 'any',
  onTransition: 'any',
  on: 'any',
  ignore: 'any',
  failureIf: 'any',
  retryAfterOf: 'any',
} as const;

/** What the user's function gets. */
export interface CallContext {
  /** The caller's signal: hand it on to whatever the function waits for. */
  readonly signal: AbortSignal | undefined;
  /** The permit of this call, for functions that want to say themselves how it ended. */
  readonly permit: BreakerPermit;
}

/** How one call is made. */
export interface CallOptions {
  /** Aborts the wait for the result. */
  signal?: AbortSignal;
}

/** A look at a breaker. Counters only grow, over all states and resets. */
export interface BreakerSnapshot {
  readonly name: string;
  readonly state: BreakerState;
  readonly generation: number;
  /** What the window holds; empty unless closed. */
  readonly window: { readonly calls: number; readonly failures: number; readonly slow: number };
  /** Failures in a row. */
  readonly streak: number;
  readonly probesInFlight: number;
  /** How long until somebody may go; 0 when now, or when nobody knows. */
  readonly retryAfterMs: number;
  readonly counters: {
    readonly success: number;
    readonly failure: number;
    readonly ignored: number;
    readonly slow: number;
    readonly refused: number;
    readonly shadowRefused: number;
    readonly late: number;
    readonly opened: number;
  };
}

const freeing = new Freeing(native.breakerFree);
const look = new Float64Array(16);

let recordOn: (breaker: Breaker, token: number, whole: Float64Array | null, outcome: number, retryAfterMs: number) => boolean;
let cancelOn: (breaker: Breaker, whole: Float64Array | null) => void;
let classificationOf: (breaker: Breaker) => Classification;
let isDisposed: (breaker: Breaker) => boolean;

/**
 * The circuit breaker. One for each dependency; it lives in this JavaScript thread. A healthy call costs two calls into
 * the core, about 0.3 us, and no timer ever runs.
 */
export class Breaker {
  /** The name for messages and events. */
  readonly name: string;
  #handle: number;
  #time: Time;
  #classification: Classification;
  #listeners: ((transition: Transition) => void)[] = [];

  static {
    recordOn = (breaker, token, whole, outcome, retryAfterMs) => breaker.#record(token, whole, outcome, retryAfterMs);
    cancelOn = (breaker, whole) => breaker.#cancel(whole);
    classificationOf = (breaker) => breaker.#classification;
    isDisposed = (breaker) => breaker.#handle === NONE;
  }

  /** A closed breaker. Throws {@link ConfigError} for the first setting out of range. */
  constructor(options: BreakerOptions = {}) {
    const settings = new Settings('options', options, KINDS);
    this.name = settings.name('breaker');
    this.#time = timeOf(settings.given('clock'));
    this.#classification = new Classification(settings);
    const openForMs = settings.number('openForMs', 30_000);
    const windowCalls = settings.number('windowCalls', 0);
    const answer = native.breakerNew({
      consecutiveFailures: settings.number('consecutiveFailures', 5),
      consecutiveAlways: settings.flag('consecutiveAlways', false),
      failurePermille: settings.number('failureRate', 500),
      slowPermille: settings.number('slowRate', 0),
      slowAfterMs: settings.number('slowAfterMs', 0),
      windowCalls,
      windowMs: settings.number('windowMs', 10_000),
      minCalls: settings.number('minCalls', windowCalls === 0 ? 20 : Math.min(windowCalls, 20)),
      openForMs,
      openBackoffPermille: settings.number('openBackoff', 2000),
      openMaxMs: settings.number('openMaxMs', Math.max(openForMs, 300_000)),
      openJitterPermille: settings.number('openJitter', 100),
      probes: settings.number('probes', 1),
      probeLeaseMs: settings.number('probeLeaseMs', openForMs),
      minWitnesses: settings.number('minWitnesses', 1),
      mode: settings.word('mode', 'enforce'),
      seed: seedOf(settings.given('seed')),
    });
    if (settings.isBad && answer >= 0) {
      native.breakerFree(answer);
    }
    this.#handle = freeing.watch(this, settings.settle(answer, this.name));
    const listener = settings.given('onTransition');
    if (listener !== undefined) {
      this.onTransition(listener as (transition: Transition) => void);
    }
  }

  /**
   * Leave to make one call, at once; a breaker never waits. Give it back with `success`, `failure`, `ignore` or
   * `cancel`, in a `finally` block or by `using`. Throws {@link BreakerOpenError} when refused.
   */
  acquire(): BreakerPermit {
    const answer = native.breakerTryAcquire(this.#handle, this.#time.nowMs());
    if (answer >= 0) {
      return new BreakerPermit(this, answer, null);
    }
    if (answer !== IN_DETAIL) {
      throw failure(answer, this.name);
    }
    native.readDetail(detail);
    const permit = new BreakerPermit(this, 0, detail.slice(Detail.TokenLow, Detail.StartedHigh + 1));
    if (detail[Detail.From]! >= 0) {
      this.#tell();
    }
    return permit;
  }

  /** The same as `acquire`: the word that all primitives share. */
  tryAcquire(): BreakerPermit {
    return this.acquire();
  }

  /**
   * Calls `fn`, a plain or an async function, and records how it ended. What it returns and what it throws pass through
   * unchanged. When the caller's signal aborts, the promise rejects with the signal's reason and the call counts as
   * ignored, or as a failure where the signal was a time limit (`AbortSignal.timeout`).
   * Rejects with {@link BreakerOpenError} when refused; `fn` is not called then.
   */
  async call<T>(fn: (context: CallContext) => T, options?: CallOptions): Promise<Awaited<T>> {
    const signal = signalOf(options);
    signal?.throwIfAborted();
    const permit = this.acquire();
    let result: Awaited<T>;
    try {
      const running = fn({ signal, permit });
      result = signal === undefined ? await running : await untilAborted(running, signal);
    } catch (error) {
      settle(permit, isCancelled(signal) ? 'ignored' : this.#classification.error(error), error);
      throw error;
    }
    settle(permit, this.#classification.result(result), undefined);
    return result;
  }

  /** As `call`, for a function that answers at once: nothing is awaited. A promise it returns is an error. */
  callSync<T>(fn: (context: CallContext) => T): T {
    const permit = this.acquire();
    let result: T;
    try {
      result = fn({ signal: undefined, permit });
    } catch (error) {
      settle(permit, this.#classification.error(error), error);
      throw error;
    }
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function') {
      permit[Symbol.dispose]();
      throw new ConfigError('fn', fn, 'a function that answers at once; use call for promises');
    }
    settle(permit, this.#classification.result(result), undefined);
    return result;
  }

  /** `fn` behind this breaker: same arguments, same `this`, and a promise of the same result. */
  wrap<This, Args extends unknown[], Result>(
    fn: (this: This, ...args: Args) => Result,
  ): (this: This, ...args: Args) => Promise<Awaited<Result>> {
    checkedFunction('fn', fn);
    const breaker = this;
    const wrapped = function (this: This, ...args: Args): Promise<Awaited<Result>> {
      return breaker.call(() => fn.apply(this, args));
    };
    return Object.defineProperty(wrapped, 'name', { value: fn.name, configurable: true });
  }

  /** How this error would count. */
  classify(error: unknown): Outcome {
    return this.#classification.error(error);
  }

  /** Refuses every call until `reset`. */
  forceOpen(): void {
    this.#set(3);
  }

  /** Admits every call and records nothing until `reset`. */
  disable(): void {
    this.#set(4);
  }

  /** Closes the breaker with an empty window, whatever its state; permits given before are late. */
  reset(): void {
    this.#set(0);
  }

  /** The state right now. An open breaker says open until somebody asks after its time. */
  get state(): BreakerState {
    return STATES[this.#checked(native.breakerState(this.#handle))]!;
  }

  /** A look at everything, changing nothing. */
  snapshot(): BreakerSnapshot {
    this.#checked(native.breakerSnapshot(this.#handle, this.#time.nowMs(), look));
    const [state, generation, calls, failures, slow, streak, probesInFlight, retryAfterMs, ...counts] = look as unknown as number[];
    return {
      name: this.name,
      state: STATES[state!]!,
      generation: generation!,
      window: { calls: calls!, failures: failures!, slow: slow! },
      streak: streak!,
      probesInFlight: probesInFlight!,
      retryAfterMs: retryAfterMs!,
      counters: {
        success: counts[0]!,
        failure: counts[1]!,
        ignored: counts[2]!,
        slow: counts[3]!,
        refused: counts[4]!,
        shadowRefused: counts[5]!,
        late: counts[6]!,
        opened: counts[7]!,
      },
    };
  }

  /** Adds a listener; answers a function that takes it away again. What a listener throws becomes a warning. */
  onTransition(listener: (transition: Transition) => void): () => void {
    checkedFunction('onTransition', listener);
    // A new list each time, so that a listener may add and take away while one change is being told.
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** Frees the breaker now instead of when it is collected. Permits given before answer {@link DisposedError}. */
  dispose(): void {
    freeing.now(this, this.#handle);
    this.#handle = NONE;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #record(token: number, whole: Float64Array | null, outcome: number, retryAfterMs: number): boolean {
    const now = this.#time.nowMs();
    const answer = this.#checked(
      whole === null
        ? native.breakerRecord(this.#handle, token, outcome, retryAfterMs, now)
        : native.breakerRecordWhole(this.#handle, whole[0]!, whole[1]!, whole[2]!, whole[3]!, outcome, retryAfterMs, now),
    );
    if (answer === 0) {
      return true;
    }
    this.#tellIf(answer);
    return (answer & 0xff) !== LATE;
  }

  #cancel(whole: Float64Array | null): void {
    // An ordinary permit holds nothing that could be given back.
    if (whole !== null) {
      this.#tellIf(this.#checked(native.breakerCancel(this.#handle, whole[0]!, whole[1]!)));
    }
  }

  #set(state: number): void {
    this.#tellIf(this.#checked(native.breakerSet(this.#handle, state)));
  }

  #checked(answer: number): number {
    if (answer < 0) {
      throw failure(answer, this.name);
    }
    return answer;
  }

  #tellIf(answer: number): void {
    if ((answer & CHANGED) !== 0 && this.#listeners.length > 0) {
      native.readDetail(detail);
      this.#tell();
    }
  }

  #tell(): void {
    const transition: Transition = Object.freeze({
      name: this.name,
      from: STATES[detail[Detail.From]!]!,
      to: STATES[detail[Detail.To]!]!,
      generation: detail[Detail.Generation]!,
    });
    for (const listener of this.#listeners) {
      try {
        listener(transition);
      } catch (error) {
        complain(`${this.name}: onTransition`, error);
      }
    }
  }
}

/**
 * Leave to make one call. Use it once: say how the call ended, or cancel. Disposing of it (`using`) cancels if nothing
 * was said. A probe's permit that is only dropped keeps its seat until the lease expires.
 */
export class BreakerPermit {
  #breaker: Breaker;
  #token: number;
  #whole: Float64Array | null;
  #spent = false;

  /** @internal */
  constructor(breaker: Breaker, token: number, whole: Float64Array | null) {
    this.#breaker = breaker;
    this.#token = token;
    this.#whole = whole;
  }

  /** True once it was recorded or cancelled. */
  get isSpent(): boolean {
    return this.#spent;
  }

  /** The call did what was asked. False when it came too late to count. */
  success(): boolean {
    return this.#use(0, 0);
  }

  /**
   * The call failed in a way that says something about the dependency. `error` is asked for the server's wish to be left
   * alone (`retryAfterOf`), `retryAfterMs` says it outright. False when it came too late to count.
   */
  failure(error?: unknown, options?: { retryAfterMs?: number }): boolean {
    return this.#use(1, retryAfterOf(options) ?? (error === undefined ? 0 : classificationOf(this.#breaker).retryAfter(error)));
  }

  /** The call says nothing about the dependency. False when it came too late to count. */
  ignore(): boolean {
    return this.#use(2, 0);
  }

  /** Says how the call ended. False when it came too late to count. Throws {@link SpentError} the second time. */
  record(outcome: Outcome, options?: { retryAfterMs?: number }): boolean {
    return this.#use(checkedWord('outcome', outcome, OUTCOMES), retryAfterOf(options) ?? 0);
  }

  /** Gives the permit back unused: neither success nor failure. Throws {@link SpentError} the second time. */
  cancel(): void {
    this.#spend();
    cancelOn(this.#breaker, this.#whole);
  }

  /** Cancels if nothing was said before. Never throws. */
  [Symbol.dispose](): void {
    if (!this.#spent && !isDisposed(this.#breaker)) {
      this.cancel();
    }
  }

  #spend(): void {
    if (this.#spent) {
      throw misuse(SPENT, this.#breaker.name);
    }
    this.#spent = true;
  }

  #use(outcome: number, retryAfterMs: number): boolean {
    this.#spend();
    return recordOn(this.#breaker, this.#token, this.#whole, outcome, retryAfterMs);
  }
}

/**
 * Records the end of a call, unless the user's function said itself how it ended. A breaker that was disposed of
 * meanwhile has nothing to record in, and must not take the place of the call's own result.
 */
function settle(permit: BreakerPermit, outcome: Outcome, error: unknown): void {
  if (permit.isSpent) {
    return;
  }
  try {
    if (outcome === 'failure') {
      permit.failure(error);
    } else {
      permit.record(outcome);
    }
  } catch (problem) {
    if (!(problem instanceof DisposedError)) {
      throw problem;
    }
  }
}

function signalOf(options: CallOptions | undefined): AbortSignal | undefined {
  if (options === undefined) {
    return undefined;
  }
  checkedKeys('options', options, ['signal']);
  return checkedSignal(options.signal);
}

function retryAfterOf(options: { retryAfterMs?: number } | undefined): number | undefined {
  return options?.retryAfterMs === undefined ? undefined : checkedMs('retryAfterMs', options.retryAfterMs);
}

function seedOf(seed: unknown): bigint | undefined {
  if (seed === undefined) {
    return undefined;
  }
  if ((typeof seed === 'number' && Number.isSafeInteger(seed) && seed >= 0) || (typeof seed === 'bigint' && seed >= 0n && seed < 1n << 64n)) {
    return BigInt(seed);
  }
  throw new ConfigError('seed', seed, 'a whole number below 2^53 or a bigint below 2^64');
}
