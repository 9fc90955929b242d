package dev.seawall.testing;

import dev.seawall.ManualClock;

/** The clock of tests: a {@link ManualClock} by the name that it has in the test kits of other languages. */
public final class FakeClock extends ManualClock {
    /** A clock that shows one second. */
    public FakeClock() {}
}
