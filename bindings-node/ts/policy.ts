/** What there is to say about calling one dependency, as code. */

import { ConfigError } from './errors.js';
import type { Mode } from './answer.js';

/** How much the service needs a dependency. */
export type Criticality = 'critical' | 'important' | 'optional';
/** Whether something else may be served in place of an answer. */
export type FallbackRule = 'forbidden' | 'allowed' | 'expected';
/** Whether a gate counts a call once, or each of its attempts. */
export type Scope = 'call' | 'attempt';

/** Further attempts after a failure. */
export interface RetryPolicy {
  /** Attempts in all, 1 to 100. Default 3. */
  attempts?: number;
  /** The first wait, 0 to a day. Default 100. */
  baseMs?: number;
  /** How much longer each time, 1 to 10. Default 2. */
  factor?: number;
  /** The longest wait before a server's wish, `baseMs` to a day. Default 20,000. */
  capMs?: number;
  /** Default `full`. */
  jitter?: 'full' | 'equal' | 'decorrelated' | 'none';
  /** How much longer than the own wait a server's Retry-After may make it. Default: as long as it says. */
  retryAfterMarginMs?: number;
  /** What retries may cost: a share of the calls, everything about it, or `off`. Default 0.1 of profile `bucket`. */
  budget?: number | 'off' | BudgetPolicy;
}

/** What retries may cost. */
export interface BudgetPolicy {
  profile?: 'bucket' | 'finagle' | 'grpc' | 'aws_standard' | 'aws_legacy';
  /** What a call deposits, 0 to 10. Default 0.1. */
  ratio?: number;
  /** Retries that are always allowed, 0 to 10,000. Default 1. */
  minPerSecond?: number;
  /** How far back calls count, a second to an hour. Default 10,000. */
  windowMs?: number;
  /** The most tokens, 1 to 1,000,000. Default 100. */
  cap?: number;
  /** Retries under way as a share of the calls under way, 0 to 10. Default: no such rule. */
  maxConcurrentRetriesRatio?: number;
  /** Retries under way that are always allowed. Default 3. */
  minConcurrentRetries?: number;
  mode?: Mode;
}

/** When to stop calling what keeps failing; see `BreakerOptions` for each setting. */
export interface BreakerPolicy {
  consecutiveFailures?: number;
  consecutiveAlways?: boolean;
  failureRate?: number;
  slowRate?: number;
  slowAfterMs?: number;
  windowMs?: number;
  windowCalls?: number;
  minCalls?: number;
  openForMs?: number;
  openBackoff?: number;
  openMaxMs?: number;
  openJitter?: number;
  probes?: number;
  probeLeaseMs?: number;
  minWitnesses?: number;
  mode?: Mode;
  /** What is counted: a call with all its attempts once (default), or each attempt. */
  scope?: Scope;
}

/** How many calls may be under way. */
export interface BulkheadPolicy {
  /** Places in all, 1 to 4,096. Default 20. */
  maxConcurrent?: number;
  /** Places that only critical calls may take. Default 0. */
  reserved?: number;
  /** How long a call may wait for a place, 0 to a day. Default 0. */
  maxWaitMs?: number;
  /** How many may wait. Default 1,000 where somebody may, else 0. */
  maxWaiting?: number;
  mode?: Mode;
  /** Whether the place is held through backoff (`call`, default) or taken for each attempt. */
  scope?: Scope;
}

/** How many attempts in a while. */
export interface RatePolicy {
  /** `100/s`, `10/minute`, `1000/hour`, `5/250ms`. */
  rate: string;
  /** How many at once. Default: as many as the rate names. */
  burst?: number;
  /** How long an attempt may wait for its turn. Default 0. */
  maxWaitMs?: number;
  /** What is counted. Default `requests`. */
  name?: string;
  mode?: Mode;
}

/**
 * Everything there is to say about calling one dependency: the same settings as a `[dependency.NAME]` table of
 * `seawall.toml`, with milliseconds as numbers and shares from 0 to 1. What is undefined takes its default.
 */
