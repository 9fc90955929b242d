/** The same for `import`: one copy of the classes, however they are loaded. */

export { FetchRefusedError, wrapFetch } from './fetch.cjs';
export type { Fetch, FetchFallback, WrapFetchOptions } from './fetch.cjs';
