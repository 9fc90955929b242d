/** `fetch` behind a policy. */

export { FetchRefusedError, wrapFetch } from './wrap_fetch.js';
export type { Fetch, FetchFallback, WrapFetchOptions } from './wrap_fetch.js';
