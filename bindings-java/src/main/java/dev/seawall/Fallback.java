package dev.seawall;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * What to serve when the dependency does not: a chain of steps, of which the first that has something serves. Immutable;
 * any thread may use it.
 *
 * <p>It runs when a call is refused or has finally failed and the policy allows it, on the thread that ends the call,
 * outside its deadline; never in place of a result, and never after the caller gave up.
 *
 * <pre>{@code
 * LastGood<List<Title>> good = LastGood.of(Duration.ofMinutes(5));
 * Fallback<List<Title>> fallback = Fallback.lastGood(good, user).or(Fallback.value(List.of()));
 * }</pre>
 *
 * @param <T> what it serves
 */
public final class Fallback<T> {
    /**
     * Makes something of the way the call ended.
     *
     * @param <T> what it serves
     */
    @FunctionalInterface
    public interface Function<T> {
        /**
         * Serves.
         *
         * @param error what the call ended with; null where a result counts as a failure
         * @return what to serve
         * @throws Exception passed on, with what the call ended with as its cause, unless a later step serves
         */
        T serve(Throwable error) throws Exception;
    }

    private sealed interface Step<T> {}

    private record Made<T>(Supplier<? extends T> supplier) implements Step<T> {}

    private record Served<T>(Function<? extends T> function) implements Step<T> {}

    private record Kept<T>(LastGood<T> store, Object key) implements Step<T> {}

    /** What a chain served. */
    record Answer<T>(T value, int step, String source) {}

    private final List<Step<T>> steps;

    private Fallback(List<Step<T>> steps) {
        this.steps = steps;
    }

    /**
     * Serves this value.
     *
     * @param value anything, null too
     * @param <T> what it serves
     * @return a chain of one step
     */
    public static <T> Fallback<T> value(T value) {
        return new Fallback<>(List.of(new Made<>(() -> value)));
    }

    /**
     * Serves what a function makes of the way the call ended.
     *
     * @param function makes it
     * @param <T> what it serves
     * @return a chain of one step
     */
    public static <T> Fallback<T> of(Function<? extends T> function) {
        return new Fallback<>(List.of(new Served<>(Objects.requireNonNull(function, "function"))));
    }

    /**
     * Serves the last good result of calls with this fallback, if it is not too old.
     *
     * @param store where they are kept
     * @param <T> what it serves
     * @return a chain of one step
     */
    public static <T> Fallback<T> lastGood(LastGood<T> store) {
        return lastGood(store, LastGood.ONLY);
    }

    /**
     * As {@link #lastGood(LastGood)}, of calls with the same key.
     *
     * @param store where they are kept
     * @param key what the result depends on: has {@code equals} and {@code hashCode}
     * @param <T> what it serves
     * @return a chain of one step
     */
    public static <T> Fallback<T> lastGood(LastGood<T> store, Object key) {
        return new Fallback<>(List.of(new Kept<>(
                Objects.requireNonNull(store, "store"), Objects.requireNonNull(key, "key"))));
    }

    /**
     * This one, and where it has nothing, the other one.
     *
     * @param next what to try then
     * @return a longer chain
     */
    public Fallback<T> or(Fallback<T> next) {
        List<Step<T>> all = new ArrayList<>(steps);
        all.addAll(next.steps);
        return new Fallback<>(List.copyOf(all));
    }

    /** How many steps there are. */
    int length() {
        return steps.size();
    }

    /** Keeps a good result. */
    void keep(T value, long nowNanos) {
        for (Step<T> step : steps) {
            if (step instanceof Kept<T> kept) {
                kept.store.keep(kept.key, value, nowNanos);
            }
        }
    }

    /**
     * What the first step that has something serves; null when none has. Throws what the last step that failed threw,
     * with the original as its cause, when none serves.
     */
    Answer<T> serve(Throwable original, long nowNanos) throws Exception {
        Exception failed = null;
        for (int number = 0; number < steps.size(); number++) {
            Step<T> step = steps.get(number);
            if (step instanceof Kept<T> kept) {
                LastGood.Entry<T> entry = kept.store.recall(kept.key, nowNanos);
                if (entry != null) {
                    return new Answer<>(entry.value(), number, "last_good");
                }
            } else if (step instanceof Served<T> served) {
                try {
                    return new Answer<>(served.function.serve(original), number, "function");
                } catch (Exception thrown) {
                    failed = thrown;
                }
            } else {
                return new Answer<>(((Made<T>) step).supplier.get(), number, "value");
            }
        }
        if (failed == null) {
            return null;
        }
        if (original != null && failed != original) {
            blame(failed, original);
        }
        throw failed;
    }

    private static void blame(Exception failed, Throwable original) {
        try {
            failed.initCause(original);
        } catch (IllegalStateException hasOne) {
            failed.addSuppressed(original);
        }
    }
}
