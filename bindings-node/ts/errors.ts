/** What can go wrong, and what is only a "no". */

import { inspect } from 'node:util';

/** Why leave was refused. */
export type RefusalCode =
  | 'breaker_open'
  | 'breaker_half_open'
  | 'breaker_forced_open'
  | 'bulkhead_full'
  | 'bulkhead_wait_full'
  | 'bulkhead_wait_timeout'
  | 'rate_limited'
  | 'budget_exhausted'
  | 'deadline_exceeded';

/** What kind of misuse it was. */
export type ErrorCode =
  | 'config'
  | 'argument'
  | 'spent'
  | 'foreign'
  | 'exceeds_capacity'
  | 'uninitialised'
  | 'storage_too_small'
  | 'panic';

// Registered symbols, so that two copies of this package in one process recognise each other's errors.
const REFUSED = Symbol.for('seawall.refused');
const MISUSED = Symbol.for('seawall.error');

/** Names a class for messages, on its prototype, so that an error without a stack trace says its name too. */
function named(type: { prototype: Error }, name: string, brand?: symbol): void {
  Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true });
  if (brand !== undefined) {
    Object.defineProperty(type.prototype, brand, { value: true });
  }
}

/**
 * An expected "no": the breaker is open, the bulkhead is full, the rate or the budget is used up. It says nothing
 * about the dependency and is never counted as an outcome, not even by another primitive around this one.
 * Building one takes no stack trace.
 */
export class RefusedError extends Error {
  static {
    named(this, 'RefusedError', REFUSED);
  }

  /** Why, in a word that is the same in every language. */
  readonly code: RefusalCode;
  /** How long until asking again can help, in milliseconds; 0 when nobody knows. */
  readonly retryAfterMs: number;
  /** The name of the primitive that refused. */
  readonly source: string;

  constructor(code: RefusalCode, message: string, retryAfterMs = 0, source = '') {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    this.source = source;
  }
}

/** The breaker is open, half-open with its probes under way, or held open by hand. */
export class BreakerOpenError extends RefusedError {
  static {
    named(this, 'BreakerOpenError');
  }
}

/** No permit of the bulkhead was free, in time if the caller was ready to wait. */
export class BulkheadFullError extends RefusedError {
  static {
    named(this, 'BulkheadFullError');
  }
}

/** The rate does not allow it now; `retryAfterMs` says exactly when it will. */
export class RateLimitedError extends RefusedError {
  static {
    named(this, 'RateLimitedError');
  }
}

/** Too many retries already: end the call with its last real error. */
export class BudgetExhaustedError extends RefusedError {
  static {
    named(this, 'BudgetExhaustedError');
  }
}

/** The deadline has passed. */
export class DeadlineExceededError extends RefusedError {
  static {
    named(this, 'DeadlineExceededError');
  }
}

/** Misuse: the call cannot mean anything. Nothing was changed. */
export class SeawallError extends Error {
  static {
    named(this, 'SeawallError', MISUSED);
  }

  /** What kind, in a word that is the same in every language. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** A setting or an argument outside its range: which, what was given, and what is allowed. */
export class ConfigError extends SeawallError {
  static {
    named(this, 'ConfigError');
  }

  /** The option or argument, as the caller writes it (`openForMs`). */
  readonly field: string;
  /** What was given. */
  readonly value: unknown;
  /** What is allowed, for people: `1 to 86400000`. */
  readonly range: string;

  constructor(field: string, value: unknown, range: string) {
    super('config', `${field}: ${inspect(value, { depth: 0, breakLength: Infinity })} is not ${range}`);
    this.field = field;
    this.value = value;
    this.range = range;
  }
}

/** A permit, reservation or withdrawal that was used already. */
export class SpentError extends SeawallError {
  static {
    named(this, 'SpentError');
  }
}

/** A permit, reservation or withdrawal of another object. */
export class ForeignError extends SeawallError {
  static {
    named(this, 'ForeignError');
  }
}

/** More tokens at once than the bucket can ever hold. */
export class ExceedsCapacityError extends SeawallError {
  static {
    named(this, 'ExceedsCapacityError');
  }
}

/** The object was disposed of. */
export class DisposedError extends SeawallError {
  static {
    named(this, 'DisposedError');
  }
}

function isBranded(thing: unknown, brand: symbol): boolean {
  return typeof thing === 'object' && thing !== null && (thing as Record<symbol, unknown>)[brand] === true;
}

/** True for a refusal, also one of another copy of this package or of another realm. */
export function isRefused(error: unknown): error is RefusedError {
  return isBranded(error, REFUSED);
}

/** True for misuse, also as another copy of this package or another realm reports it. */
export function isSeawallError(error: unknown): error is SeawallError {
  return isBranded(error, MISUSED);
}
