/** Waiting that a caller can abandon. */

import { ConfigError } from './errors.js';

/** The signal of a call's options, if there is one. */
export function checkedSignal(signal: unknown): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) {
    return signal;
  }
  // A signal of another realm or of a polyfill has the same methods.
  const foreign = signal as AbortSignal | null;
  if (typeof foreign !== 'object' || foreign === null || typeof foreign.addEventListener !== 'function' || typeof foreign.aborted !== 'boolean') {
    throw new ConfigError('signal', signal, 'an AbortSignal');
  }
  return foreign;
}

/**
 * The result of `running`, or the reason of the signal as soon as it aborts. What runs on is not stopped by this; its
 * late error is nobody's any more and is not reported as unhandled. Leaves no listener behind.
 */
export function untilAborted<T>(running: T, signal: AbortSignal): Promise<Awaited<T>> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) {
      abort();
    } else {
      signal.addEventListener('abort', abort, { once: true });
    }
    const leave = (): void => signal.removeEventListener('abort', abort);
    Promise.resolve(running).then(
      (value) => {
        leave();
        resolve(value as Awaited<T>);
      },
      (error: unknown) => {
        leave();
        reject(error);
      },
    );
  });
}

/** True when the caller took the call back. A time limit is no such thing: it says that the dependency was slow. */
export function isCancelled(signal: AbortSignal | undefined): boolean {
  return signal !== undefined && signal.aborted && (signal.reason as { name?: unknown } | null | undefined)?.name !== 'TimeoutError';
}
