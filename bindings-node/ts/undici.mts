/** The same for `import`: one copy of the classes, however they are loaded. */

export { UndiciRefusedError, agentOptions, interceptor } from './undici.cjs';
export type { AgentTimeouts, Interceptor, InterceptorOptions } from './undici.cjs';
