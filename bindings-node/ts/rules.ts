/** How the end of an attempt counts: ignored before failure before success, and whether another attempt may help. */

import * as native from '../native.js';
import type { Outcome } from './answer.js';
import { OUTCOMES } from './answer.js';
import { complain, predicate } from './classify.js';
import type { Matcher } from './classify.js';
import { isRefused } from './errors.js';
import { checkedFunction } from './settings.js';

/** The numbers in which the core counts how an attempt ended. */
export const SUCCESS = 0;
export const FAILURE = 1;
export const IGNORED = 2;
const RETRYABLE = 4;
const NOT_SENT = 8;
const CAUSES = 0b11_0000;
const THROTTLED = 0b01_0000;

/** Why there was no answer, in the core's numbers. */
export const enum Trouble {
  None,
  NotConnected,
  ConnectTimeout,
  ReadTimeout,
  Reset,
  Protocol,
  Other,
}

const TROUBLES = new Map<string, Trouble>([
  ['ECONNREFUSED', Trouble.NotConnected],
  ['ENOTFOUND', Trouble.NotConnected],
  ['EAI_AGAIN', Trouble.NotConnected],
  ['EAI_FAIL', Trouble.NotConnected],
  ['EAI_NODATA', Trouble.NotConnected],
  ['EHOSTUNREACH', Trouble.NotConnected],
  ['EHOSTDOWN', Trouble.NotConnected],
  ['ENETUNREACH', Trouble.NotConnected],
  ['ENETDOWN', Trouble.NotConnected],
  ['EADDRNOTAVAIL', Trouble.NotConnected],
  ['UND_ERR_CONNECT_TIMEOUT', Trouble.ConnectTimeout],
  ['ETIMEDOUT', Trouble.ReadTimeout],
  ['ESOCKETTIMEDOUT', Trouble.ReadTimeout],
  ['UND_ERR_HEADERS_TIMEOUT', Trouble.ReadTimeout],
  ['UND_ERR_BODY_TIMEOUT', Trouble.ReadTimeout],
  ['ECONNRESET', Trouble.Reset],
  ['ECONNABORTED', Trouble.Reset],
  ['EPIPE', Trouble.Reset],
  ['UND_ERR_SOCKET', Trouble.Reset],
  ['ERR_STREAM_PREMATURE_CLOSE', Trouble.Reset],
]);
const DEEPEST = 8;

/** Which trouble of the network an error, or one of its causes, stands for; `None` for an error of another kind. */
export function troubleOf(error: unknown): Trouble {
  for (let depth = 0; typeof error === 'object' && error !== null && depth < DEEPEST; depth++) {
    const { code, syscall, cause } = error as { code?: unknown; syscall?: unknown; cause?: unknown };
    const trouble = typeof code === 'string' ? TROUBLES.get(code) : undefined;
    if (trouble !== undefined) {
      return trouble === Trouble.ReadTimeout && syscall === 'connect' ? Trouble.ConnectTimeout : trouble;
    }
    error = cause;
  }
  return Trouble.None;
}

const words: number[] = [];

/** The core's word for a trouble. */
export function wordOf(trouble: Trouble): number {
  return (words[trouble] ??= native.httpTrouble(trouble));
}

/** How long an error says that the server wants to be left alone, in milliseconds; 0 for no wish. */
export function wishOf(error: unknown): number {
  const wish = (error as { retryAfterMs?: unknown } | null | undefined)?.retryAfterMs;
  return typeof wish === 'number' && wish > 0 && wish < Infinity ? wish : 0;
}

/** What judges the attempts of a call. */
export interface Rules {
  /** The core's word for an error. */
  error(error: unknown): number;
  /** The core's word for a result. */
  result(result: unknown): number;
  /** What the server asked for with this error or failed result, in milliseconds. */
  wish(what: unknown): number;
  /** Frees what hangs on a failed result that nobody will see. */
  discard?(result: unknown): void | Promise<void>;
  /** What the caller gets to see of a refusal. */
  refusal?(error: Error): Error;
}

/** The options that say how the end of an attempt counts. */
export interface RuleOptions {
  /**
   * The errors that another attempt may help against; they count as failures. Default: those of the connection (refused,
   * reset, timed out, no such name; also as the cause of another error) and the attempt's own timeout.
   */
  on?: Matcher;
  /** The errors that say nothing about the dependency, such as the caller's own mistakes. */
  ignore?: Matcher;
  /** The other errors that count as failures. Default: all. One that is nowhere counts as a success: it answered. */
  failure?: Matcher;
  /** The results that count as failures, which another attempt may help against. Default: none. */
  failureIf?: (result: never) => boolean;
}

/** The keys of {@link RuleOptions}. */
export const RULE_KEYS = ['on', 'ignore', 'failure', 'failureIf'] as const;

/** The rules of options. One that throws is reported as a warning, and what it judged counts as a failure. */
export class OwnRules implements Rules {
  #on: ((error: unknown) => boolean) | undefined;
  #ignore: ((error: unknown) => boolean) | undefined;
  #failure: ((error: unknown) => boolean) | undefined;
  #failureIf: ((result: unknown) => boolean) | undefined;

  constructor(options: RuleOptions) {
    this.#on = predicate('on', options.on);
    this.#ignore = predicate('ignore', options.ignore);
    this.#failure = predicate('failure', options.failure);
    if (options.failureIf !== undefined) {
      checkedFunction('failureIf', options.failureIf);
      this.#failureIf = options.failureIf as (result: unknown) => boolean;
    }
  }

  error(error: unknown): number {
    let word: number;
    const trouble = troubleOf(error);
    try {
      // A refusal of something below is no answer of this dependency.
      if (isRefused(error) || this.#ignore?.(error)) {
        return IGNORED;
      }
      if (this.#on === undefined ? trouble !== Trouble.None : this.#on(error)) {
        word = FAILURE | RETRYABLE;
      } else if (this.#failure === undefined || this.#failure(error)) {
        word = FAILURE;
      } else {
        return SUCCESS;
      }
    } catch (problem) {
      complain('a rule for errors', problem);
      word = FAILURE;
    }
    if (trouble !== Trouble.None) {
      word |= wordOf(trouble) & (NOT_SENT | CAUSES);
    }
    return wishOf(error) > 0 ? (word & ~CAUSES) | THROTTLED : word;
  }

  result(result: unknown): number {
    if (this.#failureIf === undefined) {
      return SUCCESS;
    }
    try {
      return this.#failureIf(result) ? FAILURE | RETRYABLE : SUCCESS;
    } catch (problem) {
      complain('failureIf', problem);
      return FAILURE;
    }
  }

  wish(what: unknown): number {
    return wishOf(what);
  }
}

export const DEFAULT_RULES: Rules = new OwnRules({});

/** The outcome of a word. */
export function outcomeOf(word: number): Outcome {
  return OUTCOMES[word & 3]!;
}
