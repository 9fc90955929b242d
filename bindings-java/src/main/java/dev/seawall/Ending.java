package dev.seawall;

/**
 * How a call ended, before any fallback.
 *
 * @param flight the call, over
 * @param value what the last attempt gave
 * @param thrown what it threw instead, or null
 * @param <T> the result
 */
record Ending<T>(Flight flight, T value, Throwable thrown) {
    /** The value or what a fallback serves; throws what went wrong. */
    T conclude(Fallback<T> fallback) {
        Throwable error = error();
        if (fallback == null) {
            if (error == null) {
                return value;
            }
            throw Ending.<RuntimeException>sneaky(error);
        }
        CallOutcome<T> outcome = detailed(fallback);
        if (outcome.hasValue()) {
            return outcome.value();
        }
        throw Ending.<RuntimeException>sneaky(outcome.error());
    }

    /** Everything about it. */
    CallOutcome<T> detailed(Fallback<T> fallback) {
        Throwable error = error();
        int attempts = flight.attempts();
        if (fallback != null) {
            long now = flight.now();
            if (flight.end() == Flight.SUCCESS && error == null) {
                fallback.keep(value, now);
            } else if (flight.mayFallBack()) {
                try {
                    Fallback.Answer<T> answer = fallback.serve(error, now);
                    if (answer != null) {
                        flight.dependency.fellBack(now, answer.step(), answer.source(), flight.stop());
                        return new CallOutcome<>(
                                answer.value(), true, answer.step(), flight.stop(), attempts, flight.duration(), error);
                    }
                } catch (Throwable failed) {
                    error = failed;
                }
            }
        }
        return new CallOutcome<>(
                error == null ? value : null, false, -1, flight.stop(), attempts, flight.duration(), error);
    }

    /** The exception of the call as the caller is to see it, or null for a result. */
    private Throwable error() {
        if (flight.end() == Flight.REFUSED) {
            return flight.refusal();
        }
        if (thrown != null && flight.end() == Flight.FAILURE) {
            CallInfo.attach(thrown, flight.dependency.name(), flight.attempts(), flight.stop());
        }
        return thrown;
    }

    /** Throws anything; the compiler has been told by the signatures of the functions that threw it. */
    @SuppressWarnings("unchecked")
    static <X extends Throwable> X sneaky(Throwable thrown) throws X {
        throw (X) thrown;
    }
}
