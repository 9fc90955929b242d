package dev.seawall;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A clock that stands still until it is told to move, for tests. It starts at one second. Waits of objects that
 * use it end when it is moved far enough, not when real time has passed. Any thread may use it.
 */
public class ManualClock implements Clock {
    private record Sleeper(long until, CompletableFuture<Void> timer) {}

    private final List<Sleeper> sleepers = new ArrayList<>();
    private long nanos = 1_000_000_000;

    /** A clock that shows one second. */
    public ManualClock() {}

    @Override
    public synchronized long nanos() {
        return nanos;
    }

    /**
     * Moves the clock forward and wakes who waited for that.
     *
     * @param by how far, not negative
     */
    public void advance(Duration by) {
        long step = Settings.argument("by", by);
        long now = nanos();
        set(Duration.ofNanos(now > Long.MAX_VALUE - step ? Long.MAX_VALUE : now + step));
    }

    /**
     * Moves the clock to a time since its zero, and wakes who waited for that. Moving it back is allowed and counts
     * as no time passed.
     *
     * @param to the time it shows from now on
     */
    public void set(Duration to) {
        List<Sleeper> due = new ArrayList<>();
        synchronized (this) {
            nanos = Settings.argument("to", to);
            sleepers.removeIf(sleeper -> sleeper.until <= nanos && due.add(sleeper));
        }
        due.sort((one, other) -> Long.compare(one.until, other.until));
        due.forEach(sleeper -> sleeper.timer.complete(null));
    }

    /**
     * How many wait for this clock to move, for tests that must not move it too early.
     *
     * @return timeouts, sleeps and waits under way
     */
    public synchronized int sleepers() {
        return sleepers.size();
    }

    /** Done when so much time has passed on this clock; leaves nothing here when it is cancelled. */
    CompletableFuture<Void> timer(long wait) {
        CompletableFuture<Void> timer = new CompletableFuture<>();
        synchronized (this) {
            long until = nanos > Long.MAX_VALUE - wait ? Long.MAX_VALUE : nanos + wait;
            sleepers.add(new Sleeper(until, timer));
        }
        timer.whenComplete((nothing, thrown) -> {
            synchronized (this) {
                sleepers.removeIf(sleeper -> sleeper.timer == timer);
            }
        });
        return timer;
    }
}
