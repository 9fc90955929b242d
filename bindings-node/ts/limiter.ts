/** Token bucket: so many calls per while, with a burst, and no drift. */

import * as native from '../native.js';
import { checkedSignal, onAbort } from './abort.js';
import { FOREIGN, MODES, SPENT, failure, misuse } from './answer.js';
import type { Mode } from './answer.js';
import { timeOf } from './clock.js';
import type { ClockOption, Time } from './clock.js';
import { ConfigError } from './errors.js';
import { Freeing, NONE } from './handle.js';
import { COMMON, Settings, checkedCount, checkedKeys, checkedWait } from './settings.js';

/** `"100/s"`, `"10/minute"`, `"5/10s"` (units ns, us, ms, s, m, h, d and their names), or the same in numbers. */
export type Rate = string | { permits: number; periodMs: number };

/** The settings of a limiter. An option that is undefined takes its default; 0 is a value. */
export interface LimiterOptions {
  /** Tokens per while: 1 to 1,000,000,000 per 1 ns to 31 days, and at most one per nanosecond. Required. */
  rate: Rate;
  /** The most tokens the bucket holds, 1 to 1,000,000,000 (less for very slow rates). Default: those of one period. */
  burst?: number;
  /** For messages. Default `limiter`. */
  name?: string;
  /** Decide and refuse, decide and only count, or neither. Default `enforce`. */
  mode?: Mode;
  /** Where the time comes from. Default `native`. */
  clock?: ClockOption;
}

const KINDS = { ...COMMON, rate: 'any', burst: 'count' } as const;
const NUMBERS = { permits: 'count', periodMs: 'ms', burst: 'count' } as const;

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
};

/** How tokens are waited for. */
export interface WaitOptions {
  /** The longest wait; a longer one is refused at once and takes nothing. Default: as long as it takes. */
  maxWaitMs?: number;
  /** Ends the wait: the promise rejects with the signal's reason and the tokens are given back. */
  signal?: AbortSignal;
}

/** A look at a limiter, in the terms of the HTTP rate limit fields. Counters only grow. */
export interface LimiterSnapshot {
  readonly name: string;
  /** The most tokens the bucket holds. */
  readonly limit: number;
  /** Whole tokens left. */
  readonly remaining: number;
  /** How long until the bucket is full. */
  readonly resetMs: number;
  /** How long until one token is there; 0 if it is. */
  readonly retryAfterMs: number;
  readonly counters: { readonly allowed: number; readonly refused: number; readonly shadowRefused: number };
}

const freeing = new Freeing(native.limiterFree);
const look = new Float64Array(7);
let ownerOf: (reservation: Reservation) => Limiter;
let spend: (reservation: Reservation) => boolean;

/** The token bucket. It lives in this JavaScript thread; a healthy call costs one call into the core. */
export class Limiter {
  /** The name for messages. */
  readonly name: string;
  #handle: number;
  #time: Time;
  #mode: number;

