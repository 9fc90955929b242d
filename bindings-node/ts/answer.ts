/** What the numbers of the native half mean. */

import * as native from '../native.js';
import {
  BreakerOpenError,
  BudgetExhaustedError,
  BulkheadFullError,
  DeadlineExceededError,
  DisposedError,
  ExceedsCapacityError,
  ForeignError,
  RateLimitedError,
  RefusedError,
  SeawallError,
  SpentError,
} from './errors.js';
import type { ErrorCode, RefusalCode } from './errors.js';

/** The permit does not fit a number: it is in the details. */
export const IN_DETAIL = -1;
/** Set in the answer of a breaker's function that changed its state. */
export const CHANGED = 1 << 8;
/** Recorded too late to count. */
export const LATE = 60;
/** Released twice, or taken back before. */
export const STALE = 61;

export const BULKHEAD_WAIT_TIMEOUT = 22;
export const DEADLINE_EXCEEDED = 50;
export const UNINITIALISED = -4;
export const SPENT = -20;
export const FOREIGN = -21;
/** The answer that stands for a setting out of range. */
export const MISCONFIGURED = -110;

/** The answers that stand for a wall's or a header's trouble, whose details are to be read. */
export const TROUBLED = -112;
export const UNKNOWN = -113;
export const BAD_HEADER = -140;

/** Filled by `native.readDetail`. */
export const detail = new Float64Array(7);
/** The places of `detail`. */
export const enum Detail {
  TokenLow,
  TokenHigh,
  StartedLow,
  StartedHigh,
  From,
  To,
  Generation,
}

/** The words for outcomes, in the order of their numbers. */
export const OUTCOMES = ['success', 'failure', 'ignored'] as const;
/** How a call or an attempt ended. */
export type Outcome = (typeof OUTCOMES)[number];

/** The words for modes, in the order of their numbers. */
export const MODES = ['enforce', 'shadow', 'off'] as const;
/** How strictly a primitive acts: decide and refuse, decide and only count, neither. */
export type Mode = (typeof MODES)[number];

const REFUSALS = new Map<number, new (code: RefusalCode, message: string, wait: number, source: string) => RefusedError>([
  [10, BreakerOpenError],
  [11, BreakerOpenError],
  [12, BreakerOpenError],
  [20, BulkheadFullError],
  [21, BulkheadFullError],
  [22, BulkheadFullError],
  [30, RateLimitedError],
  [40, BudgetExhaustedError],
  [50, DeadlineExceededError],
]);

const MISUSES = new Map<number, new (code: ErrorCode, message: string) => SeawallError>([
  [-4, DisposedError],
  [-20, SpentError],
  [-21, ForeignError],
  [-30, ExceedsCapacityError],
]);

const words = new Map<number, { name: string; text: string }>();

function wordsOf(status: number): { name: string; text: string } {
  let known = words.get(status);
  if (known === undefined) {
    known = { name: native.statusName(status), text: native.statusText(status) };
    words.set(status, known);
  }
  return known;
}

/** The refusal of a status. It is part of normal operation, so it costs no stack trace. */
export function refusal(status: number, source: string, waitMs: number): RefusedError {
  const { name, text } = wordsOf(status);
  const Refusal = REFUSALS.get(status) ?? RefusedError;
  const message = waitMs > 0 ? `${source}: ${text}; retry after ${Math.ceil(waitMs)} ms` : `${source}: ${text}`;
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = 0;
    return new Refusal(name as RefusalCode, message, waitMs, source);
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The error of a status. */
export function misuse(status: number, source: string): SeawallError {
  const { name, text } = wordsOf(status);
  const Misuse = MISUSES.get(status) ?? SeawallError;
  const why = status === UNINITIALISED ? 'it was disposed of' : text;
  return new Misuse(name as ErrorCode, `${source}: ${why}`);
}

/** What a negative answer has to say: a refusal or an error. */
export function failure(answer: number, source: string): RefusedError | SeawallError {
  if (answer < -100) {
    return misuse(answer + 100, source);
  }
  return refusal(-answer, source, native.readWait());
}
