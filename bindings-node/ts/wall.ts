/// <reference lib="esnext.disposable" preserve="true" />
/** Wall: every dependency of a service, from one file or from code. */

import { fileURLToPath } from 'node:url';

import * as native from '../native.js';
import { TROUBLED, UNKNOWN, failure } from './answer.js';
import { timeOf } from './clock.js';
import type { ClockOption } from './clock.js';
import { dependencyAround, insideOf } from './dependency.js';
import type { Dependency, DependencySnapshot } from './dependency.js';
import { ConfigError, DisposedError, PolicyError, UnknownDependencyError } from './errors.js';
import type { Problem } from './errors.js';
import { Hooks, logging } from './events.js';
import type { EventHook, Logger } from './events.js';
import { Freeing, NONE } from './handle.js';
import { Inside } from './inside.js';
import type { WallInside } from './inside.js';
import { PolicyText } from './policy.js';
import type { Policy } from './policy.js';
import { checkedKeys } from './settings.js';

/** How a wall is opened. */
export interface WallOptions {
  /** Where the time comes from. Default `native`. */
  clock?: ClockOption;
  /** Makes every random choice repeatable, for tests. Default: of the file, or random. */
  seed?: bigint | number;
  /** Where log lines go, `console` for example. Default: nowhere. */
  logger?: Logger;
}

/** One thing that the check of the policies warns of. */
export interface Finding {
  /** Which lint, `SW001` to `SW009`. */
  readonly id: string;
  readonly dependency: string | undefined;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly key: string;
  readonly message: string;
  /** The sum behind the judgement. */
  readonly arithmetic: string | undefined;
  /** The whole finding as one line. */
  readonly text: string;
}

/** What a reload changed, by name. */
export interface Reloaded {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  /** Whoever holds one of these goes on using its last policy. */
  readonly removed: readonly string[];
}

const freeing = new Freeing(native.wallFree);
const freeingDependency = new Freeing(native.dependencyFree);

/** The insides of a wall, for the test kit. */
export let wallInsideOf: (wall: Seawall) => WallInside;

/** What stands behind an answer below zero. */
function trouble(answer: number, source: string, value: unknown, text?: PolicyText): Error {
  if (answer !== TROUBLED && answer !== UNKNOWN) {
    return failure(answer, source);
  }
  const kept = native.readTrouble();
  if (kept == null) {
    return failure(answer, source);
  }
  switch (kept.kind) {
    case 'unknown':
      return new UnknownDependencyError(kept.text);
    case 'name':
    case 'duplicate': {
      const range = kept.kind === 'name' ? '1 to 64 of A-Z a-z 0-9 _ . -' : 'a name that is not taken';
      return new ConfigError('name', value, range, `name: ${kept.text}`);
    }
    case 'no_file':
      return new ConfigError('path', undefined, 'the path of a file: this wall was not opened from one');
    default:
      return problemsOf(kept, value, text);
  }
}

/** The problems in the words of who wrote the policy: the keys of the file, or those of the code. */
function problemsOf(kept: native.Trouble, value: unknown, text: PolicyText | undefined): PolicyError {
  const problems = kept.problems.map((problem): Problem => ({ ...problem, key: text === undefined ? problem.key : text.nameOf(problem.key) }));
  const renamed = problems.some((problem, place) => problem.key !== kept.problems[place]!.key);
  return new PolicyError(renamed ? problems.map(line).join('\n') : kept.text, problems, problems[0]?.key || 'policy', value);
}

function line({ key, message, arithmetic, nearest, lint }: Problem): string {
  const named = key === '' ? message : `${key}: ${message}`;
  const sum = arithmetic == null ? '' : `: ${arithmetic}`;
  const meant = nearest == null ? '' : `; did you mean "${nearest}"?`;
  return `${named}${sum}${meant}${lint == null ? '' : ` [${lint}]`}`;
}

