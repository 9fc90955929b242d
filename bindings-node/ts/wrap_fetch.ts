/** A fetch behind a policy: the same function, with retries, limits and a breaker. */

import { Readable } from 'node:stream';

import type { Attempt } from './attempt.js';
import { callBy, insideOf } from './dependency.js';
import type { Dependency } from './dependency.js';
import { AttemptTimeoutError, ConfigError, brandRefusal } from './errors.js';
import type { RefusalCode, RefusedError } from './errors.js';
import { GRPC_TIMEOUT, REQUEST_TIMEOUT_MS } from './headers.js';
import { HttpRules, IDEMPOTENCY_KEY, idempotentOption, isGrpc, isPlainBody, luggageOf } from './http.js';
import type { Answered } from './http.js';
import type { Inside } from './inside.js';
import { ASK_KEYS, Checked } from './manner.js';
import type { AskOptions } from './manner.js';
import { checkedFunction, checkedKeys, checkedWait } from './settings.js';

/** A `fetch`. */
export type Fetch = typeof globalThis.fetch;

/** A response, or what makes one of the error. */
export type FetchFallback = Response | ((error: unknown) => Response | PromiseLike<Response>);

/** How requests are made. */
export interface WrapFetchOptions extends Omit<AskOptions, 'signal' | 'idempotent'> {
  /**
   * How long the body may say nothing while it is read, in milliseconds. Default: the policy's timeout. With Infinity the
   * body is handed on as it is.
   */
  bodyTimeoutMs?: number | undefined;
  /** What is served when a request fails for good or is refused: a `Response`, or what makes one. */
  fallback?: FetchFallback | readonly FetchFallback[] | undefined;
}

/** A request was refused: a `TypeError`, as `fetch` throws for all that is no answer. `isRefused` knows it. */
export class FetchRefusedError extends TypeError {
  static {
    brandRefusal(this, 'FetchRefusedError');
  }

  /** Why, in a word that is the same in every language. */
  readonly code: RefusalCode;
  /** How long until asking again can help, in milliseconds; 0 when nobody knows. */
  readonly retryAfterMs: number;
  /** The name of the dependency. */
  readonly source: string;

  constructor(refusal: RefusedError) {
    super(refusal.message, { cause: refusal });
    this.code = refusal.code;
    this.retryAfterMs = refusal.retryAfterMs;
    this.source = refusal.source;
  }
}

const KEYS: readonly string[] = [...ASK_KEYS.filter((key) => key !== 'signal' && key !== 'idempotent'), 'bodyTimeoutMs', 'fallback'];
const NORMALISED = /^(delete|get|head|options|post|put)$/i;

/** A response as the rules see it. */
class FetchAnswer implements Answered {
  readonly response: Response;
  /** Which attempt it answers; 0 for what a fallback served. */
  readonly attempt: number;

  constructor(response: Response, attempt: number) {
    this.response = response;
    this.attempt = attempt;
  }

  get status(): number {
    return this.response.status;
  }

  header(name: string): string | null {
    return this.response.headers.get(name);
  }

  async discard(): Promise<void> {
    // Not read to its end: nobody knows how long it is. The connection is closed instead.
    await this.response.body?.cancel().catch(() => {});
  }
}

/**
 * `fetch` behind a dependency: the same arguments, the same `Response`. A status of 408, 425, 429 and most of 5xx is a failure
 * that another attempt may help against, and the last one is returned, not thrown; any other 4xx says that the
 * dependency is well. Retry-After is honoured. A request is made again only when its method allows it, a key goes along,
 * or it was certainly not sent; and never when its body was a stream that has been read. A refusal is thrown as a
 * {@link FetchRefusedError}.
 *
 * The time of an attempt ends with the head of the answer; `bodyTimeoutMs` guards the rest.
 */
