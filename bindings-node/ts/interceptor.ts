/** undici behind a policy: an interceptor for its dispatchers. */

import { Readable } from 'node:stream';

import type { Attempt } from './attempt.js';
import { insideOf } from './dependency.js';
import type { Dependency } from './dependency.js';
import { drive } from './drive.js';
import { brandRefusal } from './errors.js';
import type { RefusalCode, RefusedError } from './errors.js';
import { GRPC_TIMEOUT, REQUEST_TIMEOUT_MS } from './headers.js';
import { HttpRules, IDEMPOTENCY_KEY, idempotentOption, isGrpc, isPlainBody, luggageOf } from './http.js';
import type { Inside } from './inside.js';
import { ASK_KEYS, Checked } from './manner.js';
import type { AskOptions } from './manner.js';
import { checkedFunction, checkedKeys } from './settings.js';
import { Exchange } from './exchange.js';
import type { Answer, Dispatch, DispatchOptions, UpstreamHandler } from './exchange.js';

/** How requests are made. */
export type InterceptorOptions = Omit<AskOptions, 'signal' | 'idempotent'>;

/** What a new `Agent`, `Pool` or `Client` should be given for a dependency. */
export interface AgentTimeouts {
  readonly connect: { readonly timeout: number };
  readonly headersTimeout: number;
  readonly bodyTimeout: number;
}

/** A request was refused. undici takes it for an error of its own (`instanceof errors.UndiciError`), and `isRefused` knows it. */
export class UndiciRefusedError extends Error {
  static {
    brandRefusal(this, 'UndiciRefusedError');
    // The mark by which undici's classes recognise their errors over its copies and versions.
    Object.defineProperty(this.prototype, Symbol.for('undici.error.UND_ERR'), { value: true });
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

/**
 * An interceptor of undici's. Loosely typed, because its types differ between the versions and are not needed to use
 * this package.
 */
export type Interceptor = (dispatch: (options: any, handler: any) => boolean) => (options: any, handler: any) => boolean;

const KEYS = ASK_KEYS.filter((key) => key !== 'signal' && key !== 'idempotent');

/**
 * The times of a dependency's policy for a new dispatcher: `new Agent(agentOptions(dependency))`. The time to connect can
 * be set nowhere else.
 */
export function agentOptions(dependency: Dependency): AgentTimeouts {
  const { timeoutMs, connectTimeoutMs } = dependency.policy;
  const timeout = Math.max(1, Math.ceil(timeoutMs));
  return { connect: { timeout: Math.max(1, Math.ceil(connectTimeoutMs)) }, headersTimeout: timeout, bodyTimeout: timeout };
}

/**
 * An interceptor: `new Agent(agentOptions(dependency)).compose(interceptor(dependency))`. Each request to the dispatcher is
 * a call of the dependency. What counts as a failure, and what is tried again, is as for `wrapFetch`; the answer of the last
 * attempt is the answer, whatever its status. The time of an attempt ends with the head of the answer, and the body may
 * say nothing for as long as the policy's timeout, unless the request has a `bodyTimeout` of its own. Upgrades and
 * CONNECT pass by.
 */
export function interceptor(dependency: Dependency, options: InterceptorOptions = {}): Interceptor {
  const inside = insideOf(dependency);
  checkedKeys('options', options, KEYS);
  new Checked(inside, options, KEYS);
  return (dispatch: Dispatch) => {
    checkedFunction('dispatch', dispatch);
    // undici asks for a function of two arguments.
    return (request: DispatchOptions, handler: UpstreamHandler) => {
      if (request.upgrade || request.method === 'CONNECT') {
        return dispatch(request, handler);
      }
      send(inside, dispatch, request, handler, options);
      return true;
    };
  };
}

function send(inside: Inside, dispatch: Dispatch, request: DispatchOptions, handler: UpstreamHandler, options: InterceptorOptions): void {
  const exchange = new Exchange(handler);
  const rules = new HttpRules(replayable(request.body), (refusal) => new UndiciRefusedError(refusal));
  const idempotent = idempotentOption(request.method ?? 'GET', headerOf(request.headers, IDEMPOTENCY_KEY) !== undefined, inside);
  const bodyTimeout = request.bodyTimeout ?? Math.max(1, Math.ceil(inside.facts?.timeoutMs ?? 0));
  const work = (attempt: Attempt): Promise<Answer> =>
    exchange.attempt(dispatch, { ...request, bodyTimeout, headers: marked(request.headers, attempt, inside) }, attempt.signal);
  const made = async (): Promise<void> => {
    const manner = new Checked(inside, { ...options, idempotent, signal: exchange.signal } as object, [...KEYS, 'signal', 'idempotent'], rules);
    const outcome = await drive(inside, work as (attempt: Attempt) => unknown, manner);
    (outcome.value as Answer).accept();
  };
  exchange.begin();
  made().catch((error: unknown) => exchange.fail(error));
}

function replayable(body: unknown): () => boolean {
  if (isPlainBody(body)) {
    return () => true;
  }
  if (body instanceof Readable || body instanceof ReadableStream) {
    return () => !Readable.isDisturbed(body as Readable) && !(body instanceof Readable && body.destroyed);
  }
  // Anything else can be read once at most.
  return () => false;
}

type Pairs = [string, unknown][];

/** The headers of a request, in whichever of undici's forms they came. */
function pairsOf(headers: unknown): Pairs {
  if (headers === null || headers === undefined) {
    return [];
  }
  if (Array.isArray(headers)) {
    const list = headers as unknown[];
    return Array.from({ length: Math.floor(list.length / 2) }, (_, place) => [String(list[2 * place]), list[2 * place + 1]]);
  }
  if (typeof (headers as Iterable<unknown>)[Symbol.iterator] === 'function') {
    return [...(headers as Iterable<[string, unknown]>)].map(([name, value]) => [String(name), value]);
  }
  return Object.entries(headers as object);
}

function headerOf(headers: unknown, name: string): unknown {
  return pairsOf(headers).find(([own]) => own.toLowerCase() === name)?.[1];
}

/** The headers with the time and the key, as the flat list that every version takes. */
function marked(headers: unknown, attempt: Attempt, inside: Inside): unknown[] {
  const luggage = luggageOf(attempt, inside);
  let pairs = pairsOf(headers);
  const contentType = headerOf(headers, 'content-type');
  const set = (name: string, value: string): void => {
    pairs = [...pairs.filter(([own]) => own.toLowerCase() !== name), [name, value]];
  };
  set(REQUEST_TIMEOUT_MS, luggage.timeoutMs);
  if (typeof contentType === 'string' && isGrpc(contentType)) {
    set(GRPC_TIMEOUT, luggage.grpcTimeout);
  }
  if (luggage.key !== undefined && headerOf(headers, IDEMPOTENCY_KEY) === undefined) {
    set(IDEMPOTENCY_KEY, luggage.key);
  }
  return pairs.flatMap(([name, value]) => (Array.isArray(value) ? (value as unknown[]).flatMap((one) => [name, one]) : [name, value]));
}
