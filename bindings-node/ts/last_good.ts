/** The last good value: what a dependency answered when it last did. */

import { ConfigError } from './errors.js';
import { timeOf } from './clock.js';
import type { ClockOption, Time } from './clock.js';
import { checkedCount, checkedFunction, checkedKeys } from './settings.js';

/** How values are kept. */
export interface LastGoodOptions {
  /** Older values are not served, in milliseconds: 1 to 31,622,400,000, which is 366 days. */
  maxAgeMs: number;
  /** The most values kept, 1 to 1,000,000; the one that was not touched for longest goes first. Default 1,000. */
  maxEntries?: number;
  /** Which value belongs to a call of a function that was wrapped, from its arguments. Default: one for all. */
  key?: (...args: never[]) => unknown;
  /** Where the age comes from. Default: the clock of the dependency that it is first used with. */
  clock?: ClockOption;
}

/** 366 days. */
const OLDEST_MS = 366 * 86_400_000;
const MOST_ENTRIES = 1_000_000;

function checkedAge(ms: unknown): number {
  if (typeof ms !== 'number' || !(ms >= 1 && ms <= OLDEST_MS)) {
    throw new ConfigError('maxAgeMs', ms, `1 to ${OLDEST_MS} (milliseconds)`);
  }
  return ms;
}

/** Found by a fallback. */
export interface Kept {
  readonly value: unknown;
}

/** What a fallback asks, whether it is a {@link LastGood} or one of its keys. */
export abstract class LastGoodStep {
  /** Its word in outcomes and events. */
  readonly source = 'last_good';

  /** @internal */
  abstract keep(value: unknown, args: readonly unknown[], time: Time): void;
  /** @internal */
  abstract find(args: readonly unknown[], time: Time): Kept | undefined;
}

/**
 * Keeps the results of successful calls and serves them, up to an age, when a call fails. One for each kind of call; give
 * it as `fallback`, or one of its keys: `fallback: prices.for(currency)`.
 */
export class LastGood extends LastGoodStep {
  #maxAgeMs: number;
  #maxEntries: number;
  #key: ((...args: never[]) => unknown) | undefined;
  #time: Time | undefined;
  #entries = new Map<unknown, { value: unknown; atMs: number }>();

  /** Throws {@link ConfigError} for a setting out of range. */
  constructor(options: LastGoodOptions) {
    super();
    checkedKeys('options', options, ['maxAgeMs', 'maxEntries', 'key', 'clock']);
    this.#maxAgeMs = checkedAge(options.maxAgeMs);
    this.#maxEntries = options.maxEntries === undefined ? 1000 : checkedCount('maxEntries', options.maxEntries, 1, MOST_ENTRIES);
    if (options.key !== undefined) {
      checkedFunction('key', options.key);
      this.#key = options.key;
    }
    this.#time = options.clock === undefined ? undefined : timeOf(options.clock);
  }

  /** The value of this key, as a fallback. Keys are compared as a `Map` does. */
  for(key: unknown): LastGoodStep {
    return new OneKey(this, key);
  }

  /** How many values are kept, the too old ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Forgets all values. */
  clear(): void {
    this.#entries.clear();
  }

  /** @internal */
  keep(value: unknown, args: readonly unknown[], time: Time): void {
    this.keepAt(this.#keyOf(args), value, time);
  }

  /** @internal */
  find(args: readonly unknown[], time: Time): Kept | undefined {
    return this.findAt(this.#keyOf(args), time);
  }

  /** @internal */
  keepAt(key: unknown, value: unknown, time: Time): void {
    const entries = this.#entries;
    entries.delete(key);
    entries.set(key, { value, atMs: (this.#time ??= time).spanMs() });
    if (entries.size > this.#maxEntries) {
      // A Map keeps the order of its keys, and each touch puts one at the end.
      entries.delete(entries.keys().next().value);
    }
  }

  /** @internal */
  findAt(key: unknown, time: Time): Kept | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      return undefined;
    }
    if ((this.#time ??= time).spanMs() - entry.atMs > this.#maxAgeMs) {
      this.#entries.delete(key);
      return undefined;
    }
    return entry;
  }

  #keyOf(args: readonly unknown[]): unknown {
    return this.#key === undefined ? undefined : this.#key(...(args as never[]));
  }
}

class OneKey extends LastGoodStep {
  #all: LastGood;
  #key: unknown;

  constructor(all: LastGood, key: unknown) {
    super();
    this.#all = all;
    this.#key = key;
  }

  keep(value: unknown, _: readonly unknown[], time: Time): void {
    this.#all.keepAt(this.#key, value, time);
  }

  find(_: readonly unknown[], time: Time): Kept | undefined {
    return this.#all.findAt(this.#key, time);
  }
}

/** A fallback that serves the last good value: see {@link LastGood}. */
export function lastGood(options: LastGoodOptions): LastGood {
  if (options === undefined) {
    throw new ConfigError('options', options, 'an object with maxAgeMs');
  }
  return new LastGood(options);
}
