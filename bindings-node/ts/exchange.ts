/**
 * One request of undici's, over all its attempts: each has a handler of its own below, and the one above sees only the
 * answer that counts. undici 6 and 7 have two forms of handlers; whichever the one above has, those below have too.
 */

import type { Answered } from './http.js';

/** A request as undici describes it. */
export interface DispatchOptions {
  method?: string;
  headers?: unknown;
  body?: unknown;
  upgrade?: unknown;
  bodyTimeout?: number | null;
  [option: string]: unknown;
}

type Raw = readonly Buffer[] | null;
type HeaderFields = Record<string, string | string[] | undefined>;

/** What undici 7 gives a handler to steer its request with. */
interface Controller {
  readonly aborted: boolean;
  readonly paused: boolean;
  readonly reason: Error | null;
  pause(): void;
  resume(): void;
  abort(reason: Error): void;
}

/** The methods of a handler, of both forms. */
export interface UpstreamHandler {
  onRequestStart?(controller: Controller, context: unknown): void;
  onRequestUpgrade?(controller: Controller, status: number, headers: HeaderFields, socket: unknown): void;
  onResponseStart?(controller: Controller, status: number, headers: HeaderFields, text?: string): void;
  onResponseData?(controller: Controller, chunk: Buffer): void;
  onResponseEnd?(controller: Controller, trailers: HeaderFields): void;
  onResponseError?(controller: Controller, error: unknown): void;
  onConnect?(abort: (reason?: unknown) => void, context?: unknown): void;
  onHeaders?(status: number, headers: Raw, resume: () => void, text: string): boolean | void;
  onData?(chunk: Buffer): boolean | void;
  onComplete?(trailers: Raw): void;
  onError?(error: unknown): void;
  onBodySent?(chunk: unknown, total: unknown): void;
  onRequestSent?(): void;
  onResponseStarted?(): void;
}

/** What sends a request. */
export type Dispatch = (options: DispatchOptions, handler: UpstreamHandler) => boolean;

/** An answer whose body waits until somebody says what becomes of it. */
export interface Answer extends Answered {
  /** Hands it to the one who asked. */
  accept(): void;
}

/** What a connection is kept for when nobody wants the body: reading less than this is cheaper than connecting again. */
const MOST_DRAINED_BYTES = 128 * 1024;

/** One request over all its attempts. */
export class Exchange {
  readonly #handler: UpstreamHandler;
  readonly #isNew: boolean;
  readonly #caller = new AbortController();
  /** What the one above steers; it leads to whichever attempt is under way. */
  readonly #controller: Controller;
  #current: Steering | undefined;
  #isPaused = false;
  #isOver = false;

  constructor(handler: UpstreamHandler) {
    this.#handler = handler;
    this.#isNew = typeof handler.onRequestStart === 'function';
    const exchange = this;
    this.#controller = {
      get aborted() {
        return exchange.signal.aborted;
      },
      get reason() {
        return exchange.signal.aborted ? (exchange.signal.reason as Error) : null;
      },
      get paused() {
        return exchange.#isPaused;
      },
      pause: () => {
        this.#isPaused = true;
        this.#current?.pause();
      },
      resume: () => {
        this.#isPaused = false;
        this.#current?.resume();
      },
      abort: (reason) => this.#abort(reason),
    };
  }

  /** Aborts when the one who asked gives up. */
  get signal(): AbortSignal {
    return this.#caller.signal;
  }

  /** Tells the one above that its request has begun, once for all attempts, so that it can give up from now on. */
  begin(): void {
    if (this.#isNew) {
      this.#handler.onRequestStart!(this.#controller, {});
    } else {
      this.#handler.onConnect?.((reason) => this.#abort(reason), {});
    }
  }

  /** There is no answer. */
  fail(error: unknown): void {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    if (this.#isNew) {
      this.#handler.onResponseError?.(this.#controller, error);
    } else {
      this.#handler.onError?.(error);
    }
  }

  /** Makes one attempt; resolves with the head of its answer. */
  attempt(dispatch: Dispatch, options: DispatchOptions, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const below = new Below(this, signal, resolve, reject);
      try {
        dispatch(options, this.#isNew ? newForm(below) : oldForm(below, this.#handler));
      } catch (error) {
        reject(error);
      }
    });
  }

  /** From now on this attempt is the request. */
  accepted(steering: Steering, status: number, headers: unknown, text: string, resume: () => void): void {
    this.#current = steering;
    if (this.#isNew) {
      this.#handler.onResponseStart?.(this.#controller, status, headers as HeaderFields, text);
      if (!this.#isPaused) {
        resume();
      }
    } else if (this.#handler.onHeaders?.(status, headers as Raw, resume, text) !== false) {
      resume();
    }
  }

  data(chunk: Buffer): boolean {
    if (this.#isNew) {
      this.#handler.onResponseData?.(this.#controller, chunk);
      return !this.#isPaused;
    }
    return this.#handler.onData?.(chunk) !== false;
  }

  complete(trailers: unknown): void {
    this.#isOver = true;
    if (this.#isNew) {
      this.#handler.onResponseEnd?.(this.#controller, trailers as HeaderFields);
    } else {
      this.#handler.onComplete?.(trailers as Raw);
    }
  }

  #abort(reason: unknown): void {
    const why = reason ?? new DOMException('The request was aborted', 'AbortError');
    this.#caller.abort(why);
    this.#current?.abort(why);
  }
}

