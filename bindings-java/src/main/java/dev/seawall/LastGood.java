package dev.seawall;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Good results, kept for when there are none: at most so many, and none older than so long. Those that were kept longest
 * ago go first. Any thread may use it; give it to {@link Fallback#lastGood(LastGood, Object)}. It keeps the results
 * themselves, no copies: let them be immutable.
 *
 * @param <T> what is kept
 */
public final class LastGood<T> {
    static final Object ONLY = new Object();

    private static final Duration YOUNGEST = Duration.ofMillis(1);
    private static final Duration OLDEST = Duration.ofDays(366);
    private static final int MOST = 1_000_000;

    record Entry<T>(T value, long keptNanos) {}

    private final long maxAgeNanos;
    private final int maxEntries;
    private final ReentrantLock lock = new ReentrantLock();
    private final LinkedHashMap<Object, Entry<T>> entries = new LinkedHashMap<>();

    private LastGood(Duration maxAge, int maxEntries) {
        if (maxAge.compareTo(YOUNGEST) < 0 || maxAge.compareTo(OLDEST) > 0) {
            throw new ConfigException("maxAge", maxAge, YOUNGEST, OLDEST);
        }
        if (maxEntries < 1 || maxEntries > MOST) {
            throw new ConfigException("maxEntries", (long) maxEntries, 1L, (long) MOST);
        }
        maxAgeNanos = maxAge.toNanos();
        this.maxEntries = maxEntries;
    }

    /**
     * An empty store of at most 1,000 results.
     *
     * @param maxAge the oldest result that is served: 1 ms to 366 days
     * @param <T> what is kept
     * @return a store
     * @throws ConfigException when the age is out of range
     */
    public static <T> LastGood<T> of(Duration maxAge) {
        return of(maxAge, 1000);
    }

    /**
     * An empty store.
     *
     * @param maxAge the oldest result that is served: 1 ms to 366 days
     * @param maxEntries how many keys it holds at most: 1 to 1,000,000
     * @param <T> what is kept
     * @return a store
     * @throws ConfigException when one is out of range
     */
    public static <T> LastGood<T> of(Duration maxAge, int maxEntries) {
        return new LastGood<>(maxAge, maxEntries);
    }

    /**
     * How many results it holds, too old ones included.
     *
     * @return at most {@code maxEntries}
     */
    public int size() {
        lock.lock();
        try {
            return entries.size();
        } finally {
            lock.unlock();
        }
    }

    /** Forgets everything. */
    public void clear() {
        lock.lock();
        try {
            entries.clear();
        } finally {
            lock.unlock();
        }
    }

    void keep(Object key, T value, long nowNanos) {
        lock.lock();
        try {
            // Taken out first, so that the order is that of keeping.
            entries.remove(key);
            if (entries.size() >= maxEntries) {
                entries.remove(entries.keySet().iterator().next());
            }
            entries.put(key, new Entry<>(value, nowNanos));
        } finally {
            lock.unlock();
        }
    }

    Entry<T> recall(Object key, long nowNanos) {
        lock.lock();
        try {
            Entry<T> entry = entries.get(key);
            if (entry != null && nowNanos - entry.keptNanos > maxAgeNanos) {
                entries.remove(key);
                return null;
            }
            return entry;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public String toString() {
        return "last good of " + Map.of("maxAge", Duration.ofNanos(maxAgeNanos), "maxEntries", maxEntries);
    }
}
