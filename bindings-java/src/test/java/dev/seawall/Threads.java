package dev.seawall;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicReference;

/** Threads for tests: they start together, and what one of them throws fails the test. */
final class Threads {
    interface Work {
        void run(int number) throws Exception;
    }

    private Threads() {}

    static void together(int count, Work work) throws Exception {
        AtomicReference<Throwable> failed = new AtomicReference<>();
        CyclicBarrier start = new CyclicBarrier(count);
        List<Thread> threads = new ArrayList<>();
        for (int number = 0; number < count; number++) {
            int mine = number;
            threads.add(new Thread(() -> {
                try {
                    start.await();
                    work.run(mine);
                } catch (Throwable thrown) {
                    failed.compareAndSet(null, thrown);
                    threads.forEach(Thread::interrupt);
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join(60_000);
            if (thread.isAlive()) {
                throw new AssertionError("a thread hangs: " + List.of(thread.getStackTrace()));
            }
        }
        if (failed.get() != null) {
            throw new AssertionError(failed.get());
        }
    }

    /** Waits until something is seen, for what another thread does in its own time. */
    static void until(java.util.function.BooleanSupplier seen) throws InterruptedException {
        long start = System.nanoTime();
        while (!seen.getAsBoolean()) {
            if (System.nanoTime() - start > 20_000_000_000L) {
                throw new AssertionError("not seen in twenty seconds");
            }
            Thread.onSpinWait();
            if (Thread.interrupted()) {
                throw new InterruptedException();
            }
        }
    }
}