/** How the attempt under way is steered. */
interface Steering {
  pause(): void;
  resume(): void;
  abort(reason: unknown): void;
}

const enum Fate {
  Undecided,
  Accepted,
  Discarded,
}

/** One attempt: keeps what comes until it is decided what becomes of it. */
class Below {
  readonly #exchange: Exchange;
  readonly #signal: AbortSignal;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;
  #steering: Steering | undefined;
  #fate = Fate.Undecided;
  /** What a dispatcher that does not pause (a mock) told before the decision. */
  #kept: (() => void)[] = [];
  #drained = 0;

  constructor(exchange: Exchange, signal: AbortSignal, resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.#exchange = exchange;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  connected(steering: Steering): void {
    this.#steering = steering;
    if (this.#signal.aborted) {
      steering.abort(this.#signal.reason);
    } else {
      this.#signal.addEventListener('abort', () => this.#give(), { once: true });
    }
  }

  /** The attempt is given up: its time is over, or its caller is gone. */
  #give(): void {
    if (this.#fate !== Fate.Accepted) {
      this.#fate = Fate.Discarded;
      this.#steering?.abort(this.#signal.reason);
      this.#reject(this.#signal.reason);
    }
  }

  head(status: number, header: (name: string) => string | undefined, headers: unknown, text: string, resume: () => void): void {
    if (this.#fate === Fate.Discarded) {
      return;
    }
    this.#resolve({
      status,
      header,
      accept: () => {
        this.#fate = Fate.Accepted;
        this.#exchange.accepted(this.#steering ?? NO_STEERING, status, headers, text, resume);
        for (const tell of this.#kept.splice(0)) {
          tell();
        }
      },
      discard: () => {
        this.#fate = Fate.Discarded;
        this.#kept = [];
        resume();
      },
    });
  }

  /** False to make the connection wait. */
  data(chunk: Buffer): boolean {
    switch (this.#fate) {
      case Fate.Accepted:
        return this.#exchange.data(chunk);
      case Fate.Discarded:
        this.#drained += chunk.length;
        if (this.#drained > MOST_DRAINED_BYTES) {
          this.#steering?.abort(new DOMException('The rest of the answer is not wanted', 'AbortError'));
        }
        return true;
      case Fate.Undecided:
        this.#kept.push(() => this.#exchange.data(chunk));
        return true;
    }
  }

  complete(trailers: unknown): void {
    if (this.#fate === Fate.Accepted) {
      this.#exchange.complete(trailers);
    } else if (this.#fate === Fate.Undecided) {
      this.#kept.push(() => this.#exchange.complete(trailers));
    }
  }

  error(error: unknown): void {
    if (this.#fate === Fate.Accepted) {
      this.#exchange.fail(error);
    } else if (this.#fate === Fate.Undecided) {
      this.#kept.push(() => this.#exchange.fail(error));
      this.#reject(error);
    }
  }
}

const NO_STEERING: Steering = { pause: () => {}, resume: () => {}, abort: () => {} };

/** A handler as undici 7 has it. */
function newForm(below: Below): UpstreamHandler {
  return {
    onRequestStart: (controller) =>
      below.connected({ pause: () => controller.pause(), resume: () => controller.resume(), abort: (reason) => controller.abort(reason as Error) }),
    onResponseStart: (controller, status, headers, text) => {
      if (status < 200) {
        return;
      }
      controller.pause();
      const header = (name: string): string | undefined => oneOf(headers[name]);
      below.head(status, header, headers, text ?? '', () => controller.resume());
    },
    onResponseData: (controller, chunk) => {
      if (!below.data(chunk)) {
        controller.pause();
      }
    },
    onResponseEnd: (_, trailers) => below.complete(trailers),
    onResponseError: (_, error) => below.error(error),
  };
}

/** A handler as undici 6 has it. */
function oldForm(below: Below, handler: UpstreamHandler): UpstreamHandler {
  return {
    onConnect: (abort) => below.connected({ ...NO_STEERING, abort }),
    onHeaders: (status, raw, resume, text) => {
      if (status < 200) {
        return true;
      }
      below.head(status, (name) => rawHeader(raw, name), raw, text, resume);
      return false;
    },
    onData: (chunk) => below.data(chunk),
    onComplete: (trailers) => below.complete(trailers),
    onError: (error) => below.error(error),
    onBodySent: (chunk, total) => handler.onBodySent?.(chunk, total),
    onRequestSent: () => handler.onRequestSent?.(),
    onResponseStarted: () => handler.onResponseStarted?.(),
  };
}

function oneOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function rawHeader(raw: Raw, name: string): string | undefined {
  for (let place = 0; raw !== null && place + 1 < raw.length; place += 2) {
    if (raw[place]!.toString('latin1').toLowerCase() === name) {
      const value = raw[place + 1] as Buffer | Buffer[];
      return (Array.isArray(value) ? value[0]! : value).toString('latin1');
    }
  }
  return undefined;
}
