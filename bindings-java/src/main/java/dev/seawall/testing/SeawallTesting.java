package dev.seawall.testing;

import dev.seawall.Dependency;
import dev.seawall.ManualClock;
import dev.seawall.State;

/** What tests do to dependencies. */
public final class SeawallTesting {
    private SeawallTesting() {}

    /**
     * Puts the breaker of a dependency into a state.
     *
     * @param dependency the dependency
     * @param state open and half-open as failures and time would have brought it there, the others by hand
     * @throws dev.seawall.ConfigException when there is no breaker, or failures do not bring it there
     */
    public static void force(Dependency dependency, State state) {
        dependency.testControl().force(state);
    }

    /**
     * Makes attempts meet a fault, after those injected before.
     *
     * @param dependency the dependency
     * @param fault the fault
     * @throws dev.seawall.ConfigException when its rate or its times are out of range
     */
    public static void inject(Dependency dependency, Fault fault) {
        fault.into(dependency.testControl());
    }

    /**
     * From now on no call waits: where it would sleep or wait, it moves the clock on instead.
     *
     * @param dependency the dependency
     * @param clock the clock of its wall
     */
    public static void noWaiting(Dependency dependency, ManualClock clock) {
        dependency.testControl().noWaiting(clock);
    }

    /**
     * Takes all faults out again, and waits are waited for again.
     *
     * @param dependency the dependency
     */
    public static void restore(Dependency dependency) {
        dependency.testControl().restore();
    }
}
