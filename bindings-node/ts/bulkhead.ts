/// <reference lib="esnext.disposable" preserve="true" />
/** Bulkhead: a fixed number of permits, so that one slow dependency cannot hold every worker. */

import * as native from '../native.js';
import { checkedSignal, onAbort, untilAborted } from './abort.js';
import { BULKHEAD_WAIT_TIMEOUT, Detail, IN_DETAIL, MISCONFIGURED, STALE, UNINITIALISED, detail, failure, misuse, refusal } from './answer.js';
import type { Mode } from './answer.js';
import { timeOf } from './clock.js';
import type { ClockOption, Time } from './clock.js';
import { ConfigError } from './errors.js';
import { Freeing, NONE } from './handle.js';
import { COMMON, Settings, checkedKeys, checkedWait } from './settings.js';

/** The settings of a bulkhead. An option that is undefined takes its default; 0 is a value. */
export interface BulkheadOptions {
  /** For messages. Default `bulkhead`. */
  name?: string;
  /** Permits in all, 1 to `capacity`. Default 20. */
  maxConcurrent?: number;
  /** How many of them only critical callers may take, 0 to `maxConcurrent - 1`. Default 0. */
  reserved?: number;
  /** How many callers may wait for a permit, 0 to 1,000,000. Default 0: nobody waits. */
  maxWaiting?: number;
  /** The most permits that `resize` can ever allow, 1 to 4,096; 8 bytes each. Default `maxConcurrent`, at least 256. */
  capacity?: number;
  /** Decide and refuse, decide and only count, or neither. Default `enforce`. */
  mode?: Mode;
  /** Where the time comes from. Default `native`. */
  clock?: ClockOption;
}

const KINDS = { ...COMMON, maxConcurrent: 'count', reserved: 'count', maxWaiting: 'count', capacity: 'count' } as const;
const RESIZE = { maxConcurrent: 'count', reserved: 'count' } as const;

/** How a permit is asked for. */
export interface AcquireOptions {
  /** How long to wait for a permit; 0 (default) not at all, Infinity for as long as it takes. */
  maxWaitMs?: number;
  /** Ends the wait: the promise rejects with the signal's reason, and the place in the queue is free. */
  signal?: AbortSignal;
  /** May take reserved permits, and takes those first. Default false. */
  critical?: boolean;
}

/** What the user's function gets. */
export interface BulkheadContext {
  /** The caller's signal: hand it on to whatever the function waits for. */
  readonly signal: AbortSignal | undefined;
  /** The permit of this call; it is given back when the function has really ended. */
  readonly permit: BulkheadPermit;
}

/** A look at a bulkhead. Counters only grow. */
export interface BulkheadSnapshot {
  readonly name: string;
  readonly limit: number;
  readonly reserved: number;
  readonly inUse: number;
  readonly waiting: number;
  /** Callers turned away: at once, because the queue was full, or because their wait was over. */
  readonly rejected: number;
  readonly shadowRefused: number;
  /** Releases that came twice. */
  readonly stale: number;
  /** How long the oldest permit has been held, to a millisecond. */
  readonly longestHoldMs: number;
}

interface Waiter {
  readonly critical: boolean;
  readonly resolve: (permit: BulkheadPermit) => void;
  readonly reject: (error: unknown) => void;
  /** Takes timer and listener away. */
  leave: () => void;
}

const USUAL_CAPACITY = 256;
const LARGEST_CAPACITY = 4096;

const freeing = new Freeing(native.bulkheadFree);
const look = new Float64Array(8);
let releaseOn: (bulkhead: Bulkhead, token: number, low: number, high: number) => boolean;
let isDisposed: (bulkhead: Bulkhead) => boolean;

/** The bulkhead. One for each dependency; it lives in this JavaScript thread. Waiters are served first come first. */
export class Bulkhead {
  /** The name for messages. */
  readonly name: string;
  #handle: number;
  #time: Time;
  #capacity: number;
  /** In order of arrival: a Set keeps it, and forgets anybody at no cost. */
  #queue = new Set<Waiter>();
  #criticalWaiting = 0;

  static {
    releaseOn = (bulkhead, token, low, high) => bulkhead.#release(token, low, high);
    isDisposed = (bulkhead) => bulkhead.#handle === NONE;
  }

