/** How the end of a call counts: ignored before failure before success. */

import type { Outcome } from './answer.js';
import { ConfigError, isRefused } from './errors.js';
import { checkedFunction } from './settings.js';

/** A class of errors. */
export type ErrorClass = abstract new (...args: never[]) => unknown;
/** Which errors are meant: a class, a predicate, or several of both. */
export type Matcher = ErrorClass | ((error: unknown) => boolean) | readonly (ErrorClass | ((error: unknown) => boolean))[];

/** The options that say how the end of a call counts. */
export interface ClassificationOptions {
  /**
   * The errors that count as failures. Default: all. An error that is neither here nor in `ignore` counts as a success:
   * the dependency answered.
   */
  on?: Matcher;
  /** The errors that say nothing about the dependency, such as the caller's own mistakes. */
  ignore?: Matcher;
  /** The results that count as failures, such as a response with status 503. */
  failureIf?: (result: unknown) => boolean;
  /** How long the server asked to be left alone with this error, in milliseconds; undefined for no wish. */
  retryAfterOf?: (error: unknown) => number | undefined;
}

type Predicate = (error: unknown) => boolean;

function isClass(thing: Function): boolean {
  return thing === Error || thing.prototype instanceof Error || /^class\b/.test(Function.prototype.toString.call(thing));
}

/** A test for the errors that are meant; undefined when none are named. */
export function predicate(field: string, matcher: unknown): Predicate | undefined {
  if (matcher === undefined) {
    return undefined;
  }
  const tests = (Array.isArray(matcher) ? matcher : [matcher]).map((one: unknown): Predicate => {
    if (typeof one !== 'function') {
      throw new ConfigError(field, matcher, 'an error class, a predicate or a list of them');
    }
    return isClass(one) ? (error) => error instanceof one : (one as Predicate);
  });
  return tests.length === 1 ? tests[0]! : (error) => tests.some((test) => test(error));
}

/** Tells a failure of the user's own function apart from one of the call, without ending the call. */
export function complain(what: string, error: unknown): void {
  process.emitWarning(`${what} threw: ${String(error)}`, 'SeawallWarning');
}

/** The rules of one breaker. A rule that throws is reported as a warning and what it judged counts as a failure. */
export class Classification {
  #on: Predicate | undefined;
  #ignore: Predicate | undefined;
  #failureIf: ((result: unknown) => boolean) | undefined;
  #retryAfterOf: ((error: unknown) => number | undefined) | undefined;

  constructor(options: { given(key: string): unknown }) {
    this.#on = predicate('on', options.given('on'));
    this.#ignore = predicate('ignore', options.given('ignore'));
    for (const key of ['failureIf', 'retryAfterOf']) {
      if (options.given(key) !== undefined) {
        checkedFunction(key, options.given(key));
      }
    }
    this.#failureIf = options.given('failureIf') as (result: unknown) => boolean;
    this.#retryAfterOf = options.given('retryAfterOf') as (error: unknown) => number | undefined;
  }

  error(error: unknown): Outcome {
    try {
      // A refusal of another primitive inside is no answer of the dependency.
      if (isRefused(error) || this.#ignore?.(error)) {
        return 'ignored';
      }
      return this.#on === undefined || this.#on(error) ? 'failure' : 'success';
    } catch (problem) {
      complain('a rule for errors', problem);
      return 'failure';
    }
  }

  result(result: unknown): Outcome {
    if (this.#failureIf === undefined) {
      return 'success';
    }
    try {
      return this.#failureIf(result) ? 'failure' : 'success';
    } catch (problem) {
      complain('failureIf', problem);
      return 'failure';
    }
  }

  /** Milliseconds; 0 for no wish. */
  retryAfter(error: unknown): number {
    if (this.#retryAfterOf === undefined) {
      return 0;
    }
    try {
      const wish = this.#retryAfterOf(error);
      return typeof wish === 'number' && wish > 0 ? wish : 0;
    } catch (problem) {
      complain('retryAfterOf', problem);
      return 0;
    }
  }
}
