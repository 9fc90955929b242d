/** The test kit: time by hand, states by force, faults on demand. */

export { FakeClock, NoWaitingClock, force, inject, noWaiting } from './test_kit.js';
export type { FaultOptions, Injected, NoWaiting } from './test_kit.js';
