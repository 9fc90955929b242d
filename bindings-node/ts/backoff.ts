/** How long to wait before the next attempt. */

import * as native from '../native.js';
import { ConfigError } from './errors.js';
import { Settings, checkedCount, checkedKeys, checkedMs } from './settings.js';

const JITTERS = ['full', 'equal', 'decorrelated', 'none'] as const;
/** How the wait is spread, so that callers that failed together do not come back together. */
export type Jitter = (typeof JITTERS)[number];

/** The settings of a backoff. An option that is undefined takes its default; 0 is a value. */
export interface BackoffOptions {
  /** The wait before the first retry, 0 to a day. Default 100. */
  baseMs?: number;
  /** How much each further wait grows, 1 to 10. Default 2. */
  factor?: number;
  /** The longest wait before jitter, `baseMs` to a day. Default 20,000. */
  capMs?: number;
  /**
   * `full` (default): anywhere from nothing to the whole wait. `equal`: half of it and anywhere within the other half.
   * `decorrelated`: from the base to three times the previous wait. `none`.
   */
  jitter?: Jitter;
  /** How much longer than our own wait a server's Retry-After may make it. Default: as much as it asks for. */
  retryAfterMarginMs?: number;
  /** Where chance comes from, as `Math.random`. Default: the operating system. */
  random?: () => number;
}

/** What one wait depends on besides the attempt. */
export interface DelayOptions {
  /** The wait before the last retry; only decorrelated jitter looks at it. */
  previousMs?: number;
  /** What the server asked for: a floor that jitter never undercuts. */
  retryAfterMs?: number;
  /** Sixty-four random bits instead of the backoff's own chance. */
  random?: bigint;
}

const KINDS = { baseMs: 'ms', factor: 'ratio', capMs: 'ms', jitter: JITTERS, retryAfterMarginMs: 'ms', random: 'any' } as const;
const WORD = 1n << 64n;

/** The growing, jittered wait between attempts. Holds no state: one will do for all calls. */
export class Backoff implements Iterable<number> {
  #config: native.BackoffConfig;
  #random: (() => number) | undefined;

  /** The standard retry mode of the AWS SDKs: 50 ms doubling to 20 s, a server's wish kept within 5 s of our own wait. */
  static awsStandard(): Backoff {
    return new Backoff({ baseMs: 50, capMs: 20_000, retryAfterMarginMs: 5000 });
  }

  /** The wait that the AWS SDKs use after a throttling answer: as `awsStandard` from 1 s. */
  static awsThrottled(): Backoff {
    return new Backoff({ baseMs: 1000, capMs: 20_000, retryAfterMarginMs: 5000 });
  }

  /** Throws {@link ConfigError} for the first setting out of range. */
  constructor(options: BackoffOptions = {}) {
    const settings = new Settings('options', options, KINDS);
    const random = settings.given('random');
    if (random !== undefined && typeof random !== 'function') {
      throw new ConfigError('random', random, 'a function that answers 0 to 1');
    }
    this.#random = random as (() => number) | undefined;
    this.#config = {
      baseMs: settings.number('baseMs', 100),
      factorPermille: settings.number('factor', 2000),
      capMs: settings.number('capMs', 20_000),
      jitter: settings.word('jitter', 'full'),
      retryAfterMarginMs: settings.number('retryAfterMarginMs', Infinity),
    };
    settings.settle(native.backoffCheck(this.#config), 'backoff');
  }

  /** The wait in milliseconds before retry `attempt` (the first retry is 1). */
  delayMs(attempt: number, options: DelayOptions = {}): number {
    checkedCount('attempt', attempt, 1, 2 ** 32 - 1);
    checkedKeys('options', options, ['previousMs', 'retryAfterMs', 'random']);
    const previousMs = options.previousMs === undefined ? 0 : checkedMs('previousMs', options.previousMs);
    const retryAfterMs = options.retryAfterMs === undefined ? 0 : checkedMs('retryAfterMs', options.retryAfterMs);
    return native.backoffDelay(this.#config, attempt, previousMs, retryAfterMs, this.#bits(options.random));
  }

  /** The waits of one call, each knowing the one before: as many as `retries` (default: without end). */
  *delays(retries = Infinity): Generator<number, void, undefined> {
    if (retries !== Infinity) {
      checkedCount('retries', retries, 0, 2 ** 32 - 1);
    }
    let previousMs = 0;
    for (let attempt = 1; attempt <= retries; attempt++) {
      previousMs = this.delayMs(attempt, { previousMs });
      yield previousMs;
    }
  }

  /** The waits of one call, without end: `for (const delayMs of backoff)`. */
  [Symbol.iterator](): Generator<number, void, undefined> {
    return this.delays();
  }

  #bits(random: unknown): bigint | undefined {
    if (random !== undefined) {
      if (typeof random !== 'bigint' || random < 0n || random >= WORD) {
        throw new ConfigError('random', random, 'a bigint below 2^64');
      }
      return random;
    }
    if (this.#random === undefined) {
      return undefined;
    }
    const drawn = this.#random();
    if (typeof drawn !== 'number' || !(drawn >= 0 && drawn <= 1)) {
      throw new ConfigError('random', drawn, 'a function that answers 0 to 1');
    }
    // The ends stay ends: 1 is the last number there is.
    const bits = BigInt(Math.floor(drawn * 2 ** 53)) << 11n;
    return bits >= WORD ? WORD - 1n : bits;
  }
}