function seedOf(seed: unknown): bigint | undefined {
  if (seed === undefined) {
    return undefined;
  }
  if ((typeof seed === 'number' && Number.isSafeInteger(seed) && seed >= 0) || (typeof seed === 'bigint' && seed >= 0n && seed < 1n << 64n)) {
    return BigInt(seed);
  }
  throw new ConfigError('seed', seed, 'a whole number below 2^53 or a bigint below 2^64');
}

function checkedText(field: string, value: unknown): string {
  if (typeof value !== 'string') {
    throw new ConfigError(field, value, 'a string');
  }
  return value;
}

/**
 * Every dependency of a service. Lives in the JavaScript thread that made it: each worker thread opens its own. Opening
 * and reloading read the file at once; calls do not.
 */
export class Seawall {
  #handle = NONE;
  #inside: WallInside;
  /** Dependencies by name: one object for each, because those who wait for a place stand in one line. */
  #dependencies = new Map<string, Dependency>();
  /** Those that a reload took out, in case it brings them back. */
  #retired = new Map<string, Dependency>();
  #seed: bigint | undefined;

  static {
    wallInsideOf = (wall) => {
      if (typeof wall !== 'object' || wall === null || !(#inside in wall)) {
        throw new ConfigError('wall', wall, 'a Seawall');
      }
      return wall.#inside;
    };
  }

  /** An empty wall, for policies from code. */
  constructor(options: WallOptions = {}) {
    checkedKeys('options', options, ['clock', 'seed', 'logger']);
    const time = timeOf(options.clock);
    this.#inside = { time, isRealTime: options.clock === undefined || options.clock === 'native', hooks: new Hooks() };
    this.#seed = seedOf(options.seed);
    if (options.logger !== undefined) {
      this.#inside.hooks.add(logging(options.logger));
    }
    this.#take(native.wallNew(time.nowMs(), this.#seed), undefined);
  }

  /**
   * Opens the policies of a file. Throws {@link PolicyError} with everything that is wrong in it, one problem a line:
   * `FILE:LINE:COLUMN: KEY: what is wrong`.
   */
  static open(path: string | URL, options?: WallOptions): Seawall {
    const text = path instanceof URL ? fromUrl(path) : checkedText('path', path);
    const wall = new Seawall(options);
    wall.#take(native.wallOpen(text, wall.#inside.time.nowMs(), wall.#seed), path);
    return wall;
  }

  /** Reads `text` as a file that messages call `name`. */
  static parse(text: string, options: WallOptions & { name?: string } = {}): Seawall {
    checkedKeys('options', options, ['clock', 'seed', 'logger', 'name']);
    const { name, ...rest } = options;
    const wall = new Seawall(rest);
    const named = name === undefined ? 'seawall.toml' : checkedText('name', name);
    wall.#take(native.wallParse(checkedText('text', text), named, wall.#inside.time.nowMs(), wall.#seed), text);
    return wall;
  }

  /**
   * Adds a dependency whose policy is written in code, checked as one of a file is: an object, or the body of a
   * `[dependency.NAME]` table as text. Throws {@link PolicyError} with everything that is wrong.
   */
  define(name: string, policy: Policy | string): Dependency {
    const text = new PolicyText(policy);
    const answer = native.wallDefine(this.#open(), checkedText('name', name), text.text, this.#inside.time.nowMs());
    return this.#dependency(name, answer, name, text);
  }

  /** Puts another policy in force for a dependency of this wall. Its state stays, calls under way end as they began. */
  redefine(name: string, policy: Policy | string): void {
    const text = new PolicyText(policy);
    const answer = native.wallRedefine(this.#open(), checkedText('name', name), text.text, this.#inside.time.nowMs());
    if (answer < 0) {
      throw trouble(answer, name, policy, text);
    }
    this.#forget();
  }

  /** The dependency of this name. Throws {@link UnknownDependencyError}, which names the nearest one there is. */
  dependency(name: string): Dependency {
    const known = this.#dependencies.get(name);
    if (known !== undefined && this.#handle !== NONE) {
      return known;
    }
    return this.#dependency(name, native.wallDependency(this.#open(), checkedText('name', name)), name);
  }

  /**
   * Reads the file again. State is kept; if anything in the file is wrong, nothing changes and {@link PolicyError} is
   * thrown.
   */
  reload(): Reloaded {
    const reloaded = native.wallReload(this.#open(), this.#inside.time.nowMs());
    if (reloaded == null) {
      throw trouble(TROUBLED, 'reload', undefined);
    }
    this.#forget();
    for (const name of reloaded.removed) {
      const gone = this.#dependencies.get(name);
      if (gone !== undefined) {
        this.#retired.set(name, gone);
        this.#dependencies.delete(name);
      }
    }
    for (const name of reloaded.added) {
      const back = this.#retired.get(name);
      if (back !== undefined) {
        // The state is the old one, and so is the line of those who wait.
        this.#dependencies.set(name, back);
        this.#retired.delete(name);
      }
    }
    return reloaded;
  }

  /** The names of all dependencies, sorted. */
  get names(): string[] {
    return native.wallNames(this.#open()) ?? [];
  }

  /** What the check of the policies warns of. */
  get findings(): Finding[] {
    const findings = native.wallFindings(this.#open()) ?? [];
    return findings.map(({ isError: _, dependency, arithmetic, ...rest }) => ({
      ...rest,
      dependency: dependency ?? undefined,
      arithmetic: arithmetic ?? undefined,
    }));
  }

  /** A look at all dependencies, by name. */
  snapshot(): Record<string, DependencySnapshot> {
    return Object.fromEntries(this.names.map((name) => [name, this.dependency(name).snapshot()]));
  }

  /**
   * True while the wall is open. Never depends on a dependency: a service that cannot reach one can still decide, and
   * must not be restarted for it.
   */
  health(): boolean {
    return this.#handle !== NONE;
  }

  /** Tells `hook` of everything that happens at any dependency; answers a function that ends it. */
  onEvent(hook: EventHook): () => void {
    return this.#inside.hooks.add(hook);
  }

  /**
   * Writes log lines: changes of state as warnings, retries and fallbacks as info, refusals and late results as debug.
   * Answers a function that ends it.
   */
  logTo(logger: Logger): () => void {
    return this.#inside.hooks.add(logging(logger));
  }

  /** How often a hook of the wall or of a dependency threw. */
  get hookFailures(): number {
    let failures = this.#inside.hooks.failures;
    for (const dependency of this.#dependencies.values()) {
      failures += insideOf(dependency).hooks.failures;
    }
    return failures;
  }

  /** Frees everything now instead of when it is collected. Calls under way end as they would; new ones are errors. */
  close(): void {
    for (const dependency of [...this.#dependencies.values(), ...this.#retired.values()]) {
      const inside = insideOf(dependency);
      freeingDependency.now(inside, inside.handle);
      inside.handle = NONE;
      inside.forget();
    }
    freeing.now(this, this.#handle);
    this.#handle = NONE;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #take(answer: number, value: unknown): void {
    if (answer < 0) {
      const error = trouble(answer, 'seawall', value);
      this.close();
      throw error;
    }
    freeing.now(this, this.#handle);
    this.#handle = freeing.watch(this, answer);
  }

  #open(): number {
    if (this.#handle === NONE) {
      throw new DisposedError('uninitialised', 'seawall: the wall was closed');
    }
    return this.#handle;
  }

  #dependency(name: string, answer: number, value: unknown, text?: PolicyText): Dependency {
    if (answer < 0) {
      throw trouble(answer, name, value, text);
    }
    const inside = new Inside(name, answer, this.#inside);
    freeingDependency.watch(inside, answer);
    const dependency = dependencyAround(inside);
    this.#dependencies.set(name, dependency);
    return dependency;
  }

  #forget(): void {
    for (const dependency of this.#dependencies.values()) {
      insideOf(dependency).forget();
    }
  }
}

function fromUrl(url: URL): string {
  if (url.protocol !== 'file:') {
    throw new ConfigError('path', url.href, 'a path or a file: URL');
  }
  return fileURLToPath(url);
}

/** Opens the policies of a file: the same as {@link Seawall.open}. */
export function open(path: string | URL, options?: WallOptions): Seawall {
  return Seawall.open(path, options);
}
