package dev.seawall;

import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Who waits for a place of a dependency's bulkhead, first come first served; critical calls, which may take reserved
 * places, have a queue of their own. The library decides whether there is a place; here is only who asks next.
 */
final class PlaceQueue {
    /** The first in the queue looks again after so long: other processes may give places back. */
    static final long TICK_NANOS = 10_000_000;

    /** One who waits. */
    static final class Place {
        final boolean critical;
        private volatile Runnable wake;

        private Place(boolean critical) {
            this.critical = critical;
        }

        /** Set before each look, so that who frees a place after it wakes us. */
        void onWake(Runnable wake) {
            this.wake = wake;
        }
    }

    private final ReentrantLock lock = new ReentrantLock();
    private final LinkedHashSet<Place> ordinary = new LinkedHashSet<>();
    private final LinkedHashSet<Place> critical = new LinkedHashSet<>();
    private volatile int length;

    Place join(boolean isCritical) {
        Place place = new Place(isCritical);
        lock.lock();
        try {
            queue(place).add(place);
            length++;
        } finally {
            lock.unlock();
        }
        return place;
    }

    private LinkedHashSet<Place> queue(Place place) {
        return place.critical ? critical : ordinary;
    }

    boolean isFirst(Place place) {
        lock.lock();
        try {
            Iterator<Place> first = queue(place).iterator();
            return first.hasNext() && first.next() == place;
        } finally {
            lock.unlock();
        }
    }

    /** Leaves without a trace, and hands a wake-up that may have been meant for this one to the next. */
    void leave(Place place) {
        lock.lock();
        try {
            if (queue(place).remove(place)) {
                length--;
            }
        } finally {
            lock.unlock();
        }
        wakeFirst();
    }

    /** Tells those who are first that a place may have come free. Costs one read when nobody waits. */
    void wakeFirst() {
        if (length == 0) {
            return;
        }
        Place one;
        Place other;
        lock.lock();
        try {
            one = critical.isEmpty() ? null : critical.iterator().next();
            other = ordinary.isEmpty() ? null : ordinary.iterator().next();
        } finally {
            lock.unlock();
        }
        wake(one);
        wake(other);
    }

    /** Outside the lock: it may run anything. */
    private static void wake(Place place) {
        Runnable wake = place == null ? null : place.wake;
        if (wake != null) {
            wake.run();
        }
    }

    int length() {
        return length;
    }
}