  /** A bulkhead with all permits free. Throws {@link ConfigError} for the first setting out of range. */
  constructor(options: BulkheadOptions = {}) {
    const settings = new Settings('options', options, KINDS);
    this.name = settings.name('bulkhead');
    this.#time = timeOf(settings.given('clock'));
    const maxConcurrent = settings.number('maxConcurrent', 20);
    this.#capacity = settings.number('capacity', Math.min(Math.max(maxConcurrent, USUAL_CAPACITY), LARGEST_CAPACITY));
    const config: native.BulkheadConfig = {
      maxConcurrent,
      reserved: settings.number('reserved', 0),
      maxWaiting: settings.number('maxWaiting', 0),
      capacity: this.#capacity,
      mode: settings.word('mode', 'enforce'),
    };
    let answer = native.bulkheadNew(config);
    if (answer === MISCONFIGURED && settings.given('capacity') === undefined) {
      // So that the error names the largest limit there can be, not the capacity chosen for a wrong one.
      answer = native.bulkheadNew({ ...config, capacity: LARGEST_CAPACITY });
    }
    if (settings.isBad && answer >= 0) {
      native.bulkheadFree(answer);
    }
    this.#handle = freeing.watch(this, settings.settle(answer, this.name));
  }

  /** A permit without waiting. Throws {@link BulkheadFullError} when there is none. */
  tryAcquire(options?: { critical?: boolean }): BulkheadPermit {
    if (options !== undefined) {
      checkedKeys('options', options, ['critical']);
    }
    const permit = this.#take(criticalOf(options));
    if (typeof permit === 'number') {
      throw failure(permit, this.name);
    }
    return permit;
  }

