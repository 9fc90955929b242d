package dev.seawall;

import java.lang.ref.Reference;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Puts a snapshot of a dependency together. */
final class DependencyLook {
    private DependencyLook() {}

    static DependencySnapshot at(Dependency dependency) {
        NativeWall wall = Library.WALL;
        long[] words = new long[Layout.DependencySnapshot.WORDS];
        Layout.DependencySnapshot.STRUCT_BYTES.set(words, Layout.DependencySnapshot.BYTES);
        Status.check(dependency.name(), wall.dependencySnapshot(dependency.address, words));
        long now = dependency.wall.now();
        DependencySnapshot snapshot = DependencySnapshot.of(dependency, words,
                breaker(wall.dependencyBreaker(dependency.address), now),
                bulkhead(wall.dependencyBulkhead(dependency.address), now),
                budget(wall.dependencyRetryBudget(dependency.address), now),
                limits(dependency, now));
        Reference.reachabilityFence(dependency);
        return snapshot;
    }

    private static Breaker.Snapshot breaker(long breaker, long now) {
        if (breaker == 0) {
            return null;
        }
        long[] words = new long[Layout.BreakerSnapshot.WORDS];
        Layout.BreakerSnapshot.STRUCT_BYTES.set(words, Layout.BreakerSnapshot.BYTES);
        Status.check("breaker", Library.NATIVE.breakerSnapshot(breaker, now, words));
        return new Breaker.Snapshot(words);
    }

    private static Bulkhead.Snapshot bulkhead(long bulkhead, long now) {
        if (bulkhead == 0) {
            return null;
        }
        long[] words = new long[Layout.BulkheadSnapshot.WORDS];
        Layout.BulkheadSnapshot.STRUCT_BYTES.set(words, Layout.BulkheadSnapshot.BYTES);
        Status.check("bulkhead", Library.NATIVE.bulkheadSnapshot(bulkhead, now, words));
        return new Bulkhead.Snapshot(words);
    }

    private static RetryBudget.Snapshot budget(long budget, long now) {
        if (budget == 0) {
            return null;
        }
        long[] words = new long[Layout.RetryBudgetSnapshot.WORDS];
        Layout.RetryBudgetSnapshot.STRUCT_BYTES.set(words, Layout.RetryBudgetSnapshot.BYTES);
        Status.check("retry budget", Library.NATIVE.retryBudgetSnapshot(budget, now, words));
        return new RetryBudget.Snapshot(words);
    }

    private static Map<String, Limiter.Snapshot> limits(Dependency dependency, long now) {
        Map<String, Limiter.Snapshot> limits = new LinkedHashMap<>();
        List<String> names = dependency.facts().limits();
        for (int index = 0; index < names.size(); index++) {
            long limiter = Library.WALL.dependencyLimiter(dependency.address, index);
            if (limiter != 0) {
                long[] words = new long[Layout.LimiterSnapshot.WORDS];
                Layout.LimiterSnapshot.STRUCT_BYTES.set(words, Layout.LimiterSnapshot.BYTES);
                Status.check("rate limit", Library.NATIVE.limiterSnapshot(limiter, now, words));
                limits.put(names.get(index), new Limiter.Snapshot(words));
            }
        }
        return java.util.Collections.unmodifiableMap(limits);
    }
}
