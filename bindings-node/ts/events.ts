/** What happens at dependencies, told to whoever wants to know. */

import diagnostics from 'node:diagnostics_channel';

import type { Outcome } from './answer.js';
import type { BreakerState } from './breaker.js';
import type { RefusalCode } from './errors.js';
import { ConfigError } from './errors.js';
import { checkedFunction } from './settings.js';
import type { Stop } from './flow.js';
import type { Source } from './fallback.js';

/** What all events have. */
interface Happening {
  /** The name of the dependency. */
  readonly dependency: string;
  /** When, in milliseconds: of `Date.now()`, or of the clock that the wall was given. */
  readonly at: number;
}

/** The breaker changed its state. */
export interface StateChangeEvent extends Happening {
  readonly kind: 'state_change';
  readonly from: BreakerState;
  readonly to: BreakerState;
}

/** A call was refused before its first attempt. */
export interface RefusalEvent extends Happening {
  readonly kind: 'refusal';
  readonly reason: RefusalCode;
  /** How long until asking again can help; 0 when nobody knows. */
  readonly retryAfterMs: number;
  /** The rate limit that said no; undefined when something else did. */
  readonly limit: string | undefined;
}

/** An attempt failed, and another one follows. */
export interface RetryEvent extends Happening {
  readonly kind: 'retry';
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** The wait before the next one. */
  readonly delayMs: number;
  /** What it failed with: its error, or its result. */
  readonly error: unknown;
}

/** Something else was served. */
export interface FallbackEvent extends Happening {
  readonly kind: 'fallback';
  /** Which step of the chain, from 0. */
  readonly step: number;
  readonly source: Source;
  /** The refusal, or why there was no further attempt. */
  readonly reason: RefusalCode | Stop;
  /** What the call itself had ended with. */
  readonly error: unknown;
}

/**
 * A result came when its call had ended, because its function did not listen to its signal, or when the breaker had
 * changed its state since and therefore took no notice of it.
 */
export interface LateResultEvent extends Happening {
  readonly kind: 'late_result';
  readonly attempt: number;
  /** Undefined when the caller gave up. */
  readonly outcome: Outcome | undefined;
}

export type SeawallEvent = StateChangeEvent | RefusalEvent | RetryEvent | FallbackEvent | LateResultEvent;
/** Called after the fact; what it throws is swallowed and counted. */
export type EventHook = (event: SeawallEvent) => void;

/** The part of an event that is not the same for all of a dependency. */
export type Told =
  | Omit<StateChangeEvent, keyof Happening>
  | Omit<RefusalEvent, keyof Happening>
  | Omit<RetryEvent, keyof Happening>
  | Omit<FallbackEvent, keyof Happening>
  | Omit<LateResultEvent, keyof Happening>;

/** The name of the diagnostics channel that has every event of every wall of the process. */
export const CHANNEL = 'seawall:event';
const channel = diagnostics.channel(CHANNEL);

/** Those who want to know. */
export class Hooks {
  #hooks: readonly EventHook[] = [];
  /** How often a hook threw. */
  failures = 0;

  get isEmpty(): boolean {
    return this.#hooks.length === 0;
  }

  /** Adds a hook; answers a function that takes it away again. */
  add(hook: EventHook): () => void {
    checkedFunction('hook', hook);
    // A wrapper, so that a hook added twice is told twice and taken away one by one.
    const own: EventHook = (event) => hook(event);
    // A new list each time, so that a hook may add and take away while an event is being told.
    this.#hooks = [...this.#hooks, own];
    return () => {
      this.#hooks = this.#hooks.filter((other) => other !== own);
    };
  }

  tell(event: SeawallEvent): void {
    for (const hook of this.#hooks) {
      try {
        const answer = hook(event) as unknown;
        if (answer instanceof Promise) {
          answer.catch(() => {
            this.failures += 1;
          });
        }
      } catch {
        this.failures += 1;
      }
    }
  }
}

/** True when nobody would listen, so that an event need not be made. */
export function isUnheard(own: Hooks, all: Hooks): boolean {
  return own.isEmpty && all.isEmpty && !channel.hasSubscribers;
}

/** Tells an event to the hooks of its dependency, to those of its wall, and to the channel. */
export function tell(own: Hooks, all: Hooks, event: SeawallEvent): void {
  own.tell(event);
  all.tell(event);
  if (channel.hasSubscribers) {
    // What a subscriber throws, Node reports by itself as an uncaught exception; that is the channel's contract.
    channel.publish(event);
  }
}

/** Where log lines go: `console`, or anything with the same methods. */
export interface Logger {
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}

/** A hook that writes log lines: changes of state as warnings, retries and fallbacks as info, refusals and late results as debug. */
export function logging(logger: Logger): EventHook {
  if (typeof logger !== 'object' || logger === null || !(['warn', 'info', 'debug'] as const).every((name) => typeof logger[name] === 'function')) {
    throw new ConfigError('logger', logger, 'an object with warn(), info() and debug(), such as console');
  }
  return (event) => {
    const named = `seawall: ${event.dependency}: `;
    switch (event.kind) {
      case 'state_change':
        return logger.warn(`${named}breaker ${event.from} -> ${event.to}`);
      case 'refusal':
        return logger.debug(`${named}refused, ${event.reason}${event.limit === undefined ? '' : ` (${event.limit})`}${event.retryAfterMs > 0 ? `, again in ${Math.ceil(event.retryAfterMs)} ms` : ''}`);
      case 'retry':
        return logger.info(`${named}attempt ${event.attempt} failed, another one in ${Math.ceil(event.delayMs)} ms: ${String(event.error)}`);
      case 'fallback':
        return logger.info(`${named}served by ${event.source} (step ${event.step}), ${event.reason}`);
      case 'late_result':
        return logger.debug(`${named}attempt ${event.attempt} ended late, ${event.outcome ?? 'given up'}`);
    }
  };
}
