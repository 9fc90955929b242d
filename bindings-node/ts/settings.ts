/**
 * Checks what users give before it becomes numbers of the core.
 *
 * Only what JavaScript can get wrong is decided here (NaN, fractions, wrong types, unknown keys): a native function
 * would silently turn -1 into 4,294,967,295 and NaN into 0. The ranges themselves are the core's: a value that
 * is no number of its kind is handed on as "too much", and the core's answer says what the range is.
 */

import * as native from '../native.js';
import { MISCONFIGURED, MODES, failure } from './answer.js';
import { ConfigError } from './errors.js';

/**
 * What a setting is: `count` a whole number, `ms` milliseconds with fractions down to a nanosecond, `ratio` a share
 * in steps of 0.001, `flag` a boolean, `any` something that is checked elsewhere, or a list of words.
 */
export type Kind = 'count' | 'ms' | 'ratio' | 'flag' | 'any' | readonly string[];
export type Kinds = Readonly<Record<string, Kind>>;

/** What every primitive that has a clock can be given. */
export const COMMON = { name: 'any', clock: 'any', mode: MODES } as const satisfies Kinds;

const TOO_MUCH = Infinity;

/** Checked settings, as numbers of the core: ratios in thousandths, words as their place in the list. */
export class Settings {
  #options: Record<string, unknown>;
  #kinds: Kinds;
  #defaults: Record<string, unknown> = {};
  #bad: string | undefined;

  constructor(what: string, options: unknown, kinds: Kinds) {
    if (options !== undefined && (typeof options !== 'object' || options === null || Array.isArray(options))) {
      throw new ConfigError(what, options, 'an object of options');
    }
    this.#options = { ...(options as Record<string, unknown> | undefined) };
    this.#kinds = kinds;
    for (const key of Object.keys(this.#options)) {
      if (!Object.hasOwn(kinds, key)) {
        throw new ConfigError(key, this.#options[key], `an option; there are ${Object.keys(kinds).join(', ')}`);
      }
    }
  }

  /** What was given, undefined when it was not. */
  given(key: string): unknown {
    return this.#options[key];
  }

  /** A number for the core; `fallback` when it was not given. */
  number<F extends number | undefined>(key: string, fallback: F): number | F {
    const value = this.#options[key];
    const kind = this.#kinds[key];
    if (value === undefined) {
      // Told in the error when it contradicts another setting; Infinity only stands for "required".
      if (fallback !== undefined && fallback !== Infinity) {
        this.#defaults[key] = kind === 'ratio' ? fallback / 1000 : fallback;
      }
      return fallback;
    }
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0) {
      if (kind === 'ms' || (kind === 'count' && Number.isInteger(value))) {
        return value;
      }
      const permille = Math.round(value * 1000);
      // A tiny share that would become "none" is not what was meant.
      if (kind === 'ratio' && (permille > 0 || value === 0)) {
        return permille;
      }
    }
    this.#bad ??= key;
    return TOO_MUCH;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#options[key];
    if (value !== undefined && typeof value !== 'boolean') {
      throw new ConfigError(key, value, 'true or false');
    }
    return value ?? fallback;
  }

  /** The place of a word in its list. */
  word(key: string, fallback: string): number {
    const value = this.#options[key] ?? fallback;
    const list = this.#kinds[key] as readonly string[];
    const place = list.indexOf(value as string);
    if (place < 0 || this.#options[key] === null) {
      throw new ConfigError(key, this.#options[key], `one of ${list.join(', ')}`);
    }
    return place;
  }

  /** The name for messages and events. */
  name(fallback: string): string {
    const value = this.#options['name'];
    return value === undefined ? fallback : checkedName(value);
  }

  /**
   * Throws what a negative answer means, with the option as the user wrote it. A bad setting that the core had no
   * reason to look at (because the rule that it belongs to is off) is refused all the same. `names` has the options
   * that the core calls otherwise.
   */
  settle(answer: number, source: string, names: Readonly<Record<string, string>> = {}): number {
    if (answer === MISCONFIGURED) {
      const bad = native.readBadSetting()!;
      const camel = bad.field.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      const key = names[bad.field] ?? (Object.hasOwn(this.#kinds, camel) ? camel : `${camel}Ms`);
      const field = this.#bad !== undefined && this.#bad !== key ? this.#bad : key;
      const range = field === key ? rangeOf(this.#kinds[key], bad.min, bad.max) : general(this.#kinds[field]);
      const value = this.#options[field] === undefined ? this.#defaults[field] : this.#options[field];
      throw new ConfigError(field, value, range);
    }
    if (this.#bad !== undefined) {
      throw new ConfigError(this.#bad, this.#options[this.#bad], general(this.#kinds[this.#bad]));
    }
    if (answer < 0) {
      throw failure(answer, source);
    }
    return answer;
  }

  /** True when a number is not one of its kind; `settle` will throw. */
  get isBad(): boolean {
    return this.#bad !== undefined;
  }
}

function rangeOf(kind: Kind | undefined, min: number, max: number): string {
  switch (kind) {
    case 'ms':
      return `${min / 1e6} to ${max / 1e6} (milliseconds)`;
    case 'ratio':
      return `${min / 1000} to ${max / 1000} in steps of 0.001`;
    default:
      return `a whole number from ${min} to ${max}`;
  }
}

function general(kind: Kind | undefined): string {
  return kind === 'ms' ? 'a finite number of milliseconds, 0 or more' : kind === 'ratio' ? 'a share in steps of 0.001' : 'a whole number, 0 or more';
}

export function checkedName(value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '') {
    throw new ConfigError('name', value, 'a string that is not empty');
  }
  return value;
}

/** An argument that is a whole number within a range. */
export function checkedCount(field: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new ConfigError(field, value, `a whole number from ${min} to ${max}`);
  }
  return value;
}

/** An argument that is a span in milliseconds. */
export function checkedMs(field: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new ConfigError(field, value, 'a finite number of milliseconds, 0 or more');
  }
  return value;
}

/** An argument that says how long somebody is ready to wait: Infinity for as long as it takes. */
export function checkedWait(field: string, value: unknown): number {
  return value === Infinity ? Infinity : checkedMs(field, value);
}

/** An argument that is a share. */
export function checkedRatio(field: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value <= 1)) {
    throw new ConfigError(field, value, '0 to 1');
  }
  return value;
}

/** An argument that is one of a few words; answers its place in the list. */
export function checkedWord(field: string, value: unknown, list: readonly string[]): number {
  const place = list.indexOf(value as string);
  if (place < 0) {
    throw new ConfigError(field, value, `one of ${list.join(', ')}`);
  }
  return place;
}

/** An object of arguments with only these keys. */
export function checkedKeys(what: string, value: unknown, keys: readonly string[]): void {
  if (typeof value !== 'object' || value === null) {
    throw new ConfigError(what, value, 'an object of options');
  }
  for (const key in value) {
    if (!keys.includes(key)) {
      throw new ConfigError(key, (value as Record<string, unknown>)[key], `an option; there are ${keys.join(', ')}`);
    }
  }
}

/** An argument that is a function. */
export function checkedFunction(field: string, value: unknown): void {
  if (typeof value !== 'function') {
    throw new ConfigError(field, value, 'a function');
  }
}
