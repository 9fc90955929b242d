/// <reference lib="esnext.disposable" preserve="true" />
/** Dependency: something this service calls, by name; a policy and its live state. */

import * as native from '../native.js';
import { CHANGED, Detail, MODES, detail, failure } from './answer.js';
import type { Mode } from './answer.js';
import type { Attempt } from './attempt.js';
import type { BreakerState } from './breaker.js';
import { Call, DependencyPermit } from './by_hand.js';
import { admitted, drive, driveSync, refusalOf } from './drive.js';
import type { Manner } from './drive.js';
import { ConfigError, DisposedError } from './errors.js';
import type { EventHook } from './events.js';
import type { ServedBy } from './fallback.js';
import { Flow, Kind } from './flow.js';
import type { Inside } from './inside.js';
import { ASK_KEYS, Checked, PLAIN } from './manner.js';
import type { AskOptions, DependencyCallOptions } from './manner.js';
import { remember } from './outcome.js';
import type { CallOutcome } from './outcome.js';
import type { Criticality, FallbackRule } from './policy.js';
import { checkedFunction } from './settings.js';

const STATES: readonly BreakerState[] = ['closed', 'open', 'half_open', 'forced_open', 'disabled'];
const CRITICALITIES: readonly Criticality[] = ['critical', 'important', 'optional'];
const RULES: readonly FallbackRule[] = ['forbidden', 'allowed', 'expected'];

/** Facts of the policy in force. */
export interface PolicyFacts {
  readonly timeoutMs: number;
  /** Infinity for none. */
  readonly deadlineMs: number;
  readonly connectTimeoutMs: number;
  readonly usefulMs: number;
  readonly attempts: number;
  readonly criticality: Criticality;
  readonly fallback: FallbackRule;
  readonly mode: Mode;
  readonly idempotent: boolean;
  /** Whether HTTP adapters send an Idempotency-Key. */
  readonly sendsKey: boolean;
  /** The names of the rate limits. */
  readonly limits: readonly string[];
  /** The policy as the body of a `[dependency.NAME]` table, every setting written out. */
  readonly text: string;
}

/** A look at a dependency: everything that a dashboard needs. Counters only grow. */
export interface DependencySnapshot {
  readonly name: string;
  readonly criticality: Criticality;
  readonly counts: Readonly<native.CallCounts>;
  /** The time that half of the calls took at most, over all time, within 3 %; 0 before the first. */
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly breaker: (Omit<native.BreakerLook, 'state'> & { readonly state: BreakerState }) | undefined;
  readonly bulkhead: Readonly<native.BulkheadLook> | undefined;
  readonly retryBudget: Readonly<native.BudgetLook> | undefined;
  readonly rateLimits: readonly Readonly<native.RateLook>[];
  /** How often a hook of this dependency threw. */
  readonly hookFailures: number;
}

const AsyncFunction = (async () => {}).constructor as FunctionConstructor;

/** The insides of a dependency, for the parts of this package. */
export let insideOf: (dependency: Dependency) => Inside;
/** Makes a dependency around its insides. */
export let dependencyAround: (inside: Inside) => Dependency;

/** Makes a call by rules that are no options, for adapters. */
export async function callBy<T>(dependency: Dependency, fn: (attempt: Attempt) => T, manner: Manner): Promise<Awaited<T>> {
  return (await drive(insideOf(dependency), fn, manner)).value as Awaited<T>;
}

/**
 * Something this service calls. Made by {@link Seawall}; look it up once and keep it. A healthy call costs two calls into
 * the core, and a timer only when its function returns a promise.
 */
export class Dependency {
  #inside: Inside;

