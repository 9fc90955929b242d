package dev.seawall;

import java.lang.System.Logger.Level;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;

/** Who wants to know what happens: at a wall, or at one of its dependencies. */
final class Hooks {
    static final System.Logger LOG = System.getLogger("seawall");

    private final CopyOnWriteArrayList<Consumer<? super Event>> hooks = new CopyOnWriteArrayList<>();
    private final LongAdder failures = new LongAdder();

    Subscription add(Consumer<? super Event> hook) {
        Objects.requireNonNull(hook, "hook");
        // A wrapper, so that the same hook can be there twice and each be taken away by itself.
        Consumer<Event> mine = hook::accept;
        hooks.add(mine);
        return () -> hooks.remove(mine);
    }

    boolean isEmpty() {
        return hooks.isEmpty();
    }

    long failures() {
        return failures.sum();
    }

    void tell(Event event) {
        for (Consumer<? super Event> hook : hooks) {
            try {
                hook.accept(event);
            } catch (Throwable thrown) {
                failures.increment();
                LOG.log(Level.DEBUG, "a hook failed", thrown);
            }
        }
    }

    /** How loud an event is in the log. */
    static Level level(Event event) {
        if (event instanceof Event.StateChange) {
            return Level.WARNING;
        }
        return event instanceof Event.Refusal || event instanceof Event.LateResult ? Level.DEBUG : Level.INFO;
    }

    static void log(Event event) {
        Level level = level(event);
        if (LOG.isLoggable(level)) {
            LOG.log(level, words(event));
        }
    }

    private static String words(Event event) {
        String name = event.dependency() + ": ";
        if (event instanceof Event.StateChange change) {
            return name + "breaker " + change.from() + " -> " + change.to();
        } else if (event instanceof Event.Refusal refusal) {
            return name + "refused, " + refusal.reason() + (refusal.limit() == null ? "" : " " + refusal.limit());
        } else if (event instanceof Event.Retry retry) {
            return name + "attempt " + retry.attempt() + " failed (" + retry.error() + "), next in " + retry.delay();
        } else if (event instanceof Event.FellBack fallback) {
            return name + "fallback served, step " + fallback.step() + " " + fallback.source() + ", "
                    + fallback.reason().code();
        }
        Event.LateResult late = (Event.LateResult) event;
        return name + "attempt " + late.attempt() + " ended too late to count";
    }
}
