/** One attempt, as the user's function sees it. */

import type { Deadline } from './deadline.js';
import type { Flow } from './flow.js';

/** What the user's function gets: everything about the attempt it is to make. */
export class Attempt {
  /** Which attempt of the call, from 1. */
  readonly attempt: number;
  /** How long it may take, in milliseconds: the policy's timeout, or what is left of the deadline. */
  readonly timeoutMs: number;
  #flow: Flow;
  #controller: AbortController | undefined;
  #reason: unknown;
  #isAborted = false;

  /** @internal */
  constructor(flow: Flow) {
    this.attempt = flow.attempt;
    this.timeoutMs = flow.spanMs;
    this.#flow = flow;
  }

  /**
   * Aborts when the attempt's time is over, with an {@link AttemptTimeoutError}, and when the caller gives up, with the
   * caller's reason. A signal of its own for each attempt; hand it on to whatever the function waits for.
   */
  get signal(): AbortSignal {
    // Made when it is looked at: a function that does not listen costs no controller.
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#isAborted) {
        this.#controller.abort(this.#reason);
      }
    }
    return this.#controller.signal;
  }

  /** The moment after which nobody waits for the call any more. */
  get deadline(): Deadline {
    return this.#flow.deadline;
  }

  /** A random UUID, the same for all attempts of the call. */
  get idempotencyKey(): string {
    return this.#flow.key;
  }

  /** @internal */
  abort(reason: unknown): void {
    if (!this.#isAborted) {
      this.#isAborted = true;
      this.#reason = reason;
      this.#controller?.abort(reason);
    }
  }
}
