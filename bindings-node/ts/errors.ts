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
  | 'unknown'
  | 'spent'
  | 'foreign'
  | 'exceeds_capacity'
  | 'header'
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

/** Makes a class of another family a refusal that {@link isRefused} knows. */
export function brandRefusal(type: { prototype: Error }, name: string): void {
  named(type, name, REFUSED);
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

  constructor(field: string, value: unknown, range: string, message?: string) {
    super('config', message ?? `${field}: ${inspect(value, { depth: 0, breakLength: Infinity })} is not ${range}`);
    this.field = field;
    this.value = value;
    this.range = range;
  }
}

/** One thing that is wrong with a file of policies, or with a policy in code. */
export interface Problem {
  /** The file as it was named; empty for a policy in code. */
  readonly file: string;
  /** The line, from 1; 0 for a policy in code. */
  readonly line: number;
  /** The column, from 1; 0 where there is no line. */
  readonly column: number;
  /** The setting, as a path of keys (`retry.attempts`), in the words of who wrote it. */
  readonly key: string;
  /** What is wrong, and how to write it. */
  readonly message: string;
  /** The known key nearest to an unknown one. */
  readonly nearest?: string | undefined;
  /** The lint that refuses (`SW001`), where each setting by itself is in order. */
  readonly lint?: string | undefined;
  /** The sum behind the lint's judgement. */
  readonly arithmetic?: string | undefined;
}

/** A file of policies or a policy in code that says something wrong. The message has all problems, one a line. */
export class PolicyError extends ConfigError {
  static {
    named(this, 'PolicyError');
  }

  /** Everything that is wrong, in the order of the text. `field` is the key of the first. */
  readonly problems: readonly Problem[];

  constructor(message: string, problems: readonly Problem[], field: string, value: unknown) {
    super(field, value, problems[0]?.message ?? message, message);
    this.problems = problems;
  }
}

/** No dependency of this name; the message says which one was perhaps meant. */
export class UnknownDependencyError extends SeawallError {
  static {
    named(this, 'UnknownDependencyError');
  }

  constructor(message: string) {
    super('unknown', message);
  }
}

/** What is wrong with the value of a header. */
export type HeaderFault = 'empty' | 'too_long' | 'malformed' | 'too_large';

/** A header that cannot be taken at its word. Carries no piece of the value: it came from outside and may be anything. */
export class HeaderError extends SeawallError {
  static {
    named(this, 'HeaderError');
  }

  /** The header, in lower case (`grpc-timeout`). */
  readonly header: string;
  /** What is wrong with its value. */
  readonly fault: HeaderFault;
  /** How many bytes the value had. */
  readonly bytes: number;

  constructor(message: string, header: string, fault: HeaderFault, bytes: number) {
    super('header', message);
    this.header = header;
    this.fault = fault;
    this.bytes = bytes;
  }
}

/**
 * An attempt took longer than its policy allows. No refusal: the request was made, and nobody knows what became of it.
 * Named `TimeoutError` with the code `ETIMEDOUT`, as clients of the network name theirs.
 */
export class AttemptTimeoutError extends Error {
  static {
    named(this, 'TimeoutError');
  }

  readonly code = 'ETIMEDOUT';
  /** The time that the attempt had, in milliseconds. */
  readonly timeoutMs: number;
  /** Which attempt, from 1. */
  readonly attempt: number;
  /** The name of the dependency. */
  readonly source: string;

  constructor(source: string, attempt: number, timeoutMs: number, what?: string) {
    super(`${source}: ${what ?? `attempt ${attempt} took more than ${Math.round(timeoutMs * 1000) / 1000} ms`}`);
    this.source = source;
    this.attempt = attempt;
    this.timeoutMs = timeoutMs;
  }
}

/** A fallback failed with something that is no error or has a cause of its own. `cause` is the error it was to cover. */
export class FallbackError extends Error {
  static {
    named(this, 'FallbackError');
  }

  /** What the fallback threw. */
  readonly thrown: unknown;

  constructor(source: string, thrown: unknown, cause: unknown) {
    super(`${source}: the fallback failed: ${inspect(thrown, { depth: 0, breakLength: Infinity })}`, { cause });
    this.thrown = thrown;
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
