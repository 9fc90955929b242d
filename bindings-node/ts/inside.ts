/** What a dependency is made of, for the parts of this package. */

import * as native from '../native.js';
import type { Time } from './clock.js';
import { Hooks, isUnheard, tell } from './events.js';
import type { SeawallEvent, Told } from './events.js';
import { Queue } from './queue.js';
import { NONE } from './handle.js';

/** Where the time comes from. */
export interface Timed {
  readonly time: Time;
  /** False when somebody brought a clock. */
  readonly isRealTime: boolean;
}

/** What the dependencies of a wall share. */
export interface WallInside {
  time: Time;
  isRealTime: boolean;
  readonly hooks: Hooks;
}

/** A fault that a test puts in: called before each attempt, answers what happens instead, or undefined. */
export type Fault = () => { latencyMs: number; error: unknown; isError: boolean } | undefined;

/** The insides of one dependency in one thread. */
export class Inside {
  readonly name: string;
  readonly wall: WallInside;
  readonly hooks = new Hooks();
  readonly queue: Queue;
  /** Put in by tests. */
  faults: readonly Fault[] = [];
  /** Another time than that of the wall, put in by tests. */
  timed: Timed | undefined;
  handle: number;
  #facts: native.DependencyFacts | undefined;

  constructor(name: string, handle: number, wall: WallInside) {
    this.name = name;
    this.handle = handle;
    this.wall = wall;
    this.queue = new Queue(this);
  }

  get time(): Time {
    return (this.timed ?? this.wall).time;
  }

  /** Facts of the policy in force, read once until it changes. Undefined when disposed of. */
  get facts(): native.DependencyFacts | undefined {
    return (this.#facts ??= native.dependencyFacts(this.handle) ?? undefined);
  }

  /** The policy may be another one now. */
  forget(): void {
    this.#facts = undefined;
  }

  get isDisposed(): boolean {
    return this.handle === NONE;
  }

  get isUnheard(): boolean {
    return isUnheard(this.hooks, this.wall.hooks);
  }

  tell(told: Told): void {
    if (!this.isUnheard) {
      const at = (this.timed ?? this.wall).isRealTime ? Date.now() : this.time.nowMs();
      tell(this.hooks, this.wall.hooks, { ...told, dependency: this.name, at } as SeawallEvent);
    }
  }
}
