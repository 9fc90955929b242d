/** The options of a call, checked once. */

import { carrier } from './ambient.js';
import { checkedSignal } from './abort.js';
import { Deadline, deadlineIn, writeDeadline } from './deadline.js';
import type { Manner } from './drive.js';
import { ConfigError, DisposedError } from './errors.js';
import { Steps } from './fallback.js';
import type { Fallback } from './fallback.js';
import type { Inside } from './inside.js';
import { DEFAULT_RULES, OwnRules, RULE_KEYS } from './rules.js';
import type { RuleOptions, Rules } from './rules.js';
import { checkedCount, checkedKeys, checkedMs } from './settings.js';

/** What may differ from call to call, besides what is done. */
export interface AskOptions {
  /** Ends the call when it aborts: the promise rejects with the signal's reason, whatever is under way. */
  signal?: AbortSignal | undefined;
  /** When nobody waits for the answer any more. The nearest of this, the policy's and the one around the call counts. */
  deadline?: Deadline | undefined;
  /** The same as milliseconds from now. */
  deadlineMs?: number | undefined;
  /** Whether the call may take reserved places. Default: as the policy says. */
  critical?: boolean | undefined;
  /** Whether a request that may have been carried out may be sent again. Default: as the policy says. */
  idempotent?: boolean | undefined;
  /** Tokens of each rate limit that an attempt costs: by name, or in the order of the limits. Default 1 each. */
  costs?: Readonly<Record<string, number>> | readonly number[] | undefined;
}

/** How a call is made. */
export interface DependencyCallOptions<F = unknown> extends AskOptions, RuleOptions {
  /** What is served when the call fails for good or is refused. `undefined`: nothing. */
  fallback?: Fallback<F> | undefined;
}

export const ASK_KEYS = ['signal', 'deadline', 'deadlineMs', 'critical', 'idempotent', 'costs'] as const;
const CALL_KEYS: readonly string[] = [...ASK_KEYS, ...RULE_KEYS, 'fallback'];
const MOST_LIMITS = 4;
const MOST_COST = 2 ** 32 - 1;

/** What the core reads when a call begins: critical, idempotent, four costs, the deadline in two halves. */
const asking = new Float64Array(8);
const HALF = 2 ** 32 - 1;

function choice(field: string, value: unknown): number {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new ConfigError(field, value, 'true or false');
  }
  return value === undefined ? 0 : value ? 1 : 2;
}

function costsOf(costs: unknown, inside: Inside): readonly number[] {
  const names = inside.facts?.limits ?? [];
  if (Array.isArray(costs)) {
    if (costs.length > MOST_LIMITS) {
      throw new ConfigError('costs', costs, `a list of up to ${MOST_LIMITS} numbers`);
    }
    return costs.map((cost, place) => checkedCount(`costs[${place}]`, cost, 0, MOST_COST));
  }
  if (typeof costs !== 'object' || costs === null) {
    throw new ConfigError('costs', costs, 'an object of numbers by the names of the limits, or a list');
  }
  const list: number[] = [];
  for (const [name, cost] of Object.entries(costs)) {
    const place = names.indexOf(name);
    if (place < 0) {
      throw new ConfigError(`costs.${name}`, cost, `a limit of ${inside.name}; there are ${names.length === 0 ? 'none' : names.join(', ')}`);
    }
    list[place] = checkedCount(`costs.${name}`, cost, 0, MOST_COST);
  }
  return list;
}

/** Options that were checked. A wrapped function has its checked once. */
export class Checked implements Manner {
  readonly rules: Rules;
  readonly signal: AbortSignal | undefined;
  readonly fallback: Steps | undefined;
  readonly critical: boolean | undefined;
  readonly args: readonly unknown[];
  #critical: number;
  #idempotent: number;
  #costs: readonly number[] | undefined;
  #deadline: Deadline | undefined;
  #deadlineMs: number | undefined;

  constructor(inside: Inside, options: DependencyCallOptions, keys: readonly string[] = CALL_KEYS, rules?: Rules) {
    checkedKeys('options', options, keys);
    if (inside.isDisposed) {
      throw new DisposedError('uninitialised', `${inside.name}: its wall was closed`);
    }
    this.signal = checkedSignal(options.signal);
    this.critical = options.critical;
    this.#critical = choice('critical', options.critical);
    this.#idempotent = choice('idempotent', options.idempotent);
    this.#costs = options.costs === undefined ? undefined : costsOf(options.costs, inside);
    if (options.deadline !== undefined && !(options.deadline instanceof Deadline)) {
      throw new ConfigError('deadline', options.deadline, 'a Deadline; for a number use deadlineMs');
    }
    this.#deadline = options.deadline;
    this.#deadlineMs = options.deadlineMs === undefined ? undefined : checkedMs('deadlineMs', options.deadlineMs);
    const isPlain = options.on === undefined && options.ignore === undefined && options.failure === undefined && options.failureIf === undefined;
    this.rules = rules ?? (isPlain ? DEFAULT_RULES : new OwnRules(options));
    // A key that is there with the value undefined says "no fallback".
    this.fallback = options.fallback === undefined ? undefined : new Steps(options.fallback, inside.name, inside.facts?.fallback ?? 1);
    this.args = [];
  }

  /** The same for one call of a wrapped function. */
  with(args: readonly unknown[]): Manner {
    const { rules, signal, fallback, critical } = this;
    return { rules, signal, fallback, critical, args, asked: (inside) => this.asked(inside) };
  }

  asked(inside: Inside): Float64Array | undefined {
    return ask(inside, this.#critical, this.#idempotent, this.#costs, this.#deadline, this.#deadlineMs);
  }
}

/** The manner of a call without options. */
export const PLAIN: Manner = {
  rules: DEFAULT_RULES,
  signal: undefined,
  fallback: undefined,
  critical: undefined,
  args: [],
  asked: (inside) => ask(inside, 0, 0, undefined, undefined, undefined),
};

/** Fills what the core reads; undefined when a call asks for nothing special. */
function ask(
  inside: Inside,
  critical: number,
  idempotent: number,
  costs: readonly number[] | undefined,
  own: Deadline | undefined,
  ownMs: number | undefined,
): Float64Array | undefined {
  const around = carrier();
  let deadline = ownMs === undefined ? own : nearer(own, deadlineIn(ownMs, inside.time));
  if (around !== undefined) {
    deadline = nearer(deadline, around.deadline);
  }
  if (deadline === undefined && critical === 0 && idempotent === 0 && costs === undefined) {
    return undefined;
  }
  asking[0] = critical;
  asking[1] = idempotent;
  for (let place = 0; place < MOST_LIMITS; place++) {
    asking[2 + place] = costs?.[place] ?? 1;
  }
  if (deadline === undefined) {
    asking[6] = asking[7] = HALF;
  } else {
    writeDeadline(deadline, inside.time, asking, 6);
  }
  return asking;
}

function nearer(one: Deadline | undefined, other: Deadline): Deadline {
  return one === undefined ? other : one.nearer(other);
}