  /**
   * A permit, waiting for it up to `maxWaitMs`. Rejects with {@link BulkheadFullError} when there is none in time or
   * too many wait already, and with the signal's reason when that aborts. Leaves no timer and no listener behind.
   */
  async acquire(options: AcquireOptions = {}): Promise<BulkheadPermit> {
    checkedKeys('options', options, ['maxWaitMs', 'signal', 'critical']);
    const maxWaitMs = options.maxWaitMs === undefined ? 0 : checkedWait('maxWaitMs', options.maxWaitMs);
    const signal = checkedSignal(options.signal);
    const critical = criticalOf(options);
    signal?.throwIfAborted();
    // Nobody overtakes who waits already; a critical caller only waits behind critical ones.
    const isFirst = this.#queue.size === 0 || (critical && this.#criticalWaiting === 0);
    const isPatient = maxWaitMs > 0;
    if (isFirst || !isPatient) {
      const permit = this.#take(critical, isPatient);
      if (typeof permit !== 'number') {
        return permit;
      }
      if (!isPatient || permit < -100) {
        throw failure(permit, this.name);
      }
    }
    const answer = native.bulkheadBeginWait(this.#handle);
    if (answer < 0) {
      return this.#lastTry(critical, failure(answer, this.name));
    }
    return new Promise((resolve, reject) => this.#enqueue({ critical, resolve, reject, leave: () => {} }, maxWaitMs, signal));
  }

  /**
   * Calls `fn`, a plain or an async function, while holding a permit. The permit is given back when `fn` has really
   * ended, also when the caller's signal made the promise reject before.
   */
  async call<T>(fn: (context: BulkheadContext) => T, options: AcquireOptions = {}): Promise<Awaited<T>> {
    const permit = await this.acquire(options);
    const signal = options.signal;
    if (signal?.aborted) {
      // Aborted between the end of the wait and now.
      permit[Symbol.dispose]();
      throw signal.reason;
    }
    const run = async (): Promise<Awaited<T>> => {
      try {
        return await fn({ signal, permit });
      } finally {
        permit[Symbol.dispose]();
      }
    };
    return signal === undefined ? run() : (untilAborted(run(), signal) as Promise<Awaited<T>>);
  }

  /**
   * Changes the limit and the reserve (0 unless given) of a live bulkhead. Holders keep their permits; after a shrink
   * new ones are given once the holders are below the new limit.
   */
  resize(maxConcurrent: number, options: { reserved?: number } = {}): void {
    checkedKeys('options', options, ['reserved']);
    const settings = new Settings('options', { maxConcurrent, reserved: options.reserved }, RESIZE);
    const answer = native.bulkheadResize(this.#handle, settings.number('maxConcurrent', Infinity), settings.number('reserved', 0));
    settings.settle(answer, this.name);
    this.#serve();
  }

  /** The most permits that `resize` can allow. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Counts a waiter of a queue of your own, if the settings allow one more. Throws {@link BulkheadFullError}. */
  beginWait(): void {
    const answer = native.bulkheadBeginWait(this.#handle);
    if (answer < 0) {
      throw failure(answer, this.name);
    }
  }

  /** Counts one waiter less. */
  endWait(): void {
    native.bulkheadEndWait(this.#handle);
  }

  /** A look at everything, changing nothing. Walks all cells. */
  snapshot(): BulkheadSnapshot {
    const answer = native.bulkheadSnapshot(this.#handle, this.#time.nowMs(), look);
    if (answer < 0) {
      throw failure(answer, this.name);
    }
    return {
      name: this.name,
      limit: look[0]!,
      reserved: look[1]!,
      inUse: look[2]!,
      waiting: look[3]!,
      rejected: look[4]!,
      shadowRefused: look[5]!,
      stale: look[6]!,
      longestHoldMs: look[7]!,
    };
  }

  /** Frees the bulkhead now instead of when it is collected; those who wait get {@link DisposedError}. */
  dispose(): void {
    for (const waiter of this.#queue) {
      this.#dequeue(waiter);
      waiter.reject(misuse(UNINITIALISED, this.name));
    }
    freeing.now(this, this.#handle);
    this.#handle = NONE;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Who gives up asks once more: served at the last moment, or counted as turned away. Throws `error` then. */
  #lastTry(critical: boolean, error: unknown): BulkheadPermit {
    const permit = this.#take(critical);
    if (typeof permit === 'number') {
      throw error;
    }
    return permit;
  }

  /** A permit, or the answer that says why not. Whoever goes on waiting is not counted as turned away. */
  #take(critical: boolean, isWaiting = false): BulkheadPermit | number {
    const answer = native.bulkheadTryAcquire(this.#handle, critical, isWaiting, this.#time.nowMs());
    if (answer >= 0) {
      return new BulkheadPermit(this, answer, 0, 0);
    }
    if (answer !== IN_DETAIL) {
      return answer;
    }
    native.readDetail(detail);
    return new BulkheadPermit(this, -1, detail[Detail.TokenLow]!, detail[Detail.TokenHigh]!);
  }

  #release(token: number, low: number, high: number): boolean {
    const answer = token >= 0 ? native.bulkheadRelease(this.#handle, token) : native.bulkheadReleaseWhole(this.#handle, low, high);
    if (answer < 0) {
      throw failure(answer, this.name);
    }
    if (answer === STALE) {
      return false;
    }
    this.#serve();
    return true;
  }

  #enqueue(waiter: Waiter, maxWaitMs: number, signal: AbortSignal | undefined): void {
    this.#queue.add(waiter);
    this.#criticalWaiting += waiter.critical ? 1 : 0;
    const abort = (): void => {
      this.#dequeue(waiter);
      waiter.reject(signal!.reason);
    };
    const giveUp = (): void => {
      this.#dequeue(waiter);
      try {
        waiter.resolve(this.#lastTry(waiter.critical, refusal(BULKHEAD_WAIT_TIMEOUT, this.name, 0)));
      } catch (error) {
        waiter.reject(error);
      }
    };
    const cancelTimer = maxWaitMs === Infinity ? undefined : this.#time.after(maxWaitMs, giveUp);
    const ignoreSignal = signal === undefined ? undefined : onAbort(signal, abort);
    waiter.leave = () => {
      cancelTimer?.();
      ignoreSignal?.();
    };
  }

  #dequeue(waiter: Waiter): void {
    this.#queue.delete(waiter);
    this.#criticalWaiting -= waiter.critical ? 1 : 0;
    native.bulkheadEndWait(this.#handle);
    waiter.leave();
  }

  /** Hands free permits to those who wait, in their order; critical ones may find one where ordinary ones do not. */
  #serve(): void {
    let isOrdinaryFull = false;
    for (const waiter of this.#queue) {
      if (isOrdinaryFull && !waiter.critical) {
        continue;
      }
      const permit = this.#take(waiter.critical, true);
      if (typeof permit === 'number') {
        isOrdinaryFull = true;
        if (waiter.critical || this.#criticalWaiting === 0) {
          return;
        }
      } else {
        this.#dequeue(waiter);
        waiter.resolve(permit);
      }
    }
  }
}

/** Leave to hold one place. Give it back when the work has really ended, in a `finally` block or by `using`. */
export class BulkheadPermit {
  #bulkhead: Bulkhead;
  #token: number;
  #low: number;
  #high: number;
  #released = false;

  /** @internal */
  constructor(bulkhead: Bulkhead, token: number, low: number, high: number) {
    this.#bulkhead = bulkhead;
    this.#token = token;
    this.#low = low;
    this.#high = high;
  }

  /** Gives the permit back. False, and counted as stale, when it was given back before. */
  release(): boolean {
    this.#released = true;
    return releaseOn(this.#bulkhead, this.#token, this.#low, this.#high);
  }

  /** Gives the permit back if that was not done before. Never throws. */
  [Symbol.dispose](): void {
    if (!this.#released && !isDisposed(this.#bulkhead)) {
      this.release();
    }
  }
}

function criticalOf(options: { critical?: boolean } | undefined): boolean {
  const critical = options?.critical;
  if (critical !== undefined && typeof critical !== 'boolean') {
    throw new ConfigError('critical', critical, 'true or false');
  }
  return critical ?? false;
}
