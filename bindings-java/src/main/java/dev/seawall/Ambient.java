package dev.seawall;

/**
 * The deadline in force on this thread. A thread-local: it is inherited by calls, not by threads; see
 * {@link Deadline#wrap(Runnable)} for those.
 */
final class Ambient {
    private static final ThreadLocal<Deadline> CURRENT = new ThreadLocal<>();

    private Ambient() {}

    static Deadline current() {
        return CURRENT.get();
    }

    /** Puts a deadline in force; answers the one before, for {@link #leave}. */
    static Deadline enter(Deadline deadline) {
        Deadline before = CURRENT.get();
        CURRENT.set(deadline);
        return before;
    }

    static void leave(Deadline before) {
        if (before == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(before);
        }
    }
}