  /** A full bucket. Throws {@link ConfigError} for the first setting out of range. */
  constructor(options: LimiterOptions) {
    const settings = new Settings('options', options, KINDS);
    this.name = settings.name('limiter');
    this.#time = timeOf(settings.given('clock'));
    this.#mode = settings.word('mode', MODES[0]);
    const rate = new CheckedRate(settings.given('rate'), settings.given('burst'));
    const answer = native.limiterNew(rate.permits, rate.periodMs, rate.burst, this.#mode);
    if (rate.isBad && answer >= 0) {
      native.limiterFree(answer);
    }
    this.#handle = freeing.watch(this, rate.settle(answer, this.name));
  }

  /**
   * Takes `n` tokens if they are there now. Taking none always works. Throws {@link RateLimitedError} when they are not
   * there, and {@link ExceedsCapacityError} when the bucket could never hold so many.
   */
  tryAcquire(n = 1): void {
    this.#checked(native.limiterTryAcquire(this.#handle, tokensOf(n), this.#time.nowMs()));
  }

  /**
   * Takes `n` tokens, waiting until they are there; callers are served in the order in which they asked. Rejects with
   * {@link RateLimitedError} at once when that would take longer than `maxWaitMs`, and with the signal's reason when
   * that aborts. Leaves no timer and no listener behind.
   */
  async acquire(n = 1, options: WaitOptions = {}): Promise<void> {
    checkedKeys('options', options, ['maxWaitMs', 'signal']);
    const signal = checkedSignal(options.signal);
    const maxWaitMs = options.maxWaitMs === undefined ? Infinity : checkedWait('maxWaitMs', options.maxWaitMs);
    signal?.throwIfAborted();
    const reservation = this.#reserve(tokensOf(n), maxWaitMs);
    if (reservation.waitMs > 0) {
      await this.#wait(reservation, signal);
    }
  }

  /**
   * Takes `n` tokens now or ahead of time: wait `waitMs` before going, or cancel. Throws {@link RateLimitedError} when
   * the wait would be longer than `maxWaitMs` (default: any wait will do).
   */
  reserve(n = 1, options: { maxWaitMs?: number } = {}): Reservation {
    checkedKeys('options', options, ['maxWaitMs']);
    return this.#reserve(tokensOf(n), options.maxWaitMs === undefined ? Infinity : checkedWait('maxWaitMs', options.maxWaitMs));
  }

  /** Gives a reservation back, whether its time has come or not. Throws {@link SpentError} the second time. */
  cancel(reservation: Reservation): void {
    if (!(reservation instanceof Reservation) || ownerOf(reservation) !== this) {
      throw misuse(FOREIGN, this.name);
    }
    if (!spend(reservation)) {
      throw misuse(SPENT, this.name);
    }
    this.#checked(native.limiterCancel(this.#handle, reservation.tokens, this.#time.nowMs()));
  }

  /**
   * Corrects the cost after the fact: takes `n` more whatever the bucket holds (it may go into debt, which later
   * callers wait for), or gives back when negative.
   */
  adjust(n: number): void {
    checkedCount('n', n, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    this.#checked(native.limiterAdjust(this.#handle, n, this.#time.nowMs()));
  }

  /** Changes the rate of a live limiter; the tokens that are missing stay missing. `burst` as in the constructor. */
  setRate(rate: Rate, options: { burst?: number } = {}): void {
    checkedKeys('options', options, ['burst']);
    const checked = new CheckedRate(rate, options.burst);
    if (checked.isBad) {
      // A limiter made only to hear what the range is.
      const answer = native.limiterNew(checked.permits, checked.periodMs, checked.burst, this.#mode);
      if (answer >= 0) {
        native.limiterFree(answer);
      }
      checked.settle(answer, this.name);
    }
    checked.settle(
      native.limiterSetRate(this.#handle, checked.permits, checked.periodMs, checked.burst, this.#mode, this.#time.nowMs()),
      this.name,
    );
  }

  /** A look at everything, changing nothing. */
  snapshot(): LimiterSnapshot {
    this.#checked(native.limiterSnapshot(this.#handle, this.#time.nowMs(), look));
    return {
      name: this.name,
      limit: look[0]!,
      remaining: look[1]!,
      resetMs: look[2]!,
      retryAfterMs: look[3]!,
      counters: { allowed: look[4]!, refused: look[5]!, shadowRefused: look[6]! },
    };
  }

  /**
   * The HTTP fields of a response under this limit, in whole seconds rounded up: `RateLimit-Limit`,
   * `RateLimit-Remaining`, `RateLimit-Reset`, and `Retry-After` when no token is left (send 429 then).
   */
  headers(): Record<string, string> {
    const { limit, remaining, resetMs, retryAfterMs } = this.snapshot();
    const headers: Record<string, string> = {
      'RateLimit-Limit': String(limit),
      'RateLimit-Remaining': String(remaining),
      'RateLimit-Reset': String(Math.ceil(resetMs / 1000)),
    };
    if (retryAfterMs > 0) {
      headers['Retry-After'] = String(Math.ceil(retryAfterMs / 1000));
    }
    return headers;
  }

  /** Frees the limiter now instead of when it is collected. */
  dispose(): void {
    freeing.now(this, this.#handle);
    this.#handle = NONE;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #reserve(n: number, maxWaitMs: number): Reservation {
    const tokens = this.#checked(native.limiterReserve(this.#handle, n, maxWaitMs, this.#time.nowMs()));
    return new Reservation(this, tokens, native.readWait());
  }

  #wait(reservation: Reservation, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        cancelTimer();
        this.cancel(reservation);
        reject(signal!.reason);
      };
      const cancelTimer = this.#time.after(reservation.waitMs, () => {
        ignoreSignal?.();
        resolve();
      });
      const ignoreSignal = signal === undefined ? undefined : onAbort(signal, abort);
    });
  }

  #checked(answer: number): number {
    if (answer < 0) {
      throw failure(answer, this.name);
    }
    return answer;
  }
}

