/** The deadline of whatever is being done: calls below inherit it without being told. */

import { AsyncLocalStorage } from 'node:async_hooks';

import { timeOf } from './clock.js';
import type { ClockOption } from './clock.js';
import { Deadline } from './deadline.js';
import { ConfigError } from './errors.js';
import { checkedFunction, checkedKeys } from './settings.js';

/** Whoever has a deadline; made only when somebody asks for it. */
export interface Carrier {
  readonly deadline: Deadline;
}

const carried = new AsyncLocalStorage<Carrier>();

/** Who carries the deadline of the work under way, if anybody does. */
export function carrier(): Carrier | undefined {
  return carried.getStore();
}

/** Calls `fn(argument)` such that everything it starts inherits the deadline. */
export function carrying<A, R>(who: Carrier, fn: (argument: A) => R, argument: A): R {
  return carried.run(who, fn, argument);
}

/** The deadline of the work under way; undefined when it has none. */
export function currentDeadline(): Deadline | undefined {
  return carried.getStore()?.deadline;
}

/**
 * Calls `fn` such that every call of a dependency below, at any depth and over any `await`, ends by this deadline:
 * milliseconds from now, or a {@link Deadline}. The nearer of it and one that is in force already counts.
 */
export function withDeadline<R>(deadline: number | Deadline, fn: () => R, options: { clock?: ClockOption } = {}): R {
  checkedKeys('options', options, ['clock']);
  checkedFunction('fn', fn);
  timeOf(options.clock);
  if (typeof deadline !== 'number' && !(deadline instanceof Deadline)) {
    throw new ConfigError('deadline', deadline, 'a number of milliseconds or a Deadline');
  }
  const own = typeof deadline === 'number' ? Deadline.after(deadline, options) : deadline;
  const outer = currentDeadline();
  return carried.run({ deadline: outer === undefined ? own : own.nearer(outer) }, fn);
}
