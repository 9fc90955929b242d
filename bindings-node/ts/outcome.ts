/** How a call came to its end. */

import type { RefusalCode } from './errors.js';
import type { Source } from './fallback.js';
import type { Stop } from './flow.js';

/** A result with everything about how it came about. */
export interface CallOutcome<T> {
  readonly value: T;
  /** True when a fallback served it. */
  readonly degraded: boolean;
  /** Which step of the fallback served, from 0; undefined when none did. */
  readonly step: number | undefined;
  /** What kind of step it is; undefined when none served. */
  readonly source: Source | undefined;
  /** Why a fallback had to: the refusal, or why there was no further attempt. */
  readonly reason: RefusalCode | Stop | undefined;
  /** Attempts made. */
  readonly attempts: number;
  /** From the call to its result, in milliseconds. */
  readonly durationMs: number;
  /** What was covered by the fallback: the last error, or the refusal. */
  readonly error: unknown;
}

/** What is known about a call that threw. */
export interface Attempts {
  /** The name of the dependency. */
  readonly dependency: string;
  /** Attempts made. */
  readonly attempts: number;
  /** Why there was no further one. */
  readonly stop: Stop;
}

const known = new WeakMap<object, Attempts>();

/** Remembers how a call ended, beside its error: the error itself stays as it is. */
export function remember(error: unknown, attempts: Attempts): void {
  if ((typeof error === 'object' && error !== null) || typeof error === 'function') {
    known.set(error, attempts);
  }
}

/** How many attempts stand behind an error that a call threw, and why there was no further one. */
export function attemptsOf(error: unknown): Attempts | undefined {
  return known.get(error as object);
}
