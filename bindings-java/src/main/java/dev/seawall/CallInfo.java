package dev.seawall;

/**
 * What became of the call that an exception came out of. A call rethrows the last exception of its function as it is;
 * this goes along among its {@link Throwable#getSuppressed suppressed} ones. It has no stack trace.
 */
public final class CallInfo extends Exception {
    private static final long serialVersionUID = 1;

    /** Whose call. */
    private final String dependency;
    /** How many were made. */
    private final int attempts;
    /** Why no more. */
    private final Stop stop;

    private CallInfo(String dependency, int attempts, Stop stop) {
        super(null, null, false, false);
        this.dependency = dependency;
        this.attempts = attempts;
        this.stop = stop;
    }

    /** An exception object that is thrown again and again, as those without a stack trace are, gets it once. */
    static void attach(Throwable thrown, String dependency, int attempts, Stop stop) {
        for (Throwable there : thrown.getSuppressed()) {
            if (there instanceof CallInfo info && info.dependency.equals(dependency)) {
                return;
            }
        }
        thrown.addSuppressed(new CallInfo(dependency, attempts, stop));
    }

    /**
     * Finds what goes along with an exception.
     *
     * @param thrown what a call threw
     * @return what is known, or null
     */
    public static CallInfo of(Throwable thrown) {
        for (Throwable there : thrown.getSuppressed()) {
            if (there instanceof CallInfo info) {
                return info;
            }
        }
        return null;
    }

    /**
     * The dependency that was called.
     *
     * @return its name
     */
    public String dependency() {
        return dependency;
    }

    /**
     * How many attempts were made.
     *
     * @return at least 1
     */
    public int attempts() {
        return attempts;
    }

    /**
     * Why there was no further one.
     *
     * @return why
     */
    public Stop stop() {
        return stop;
    }

    @Override
    public String getMessage() {
        return dependency + ": " + attempts + (attempts == 1 ? " attempt, " : " attempts, ") + stop.code();
    }
}
