/**
 * For tests of services: a clock moved by hand, forced states, injected faults, no waiting.
 *
 * <pre>{@code
 * FakeClock clock = new FakeClock();
 * Seawall wall = Seawall.builder().clock(clock).create();
 * Dependency profile = wall.define("profile", Policy.builder().timeout(Duration.ofSeconds(1)).attempts(3).build());
 *
 * SeawallTesting.noWaiting(profile, clock);
 * SeawallTesting.inject(profile, Fault.error(() -> new IOException("reset")).times(2));
 * // Two injected errors and two waits later, without a millisecond of waiting:
 * assertEquals(3, profile.call(Attempt::number));
 *
 * SeawallTesting.force(profile, State.OPEN);
 * assertThrows(BreakerOpenException.class, () -> profile.call(Attempt::number));
 * }</pre>
 */
package dev.seawall.testing;
