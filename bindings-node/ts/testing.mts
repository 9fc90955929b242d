/** The same for `import`: one copy of the classes, however they are loaded. */

export { FakeClock, NoWaitingClock, force, inject, noWaiting } from './testing.cjs';
export type { FaultOptions, Injected, NoWaiting } from './testing.cjs';
