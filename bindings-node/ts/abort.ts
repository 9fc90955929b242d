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

/** What is called when a signal aborts: one listener for each signal, however many wait. */
const watched = new WeakMap<AbortSignal, { callbacks: Set<() => void>; tell: () => void }>();

/**
 * Calls back when the signal aborts; answers a function that takes the order back. A signal that many calls share (one
 * for the whole server) would otherwise get a listener from each, and Node warns at the eleventh.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  let watch = watched.get(signal);
  if (watch === undefined) {
    const callbacks = new Set<() => void>();
    const tell = (): void => {
      watched.delete(signal);
      for (const each of callbacks) {
        each();
      }
    };
    watch = { callbacks, tell };
    watched.set(signal, watch);
    signal.addEventListener('abort', tell, { once: true });
  }
  const { callbacks, tell } = watch;
  callbacks.add(callback);
  return () => {
    if (callbacks.delete(callback) && callbacks.size === 0 && watched.get(signal)?.callbacks === callbacks) {
      watched.delete(signal);
      signal.removeEventListener('abort', tell);
    }
  };
}

/**
 * The result of `running`, or the reason of the signal as soon as it aborts. What runs on is not stopped by this; its
 * late error is nobody's any more and is not reported as unhandled. Leaves no listener behind.
 */
export function untilAborted<T>(running: T, signal: AbortSignal): Promise<Awaited<T>> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    let leave = (): void => {};
    if (signal.aborted) {
      abort();
    } else {
      leave = onAbort(signal, abort);
    }
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
