/** undici behind a policy: version 6 and newer. */

export { UndiciRefusedError, agentOptions, interceptor } from './interceptor.js';
export type { AgentTimeouts, Interceptor, InterceptorOptions } from './interceptor.js';