export function wrapFetch(dependency: Dependency, fetch: Fetch = globalThis.fetch, options: WrapFetchOptions = {}): Fetch {
  const inside = insideOf(dependency);
  checkedFunction('fetch', fetch);
  checkedKeys('options', options, KEYS);
  const { bodyTimeoutMs: ownTimeoutMs, ...asked } = options;
  if (ownTimeoutMs !== undefined) {
    checkedWait('bodyTimeoutMs', ownTimeoutMs);
  }
  // A mistake in the options shows now, not with the first request.
  new Checked(inside, asked as object);
  return async (input, init) => {
    const request = input instanceof Request ? input : undefined;
    const signal = init?.signal ?? request?.signal;
    const headers = new Headers(init?.headers ?? request?.headers);
    const method = init?.method ?? request?.method ?? 'GET';
    const rules = new HttpRules(replayable(request, init?.body), (refusal) => new FetchRefusedError(refusal));
    const idempotent = idempotentOption(NORMALISED.test(method) ? method.toUpperCase() : method, headers.has(IDEMPOTENCY_KEY), inside);
    const said = { ...asked, fallback: wrapped(options.fallback), signal: signal ?? undefined, idempotent } as object;
    const manner = new Checked(inside, said, undefined, rules);
    const answer = await callBy(
      dependency,
      async (attempt) => {
        const marks = marked(headers, attempt, inside);
        return new FetchAnswer(await fetch(input, { ...init, headers: marks, signal: joined(attempt, signal) }), attempt.attempt);
      },
      manner,
    );
    const bodyTimeoutMs = ownTimeoutMs ?? inside.facts?.timeoutMs ?? Infinity;
    return guarded(answer.response, bodyTimeoutMs, inside, answer.attempt);
  };
}

/** Whether the request can be sent again as it was. */
function replayable(request: Request | undefined, body: unknown): () => boolean {
  if (body === undefined && request !== undefined && request.body !== null) {
    return () => !request.bodyUsed;
  }
  if (isPlainBody(body)) {
    return () => true;
  }
  if (body instanceof ReadableStream) {
    return () => !body.locked && !Readable.isDisturbed(body as never);
  }
  // Anything else can be read once at most.
  return () => false;
}

function marked(headers: Headers, attempt: Attempt, inside: Inside): Headers {
  const luggage = luggageOf(attempt, inside);
  const own = new Headers(headers);
  own.set(REQUEST_TIMEOUT_MS, luggage.timeoutMs);
  if (isGrpc(own.get('content-type'))) {
    own.set(GRPC_TIMEOUT, luggage.grpcTimeout);
  }
  if (luggage.key !== undefined && !own.has(IDEMPOTENCY_KEY)) {
    own.set(IDEMPOTENCY_KEY, luggage.key);
  }
  return own;
}

/** The attempt's signal, and the caller's beyond the attempt: it may still abort the reading of the body. */
function joined(attempt: Attempt, signal: AbortSignal | null | undefined): AbortSignal {
  return signal == null ? attempt.signal : AbortSignal.any([attempt.signal, signal]);
}

/** The steps of a fallback as the rules see responses. */
function wrapped(fallback: unknown): unknown {
  if (fallback === undefined) {
    return undefined;
  }
  const steps = Array.isArray(fallback) ? (fallback as unknown[]) : [fallback];
  return steps.map((step) => async (error: unknown) => {
    const response: unknown = typeof step === 'function' ? await (step as (error: unknown) => unknown)(error) : step;
    if (!(response instanceof Response)) {
      throw new ConfigError('fallback', response, 'a Response');
    }
    // A value is served more than once, and a body can be read only once.
    return new FetchAnswer(typeof step === 'function' ? response : response.clone(), 0);
  });
}

/** The response with a body that ends in an error when it says nothing for too long. */
function guarded(response: Response, quietMs: number, inside: Inside, attempt: number): Response {
  if (quietMs === Infinity || !(response instanceof Response) || response.body === null || response.bodyUsed) {
    return response;
  }
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const read = await within(reader.read(), quietMs, inside);
      if (read === undefined) {
        const error = new AttemptTimeoutError(inside.name, attempt, quietMs, `the body said nothing for ${quietMs} ms`);
        reader.cancel(error).catch(() => {});
        throw error;
      }
      if (read.done) {
        controller.close();
      } else {
        controller.enqueue(read.value);
      }
    },
    cancel: (reason) => reader.cancel(reason),
  }, { highWaterMark: 0 });
  const own = new Response(body, { status: response.status, statusText: response.statusText, headers: response.headers });
  for (const name of ['url', 'redirected', 'type'] as const) {
    Object.defineProperty(own, name, { value: response[name], configurable: true });
  }
  return own;
}

/** What a promise resolves to, or undefined after a time. */
function within<T>(promise: Promise<T>, ms: number, inside: Inside): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = inside.time.after(ms, () => resolve(undefined));
    promise.then(
      (value) => {
        stop();
        resolve(value);
      },
      (error: unknown) => {
        stop();
        reject(error);
      },
    );
  });
}
