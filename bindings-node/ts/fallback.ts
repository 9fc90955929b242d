/** Fallback: what is served when a call fails or is refused. */

import { complain } from './classify.js';
import type { Time } from './clock.js';
import { ConfigError, FallbackError } from './errors.js';
import { LastGoodStep } from './last_good.js';

/** What kind of step of a fallback served. */
export type Source = 'value' | 'function' | 'last_good';

/**
 * What is served when a call fails for good or is refused: a value, a function of the error, the last good value, or a
 * chain of them: the first that neither throws nor comes up empty serves. To serve a list or a function as a value, give a
 * function that returns it.
 */
export type Fallback<F = unknown> = FallbackStep<F> | readonly FallbackStep<F>[];
/** One of a chain. */
export type FallbackStep<F> = F | ((error: unknown) => F | PromiseLike<F>) | LastGoodStep;
/** The type of what a fallback serves. The last good value is of the call's own type. */
export type ServedBy<F> = Exclude<Awaited<F>, undefined | LastGoodStep>;

/** What a fallback served. */
export interface Served {
  readonly value: unknown;
  /** Which step, from 0. */
  readonly step: number;
  readonly source: Source;
}

const FORBIDDEN = 0;

/** A fallback that was declared for a dependency which allows one. */
export class Steps {
  #steps: readonly unknown[];

  /** Throws {@link ConfigError} where the policy forbids it. */
  constructor(fallback: unknown, source: string, rule: number) {
    if (rule === FORBIDDEN) {
      const range = `allowed: the policy of ${source} says fallback = "forbidden"`;
      throw new ConfigError('fallback', fallback, range);
    }
    this.#steps = Array.isArray(fallback) ? [...(fallback as unknown[])] : [fallback];
    if (this.#steps.length === 0) {
      throw new ConfigError('fallback', fallback, 'a value, a function, a last good value, or a list that is not empty');
    }
  }

  /** Offers a good result to those steps that keep one. */
  keep(value: unknown, args: readonly unknown[], time: Time): void {
    for (const step of this.#steps) {
      if (step instanceof LastGoodStep) {
        try {
          step.keep(value, args, time);
        } catch (problem) {
          // The call went well; its result is not to be lost for that.
          complain('the key of a last good value', problem);
        }
      }
    }
  }

  /**
   * What the first step serves that neither throws nor comes up empty; undefined when all came up empty. Throws what the
   * last failing step threw, with the original error as its cause.
   */
  async serve(original: unknown, source: string, args: readonly unknown[], time: Time): Promise<Served | undefined> {
    let failed: { thrown: unknown } | undefined;
    for (const [number, step] of this.#steps.entries()) {
      try {
        if (step instanceof LastGoodStep) {
          const found = step.find(args, time);
          if (found !== undefined) {
            return { value: found.value, step: number, source: step.source };
          }
        } else if (typeof step === 'function') {
          return { value: await (step as (error: unknown) => unknown)(original), step: number, source: 'function' };
        } else {
          return { value: step, step: number, source: 'value' };
        }
      } catch (thrown) {
        failed = { thrown };
      }
    }
    if (failed !== undefined) {
      throw withCause(failed.thrown, original, source);
    }
    return undefined;
  }

  /** The same for calls that wait for nothing: a function that returns a promise counts as failing. */
  serveSync(original: unknown, source: string, args: readonly unknown[], time: Time): Served | undefined {
    let failed: { thrown: unknown } | undefined;
    for (const [number, step] of this.#steps.entries()) {
      try {
        if (step instanceof LastGoodStep) {
          const found = step.find(args, time);
          if (found !== undefined) {
            return { value: found.value, step: number, source: step.source };
          }
        } else if (typeof step === 'function') {
          const value = (step as (error: unknown) => unknown)(original);
          if (typeof (value as { then?: unknown } | null | undefined)?.then === 'function') {
            (value as Promise<unknown>).then(undefined, () => {});
            throw new ConfigError('fallback', step, 'a function that answers at once; use call for promises');
          }
          return { value, step: number, source: 'function' };
        } else {
          return { value: step, step: number, source: 'value' };
        }
      } catch (thrown) {
        failed = { thrown };
      }
    }
    if (failed !== undefined) {
      throw withCause(failed.thrown, original, source);
    }
    return undefined;
  }
}

/** What a fallback threw, such that it tells what it was to cover. */
function withCause(thrown: unknown, original: unknown, source: string): unknown {
  if (thrown === original) {
    return thrown;
  }
  if (thrown instanceof Error && !('cause' in thrown) && Object.isExtensible(thrown)) {
    Object.defineProperty(thrown, 'cause', { value: original, configurable: true, writable: true });
    return thrown;
  }
  return new FallbackError(source, thrown, original);
}