export interface Policy {
  /** The time one attempt may take, 1 ms to a day. Required. */
  timeoutMs: number;
  /** The time to connect, for HTTP adapters, up to `timeoutMs`. Default `timeoutMs`. */
  connectTimeoutMs?: number;
  /** The time the whole call may take, `timeoutMs` to a day. Default: as long as the caller's deadline. */
  deadlineMs?: number;
  /** The share of the caller's deadline that is kept for the caller, 0 to 1. Default 0. */
  reserve?: number;
  /** A retry that would leave an attempt less time than this is not made. Default 0. */
  usefulMs?: number;
  /** What a call takes besides attempts and waits, for the planner. Default 0. */
  overheadMs?: number;
  /** Default `important`. */
  criticality?: Criticality;
  /** Follows `criticality`: `forbidden`, `allowed`, `expected`. */
  fallback?: FallbackRule;
  /** Whether a request that may have been carried out may be sent again. Default true. */
  idempotent?: boolean;
  /** Whether HTTP adapters send an Idempotency-Key. Default false. */
  idempotencyKey?: boolean;
  /** Of every gate that has no mode of its own. Default `enforce`. */
  mode?: Mode;
  /** Default: one attempt. */
  retry?: RetryPolicy;
  /** Default: on, with defaults. */
  breaker?: 'off' | BreakerPolicy;
  /** Default: none. */
  bulkhead?: BulkheadPolicy;
  /** Up to four, all of which must agree. Default: none. */
  rateLimit?: RatePolicy | readonly RatePolicy[];
  /** The connections of the pool behind it, to be compared with the bulkhead. */
  pool?: number;
  /** The dependencies whose calls end up here, to compare timeouts. */
  calledBy?: readonly string[];
}

const snake = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const isBare = (key: string): boolean => /^[A-Za-z0-9_-]+$/.test(key);

/** A string of TOML. JSON's escapes are all known to it, save that it wants DEL escaped too. */
const quoted = (text: string): string => JSON.stringify(text).replace(/\x7f/g, '\\u007f');

/** Milliseconds as a duration of TOML: whole where they are whole, else exact nanoseconds. */
function span(ms: number): string {
  return Number.isInteger(ms) ? `"${BigInt(ms)}ms"` : `"${BigInt(Math.round(ms * 1e6))}ns"`;
}

/** A policy in code as the text that the one reader of all languages reads. */
export class PolicyText {
  /** The body of a `[dependency.NAME]` table. */
  readonly text: string;
  /** Paths of the text and how the user's code calls them. */
  #names = new Map<string, string>();

  constructor(policy: unknown) {
    this.text = typeof policy === 'string' ? policy : this.#table('policy', policy, '', '').join('\n') + '\n';
  }

  /** How the user's code calls a key of the text. */
  nameOf(key: string): string {
    return this.#names.get(key) ?? key;
  }

  #table(what: string, table: unknown, path: string, told: string): string[] {
    if (typeof table !== 'object' || table === null || Array.isArray(table)) {
      throw new ConfigError(what, table, 'an object of settings');
    }
    const lines: string[] = [];
    for (const [name, value] of Object.entries(table)) {
      if (value === undefined) {
        continue;
      }
      const isSpan = name.endsWith('Ms') && name.length > 2;
      const plain = snake(isSpan ? name.slice(0, -2) : name);
      const key = isBare(plain) ? plain : quoted(plain);
      const [inside, named] = [path + key, told + (isBare(name) ? name : quoted(name))];
      this.#names.set(inside, named);
      lines.push(`${key} = ${isSpan ? this.#span(named, value) : this.#value(named, value, inside)}`);
    }
    return lines;
  }

  #span(named: string, value: unknown): string {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
      throw new ConfigError(named, value, 'a finite number of milliseconds, 0 or more');
    }
    return span(value);
  }

  #value(named: string, value: unknown, path: string): string {
    switch (typeof value) {
      case 'string':
        return quoted(value);
      case 'boolean':
        return String(value);
      case 'number':
        if (!Number.isFinite(value)) {
          throw new ConfigError(named, value, 'a finite number');
        }
        return Object.is(value, -0) ? '0' : String(value);
      case 'object':
        if (Array.isArray(value)) {
          return `[${value.map((one: unknown, place) => this.#value(`${named}[${place}]`, one, `${path}[${place}]`)).join(', ')}]`;
        }
        if (value !== null) {
          return `{ ${this.#table(named, value, `${path}.`, `${named}.`).join(', ')} }`;
        }
    }
    throw new ConfigError(named, value, 'a number, a string, true, false, or an object of settings');
  }
}