/** Tokens taken ahead of time. Wait for `waitMs`, then go; or give it back. */
export class Reservation {
  #limiter: Limiter;
  #spent = false;
  /** How many tokens it holds. */
  readonly tokens: number;
  /** How long to wait before going, in milliseconds. */
  readonly waitMs: number;

  static {
    ownerOf = (reservation) => reservation.#limiter;
    spend = (reservation) => {
      const isFirst = !reservation.#spent;
      reservation.#spent = true;
      return isFirst;
    };
  }

  /** @internal */
  constructor(limiter: Limiter, tokens: number, waitMs: number) {
    this.#limiter = limiter;
    this.tokens = tokens;
    this.waitMs = waitMs;
  }

  /** Gives the tokens back, whether their time has come or not. Throws {@link SpentError} the second time. */
  cancel(): void {
    this.#limiter.cancel(this);
  }
}

function tokensOf(n: unknown): number {
  return checkedCount('n', n, 0, Number.MAX_SAFE_INTEGER);
}

/** A rate as the core takes it, with its errors in the words of the user. */
class CheckedRate {
  readonly permits: number;
  readonly periodMs: number;
  readonly burst: number;
  #rate: unknown;
  #settings: Settings;

  constructor(rate: unknown, burst: unknown) {
    this.#rate = rate;
    const { permits, periodMs } = typeof rate === 'string' ? parsed(rate) : numbers(rate);
    this.#settings = new Settings('rate', { permits, periodMs, burst }, NUMBERS);
    this.permits = this.#settings.number('permits', Infinity);
    this.periodMs = this.#settings.number('periodMs', Infinity);
    this.burst = this.#settings.number('burst', this.permits);
  }

  get isBad(): boolean {
    return this.#settings.isBad;
  }

  settle(answer: number, source: string): number {
    try {
      return this.#settings.settle(answer, source, { rate: 'permits' });
    } catch (error) {
      if (!(error instanceof ConfigError) || error.field === 'burst') {
        throw error;
      }
      const key = error.field === 'periodMs' ? 'periodMs' : 'permits';
      const text = typeof this.#rate === 'string';
      const value = text ? this.#rate : (this.#rate as Record<string, unknown>)[key];
      throw new ConfigError(text ? 'rate' : `rate.${key}`, value, text ? `within range: ${key} is ${error.range}` : error.range);
    }
  }
}

function numbers(rate: unknown): { permits: unknown; periodMs: unknown } {
  if (typeof rate !== 'object' || rate === null) {
    throw new ConfigError('rate', rate, 'a rate such as "100/s" or { permits: 100, periodMs: 1000 }');
  }
  checkedKeys('rate', rate, ['permits', 'periodMs']);
  const { permits, periodMs } = rate as { permits?: unknown; periodMs?: unknown };
  if (permits === undefined || periodMs === undefined) {
    throw new ConfigError('rate', rate, 'complete: it needs permits and periodMs');
  }
  return { permits, periodMs };
}

function parsed(rate: string): { permits: number; periodMs: number } {
  const [, permits, count, unit] = /^\s*(\d+)\s*(?:\/|per)\s*(\d+)?\s*([a-z]+?)\s*$/i.exec(rate) ?? [];
  const word = unit?.toLowerCase() ?? '';
  const unitMs = UNITS_MS[word] ?? UNITS_MS[word.replace(/s$/, '')];
  if (unitMs === undefined) {
    throw new ConfigError('rate', rate, 'a rate such as "100/s", "10/minute" or "5/10s"');
  }
  return { permits: Number(permits), periodMs: (count === undefined ? 1 : Number(count)) * unitMs };
}
