/** Who waits for a place of a bulkhead: first come, first served, within this thread. */

import { onAbort } from './abort.js';
import { Kind } from './flow.js';
import type { Flow } from './flow.js';
import type { Inside } from './inside.js';

/** Places may come free without this thread being told; then the first asks again after this time. */
const TICK_MS = 10;

interface Waiter {
  readonly flow: Flow;
  readonly critical: boolean;
  readonly resume: () => void;
  /** Takes timer and listener away. */
  leave: () => void;
}

/** The waiters of one dependency. While nobody waits it holds no timer. */
export class Queue {
  #inside: Inside;
  /** In order of arrival: a Set keeps it, and forgets anybody at no cost. */
  #waiters = new Set<Waiter>();
  #stopTick: (() => void) | undefined;
  #isServing = false;
  #isCalledAgain = false;

  constructor(inside: Inside) {
    this.#inside = inside;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiters.size;
  }

  /**
   * Waits until the flow is told something else than to wait. Resolves early when the signal aborts, with the flow still
   * waiting: the caller cancels it then.
   */
  wait(flow: Flow, critical: boolean, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const waiter: Waiter = { flow, critical, resume: resolve, leave: () => {} };
      this.#waiters.add(waiter);
      const stopTimer = this.#inside.time.wait(flow.spanMs, () => this.#expire(waiter));
      const stopListening = signal === undefined ? undefined : onAbort(signal, () => this.#remove(waiter));
      waiter.leave = () => {
        stopTimer();
        stopListening?.();
      };
      if (signal?.aborted) {
        this.#remove(waiter);
      } else {
        this.#startTick();
      }
    });
  }

  /** Lets those who wait ask again, in their order; critical ones may find a place where ordinary ones do not. */
  serve(): void {
    if (this.#waiters.size === 0) {
      return;
    }
    if (this.#isServing) {
      // A waiter that was served says so by this very call.
      this.#isCalledAgain = true;
      return;
    }
    this.#isServing = true;
    try {
      do {
        this.#isCalledAgain = false;
        this.#round();
      } while (this.#isCalledAgain);
    } finally {
      this.#isServing = false;
    }
  }

  #round(): void {
    let isOrdinaryFull = false;
    for (const waiter of this.#waiters) {
      if (isOrdinaryFull && !waiter.critical) {
        continue;
      }
      if (!this.#ask(waiter)) {
        if (waiter.critical) {
          return;
        }
        isOrdinaryFull = true;
      }
    }
  }

  /** True when it waits no longer. */
  #ask(waiter: Waiter): boolean {
    try {
      waiter.flow.woke();
    } catch {
      // Disposed of meanwhile: the driver meets the same error when it goes on.
      this.#remove(waiter);
      return true;
    }
    if (waiter.flow.kind === Kind.Wait) {
      return false;
    }
    this.#remove(waiter);
    return true;
  }

  #expire(waiter: Waiter): void {
    if (this.#waiters.has(waiter) && !this.#ask(waiter)) {
      // The clock went back: wait for the rest.
      const stopTimer = this.#inside.time.wait(waiter.flow.spanMs, () => this.#expire(waiter));
      const { leave } = waiter;
      waiter.leave = () => {
        stopTimer();
        leave();
      };
    }
  }

  #remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    waiter.leave();
    if (this.#waiters.size === 0) {
      this.#stopTick?.();
      this.#stopTick = undefined;
    }
    waiter.resume();
  }

  #startTick(): void {
    this.#stopTick ??= this.#inside.time.after(TICK_MS, () => {
      this.#stopTick = undefined;
      this.serve();
      if (this.#waiters.size > 0) {
        this.#startTick();
      }
    });
  }
}
