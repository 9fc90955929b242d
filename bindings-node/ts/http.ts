/** What all HTTP adapters share: what an answer says about the dependency, and what goes along with a request. */

import * as native from '../native.js';
import { isRefused } from './errors.js';
import type { RefusedError } from './errors.js';
import { IGNORED, Trouble, troubleOf, wordOf } from './rules.js';
import type { Rules } from './rules.js';
import type { Attempt } from './attempt.js';
import type { Inside } from './inside.js';

/** The header that makes a request safe to send twice, where the server knows it. */
export const IDEMPOTENCY_KEY = 'idempotency-key';
const RETRY_AFTER_FIELD = 'retry-after';
const RETRYABLE = 4;

/** How long a server wants to be left alone, in milliseconds; 0 for no wish, and for one that nobody can read. */
export function retryAfterMs(value: string | null | undefined): number {
  if (value === null || value === undefined) {
    return 0;
  }
  const spanNs = native.httpRetryAfter(value, Date.now());
  // A value that is no wait is no reason to fail a call that has its answer.
  return spanNs > 0 ? spanNs / 1e6 : 0;
}

/** What an adapter needs to know of an answer. */
export interface Answered {
  readonly status: number;
  header(name: string): string | null | undefined;
  /** Gets the rest of the answer out of the way. */
  discard(): void | Promise<void>;
}

/**
 * How attempts over HTTP count. `isReplayable` says whether the request can be sent again as it was: what was read from a
 * stream is gone. `toRefusal` makes of a refusal what users of the client expect.
 */
export class HttpRules implements Rules {
  #isReplayable: () => boolean;
  #toRefusal: (error: RefusedError) => Error;

  constructor(isReplayable: () => boolean, toRefusal: (error: RefusedError) => Error) {
    this.#isReplayable = isReplayable;
    this.#toRefusal = toRefusal;
  }

  error(error: unknown): number {
    if (isRefused(error)) {
      return IGNORED;
    }
    const trouble = troubleOf(error);
    const word = wordOf(trouble === Trouble.None ? Trouble.Other : trouble);
    return this.#isReplayable() ? word : word & ~RETRYABLE;
  }

  result(result: unknown): number {
    const { status } = result as Answered;
    const word = native.httpStatus(status, this.wish(result));
    return this.#isReplayable() ? word : word & ~RETRYABLE;
  }

  wish(what: unknown): number {
    const answered = what as Partial<Answered> | null | undefined;
    return typeof answered?.header === 'function' ? retryAfterMs(answered.header(RETRY_AFTER_FIELD)) : 0;
  }

  discard(result: unknown): void | Promise<void> {
    return (result as Answered).discard();
  }

  refusal(error: Error): Error {
    return this.#toRefusal(error as RefusedError);
  }
}

/** What goes along with an attempt: the time it has, and the key where the policy wants one. */
export interface Luggage {
  readonly timeoutMs: string;
  /** For requests of gRPC only. */
  readonly grpcTimeout: string;
  readonly key: string | undefined;
}

export function luggageOf(attempt: Attempt, inside: Inside): Luggage {
  // The attempt's own time, which is what is left of the deadline where that is nearer: nobody waits longer.
  const leftNs = Math.floor(attempt.timeoutMs * 1e6);
  return {
    timeoutMs: native.headerToMillis(leftNs)!,
    grpcTimeout: native.headerToGrpc(leftNs)!,
    key: inside.facts?.sendsKey ? attempt.idempotencyKey : undefined,
  };
}

/** True for requests that carry gRPC's own header. */
export function isGrpc(contentType: string | null | undefined): boolean {
  return contentType?.startsWith('application/grpc') ?? false;
}

/**
 * What a call says about sending a request twice: true where a key goes along, false where the method does not allow it,
 * and what the policy says (undefined) for all else.
 */
export function idempotentOption(method: string, hasKey: boolean, inside: Inside): boolean | undefined {
  return hasKey || inside.facts?.sendsKey ? true : native.httpIsIdempotent(method) ? undefined : false;
}

/** True for a body that is the same each time it is sent. */
export function isPlainBody(body: unknown): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === 'string' ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof Blob ||
    body instanceof URLSearchParams ||
    body instanceof FormData
  );
}