  static {
    insideOf = (dependency) => {
      if (typeof dependency !== 'object' || dependency === null || !(#inside in dependency)) {
        throw new ConfigError('dependency', dependency, 'a Dependency');
      }
      return dependency.#inside;
    };
    dependencyAround = (inside) => new Dependency(inside);
  }

  private constructor(inside: Inside) {
    this.#inside = inside;
  }

  /** Its name. */
  get name(): string {
    return this.#inside.name;
  }

  /** Facts of the policy in force. */
  get policy(): PolicyFacts {
    const facts = this.#facts();
    return {
      timeoutMs: facts.timeoutMs,
      deadlineMs: facts.deadlineMs ?? Infinity,
      connectTimeoutMs: facts.connectTimeoutMs ?? facts.timeoutMs,
      usefulMs: facts.usefulMs,
      attempts: facts.attempts,
      criticality: CRITICALITIES[facts.criticality]!,
      fallback: RULES[facts.fallback]!,
      mode: MODES[facts.mode]!,
      idempotent: facts.idempotent,
      sendsKey: facts.sendsKey,
      limits: facts.limits,
      text: facts.text,
    };
  }

  /** The state of the breaker; undefined where the policy has none. */
  get state(): BreakerState | undefined {
    return this.snapshot().breaker?.state;
  }

  /**
   * Calls `fn`, a plain or an async function, as the policy says: behind its bulkhead, breaker, rate limits and budget,
   * each attempt within its timeout, again where that may help. `fn` gets the {@link Attempt}; hand its signal on.
   * Resolves to what `fn` returned. Rejects with what its last attempt threw, unchanged ({@link attemptsOf} tells more),
   * with an {@link AttemptTimeoutError} where that ran out of time, or with a {@link RefusedError} where no attempt was
   * made. A function that does not listen to its signal holds its place until it has really ended.
   */
  async call<T, F = never>(fn: (attempt: Attempt) => T, options?: DependencyCallOptions<F>): Promise<Awaited<T> | ServedBy<F>> {
    return (await this.#drive(fn, options)).value as Awaited<T>;
  }

  /** As `call`, and tells everything about how the result came about. */
  async callDetailed<T, F = never>(
    fn: (attempt: Attempt) => T,
    options?: DependencyCallOptions<F>,
  ): Promise<CallOutcome<Awaited<T> | ServedBy<F>>> {
    return (await this.#drive(fn, options)) as CallOutcome<Awaited<T>>;
  }

  /**
   * As `call`, for a function that answers at once. Nothing waits here, so there is one attempt and no timeout. A function
   * that returns a promise is an error.
   */
  callSync<T, F = never>(fn: (attempt: Attempt) => T, options?: DependencyCallOptions<F>): T | ServedBy<F> {
    checkedFunction('fn', fn);
    if (fn instanceof AsyncFunction) {
      throw new ConfigError('fn', fn, 'a function that answers at once; use call for async functions');
    }
    return driveSync(this.#inside, fn, this.#manner(options)).value as T;
  }

  /** `fn` behind this dependency: same arguments, same `this`, and a promise of the same result. */
  wrap<This, Args extends unknown[], Result, F = never>(
    fn: (this: This, ...args: Args) => Result,
    options?: DependencyCallOptions<F>,
  ): (this: This, ...args: Args) => Promise<Awaited<Result> | ServedBy<F>> {
    checkedFunction('fn', fn);
    const inside = this.#inside;
    const checked = new Checked(inside, options ?? {});
    const wrapped = async function (this: This, ...args: Args): Promise<Awaited<Result>> {
      return (await drive(inside, () => fn.apply(this, args), checked.with(args))).value as Awaited<Result>;
    };
    return Object.defineProperty(wrapped, 'name', { value: fn.name, configurable: true });
  }

  /**
   * Leave to make one attempt by hand, waiting for a place or the rate as the policy allows. Throws a
   * {@link RefusedError} where there is none.
   */
  async permit(options: AskOptions = {}): Promise<DependencyPermit> {
    const manner = new Checked(this.#inside, options, ASK_KEYS);
    const flow = await admitted(this.#inside, manner);
    if (flow.kind !== Kind.Run) {
      throw this.#refused(flow, manner);
    }
    return new DependencyPermit(flow);
  }

  /** Begins a call that is driven by hand: see {@link Call}. */
  begin(options: AskOptions = {}): Call {
    const manner = new Checked(this.#inside, options, ASK_KEYS);
    const flow = new Flow(this.#inside);
    flow.begin(manner.asked(this.#inside));
    return new Call(flow);
  }

  /** A look at everything, changing nothing. */
  snapshot(): DependencySnapshot {
    const inside = this.#inside;
    const seen = native.dependencySnapshot(inside.handle, inside.time.nowMs()) ?? this.#disposed();
    const { breaker } = seen;
    return {
      name: inside.name,
      criticality: CRITICALITIES[seen.criticality]!,
      counts: seen.counts,
      p50Ms: seen.p50Ms,
      p90Ms: seen.p90Ms,
      p99Ms: seen.p99Ms,
      breaker: breaker == null ? undefined : { ...breaker, state: STATES[breaker.state]! },
      bulkhead: seen.bulkhead ?? undefined,
      retryBudget: seen.retryBudget ?? undefined,
      rateLimits: seen.rateLimits,
      hookFailures: inside.hooks.failures,
    };
  }

  /** Tells `hook` of everything that happens here; answers a function that ends it. */
  onEvent(hook: EventHook): () => void {
    return this.#inside.hooks.add(hook);
  }

  /** Refuses every call until `reset`. */
  forceOpen(): void {
    this.#set(3);
  }

  /** Admits every call past the breaker, which records nothing, until `reset`. */
  disable(): void {
    this.#set(4);
  }

  /** Closes the breaker, without memory. */
  reset(): void {
    this.#set(0);
  }

  /**
   * Corrects the cost of a call after the fact: takes `tokens` more from a rate limit, or gives back when negative. The
   * limit by its name or its place.
   */
  adjust(limit: string | number, tokens: number): void {
    const { limits } = this.#facts();
    const place = typeof limit === 'string' ? limits.indexOf(limit) : limit;
    if (!Number.isInteger(place) || place < 0 || place >= limits.length) {
      throw new ConfigError('limit', limit, `a limit of ${this.name}; there are ${limits.length === 0 ? 'none' : limits.join(', ')}`);
    }
    if (!Number.isSafeInteger(tokens)) {
      throw new ConfigError('tokens', tokens, 'a whole number');
    }
    const inside = this.#inside;
    const answer = native.dependencyAdjust(inside.handle, place, tokens, inside.time.nowMs());
    if (answer < 0) {
      throw failure(answer, this.name);
    }
  }

  #drive(fn: (attempt: Attempt) => unknown, options: unknown): Promise<CallOutcome<unknown>> {
    checkedFunction('fn', fn);
    return drive(this.#inside, fn, this.#manner(options));
  }

  #manner(options: unknown): Manner {
    return options === undefined ? PLAIN : new Checked(this.#inside, options as DependencyCallOptions);
  }

  #refused(flow: Flow, manner: Manner): Error {
    const error = refusalOf(flow, manner.rules);
    remember(error, { dependency: this.name, attempts: 0, stop: 'refused' });
    return error;
  }

  #facts(): native.DependencyFacts {
    return this.#inside.facts ?? this.#disposed();
  }

  #disposed(): never {
    throw new DisposedError('uninitialised', `${this.name}: its wall was closed`);
  }

  #set(state: number): void {
    const inside = this.#inside;
    const answer = native.dependencySet(inside.handle, state);
    if (answer < 0) {
      throw failure(answer, this.name);
    }
    if ((answer & CHANGED) !== 0) {
      native.readDetail(detail);
      inside.tell({ kind: 'state_change', from: STATES[detail[Detail.From]!]!, to: STATES[detail[Detail.To]!]! });
    }
  }
}
