/** Deadlines across services: what is left of a call, told to whoever is asked next. */

import * as native from '../native.js';
import { BAD_HEADER, failure } from './answer.js';
import { currentDeadline } from './ambient.js';
import { Deadline } from './deadline.js';
import { ConfigError, HeaderError } from './errors.js';
import type { HeaderFault } from './errors.js';
import type { ClockOption } from './clock.js';
import { checkedKeys } from './settings.js';

/** gRPC's header. */
export const GRPC_TIMEOUT = 'grpc-timeout';
/** The header with milliseconds, as proxies send it. */
export const REQUEST_TIMEOUT_MS = 'x-request-timeout-ms';

/** What headers may be: a `Headers`, a `Map`, or a plain object as `node:http` has it. */
export type HeaderCarrier =
  | { get(name: string): unknown; set(name: string, value: string): unknown }
  | Record<string, unknown>;

const FAULTS: readonly HeaderFault[] = ['empty', 'too_long', 'malformed', 'too_large'];

/** Nanoseconds, or throws the {@link HeaderError} that a native answer stands for. */
export function readSpan(answer: number): number {
  if (answer !== BAD_HEADER) {
    if (answer < 0) {
      throw failure(answer, 'header');
    }
    return answer;
  }
  const problem = native.readHeaderProblem()!;
  throw new HeaderError(problem.text, problem.header, FAULTS[problem.kind - 1] ?? 'malformed', problem.bytes);
}

function isMap(headers: unknown): headers is { get(name: string): unknown; set(name: string, value: string): unknown } {
  const map = headers as { get?: unknown; set?: unknown };
  return typeof map.get === 'function' && typeof map.set === 'function';
}

function checkedHeaders(headers: unknown): HeaderCarrier {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw new ConfigError('headers', headers, 'a Headers, a Map or an object');
  }
  return headers as HeaderCarrier;
}

function look(headers: HeaderCarrier, name: string): string | undefined {
  let value: unknown;
  if (isMap(headers)) {
    value = headers.get(name) ?? (headers instanceof Map ? find([...headers.keys()], name, (key) => headers.get(key)) : undefined);
  } else {
    value = headers[name] ?? find(Object.keys(headers), name, (key) => headers[key]);
  }
  if (value === undefined || value === null) {
    return undefined;
  }
  // Sent twice, node:http gives a list: which of them was meant is nobody's guess, and no grammar allows a comma.
  return Array.isArray(value) ? value.join(', ') : String(value);
}

function find(keys: readonly unknown[], name: string, get: (key: string) => unknown): unknown {
  const key = keys.find((one) => typeof one === 'string' && one.toLowerCase() === name);
  return key === undefined ? undefined : get(key as string);
}

function put(headers: HeaderCarrier, name: string, value: string): void {
  if (isMap(headers)) {
    headers.set(name, value);
  } else {
    headers[name] = value;
  }
}

/** How the deadline is told. */
export interface InjectOptions {
  /** Whose deadline. Default: of the work under way. */
  deadline?: Deadline;
  /** Which headers. Default: both. */
  format?: 'grpc' | 'ms' | 'both';
}

/**
 * Writes what is left of the deadline into headers, which it answers: `grpc-timeout` and `x-request-timeout-ms`. Nothing
 * is written where there is no deadline. What has expired is written as zero.
 */
export function injectDeadline<H extends HeaderCarrier>(headers: H, options: InjectOptions = {}): H {
  checkedHeaders(headers);
  checkedKeys('options', options, ['deadline', 'format']);
  const { format = 'both' } = options;
  if (!['grpc', 'ms', 'both'].includes(format)) {
    throw new ConfigError('format', format, 'one of grpc, ms, both');
  }
  const deadline = options.deadline ?? currentDeadline();
  if (deadline !== undefined && !(deadline instanceof Deadline)) {
    throw new ConfigError('deadline', deadline, 'a Deadline');
  }
  if (deadline === undefined || deadline.isNever) {
    return headers;
  }
  const leftNs = Math.floor(deadline.remainingMs * 1e6);
  for (const [name, text] of [
    [GRPC_TIMEOUT, format === 'ms' ? null : native.headerToGrpc(leftNs)],
    [REQUEST_TIMEOUT_MS, format === 'grpc' ? null : native.headerToMillis(leftNs)],
  ] as const) {
    if (typeof text === 'string') {
      put(headers, name, text);
    }
  }
  return headers;
}

/**
 * The deadline that headers carry, from now; undefined when they carry none. Of two the nearer counts. Throws
 * {@link HeaderError} for a value that is malformed, longer than 64 bytes or more than a day: answer such a request with
 * status 400.
 */
export function extractDeadline(headers: HeaderCarrier, options: { clock?: ClockOption } = {}): Deadline | undefined {
  checkedHeaders(headers);
  checkedKeys('options', options, ['clock']);
  let nearest: number | undefined;
  for (const [name, read] of [
    [GRPC_TIMEOUT, native.headerFromGrpc],
    [REQUEST_TIMEOUT_MS, native.headerFromMillis],
  ] as const) {
    const text = look(headers, name);
    if (text !== undefined) {
      const span = readSpan(read(text));
      nearest = nearest === undefined ? span : Math.min(nearest, span);
    }
  }
  return nearest === undefined ? undefined : Deadline.after(nearest / 1e6, options);
}
