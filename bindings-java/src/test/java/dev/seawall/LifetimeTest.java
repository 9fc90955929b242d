package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Memory comes and goes with objects; no order of closing, using and forgetting breaks anything. */
class LifetimeTest {
    @Test
    void a_closed_object_says_so_and_may_be_closed_again() {
        Breaker breaker = Breaker.builder("payments").build();
        Breaker.Permit permit = breaker.tryAcquire();
        Breaker.Permit other = breaker.tryAcquire();
        breaker.close();
        breaker.close();
        SeawallException closed = assertThrows(SeawallException.class, breaker::tryAcquire);
        assertEquals("breaker payments is closed", closed.getMessage());
        assertEquals("closed", closed.code());
        assertThrows(SeawallException.class, breaker::state);
        assertThrows(SeawallException.class, breaker::snapshot);
        assertThrows(SeawallException.class, breaker::forceOpen);
        assertThrows(SeawallException.class, () -> breaker.call(() -> 1));
        // What was begun before may end.
        assertTrue(permit.record(Outcome.SUCCESS));
        other.close();
        RetryBudget budget = RetryBudget.builder("payments").build();
        RetryBudget.Withdrawal withdrawal = budget.tryWithdraw();
        budget.close();
        withdrawal.record(Outcome.SUCCESS);
        assertThrows(SeawallException.class, budget::deposit);
        Limiter limiter = Limiter.builder("api").build();
        Limiter.Reservation reservation = limiter.reserve(1, java.time.Duration.ZERO);
        limiter.close();
        reservation.cancel();
        assertThrows(SeawallException.class, limiter::tryAcquire);
    }

    @Test
    void permits_outlive_the_last_reference_to_their_object() throws Exception {
        Breaker.Permit[] permits = new Breaker.Permit[1000];
        Bulkhead.Permit[] places = new Bulkhead.Permit[1000];
        for (int index = 0; index < permits.length; index++) {
            permits[index] = Breaker.builder("x").build().tryAcquire();
            places[index] = Bulkhead.builder("x").build().tryAcquire();
        }
        collect();
        for (int index = 0; index < permits.length; index++) {
            assertTrue(permits[index].record(Outcome.SUCCESS));
            assertTrue(places[index].release());
        }
    }

    @Test
    void closing_may_race_with_everything() throws Exception {
        AtomicInteger closed = new AtomicInteger();
        for (int round = 0; round < 200; round++) {
            Breaker[] breaker = {Breaker.builder("x").build()};
            Bulkhead bulkhead = Bulkhead.builder("x").maxConcurrent(1).maxWaiting(10).build();
            AtomicBoolean stop = new AtomicBoolean();
            Threads.together(3, number -> {
                if (number == 0) {
                    Thread.yield();
                    breaker[0].close();
                    bulkhead.close();
                    stop.set(true);
                    return;
                }
                Breaker mine = breaker[0];
                for (boolean last = false; !last; ) {
                    last = stop.get();
                    try {
                        mine.tryAcquire().record(Outcome.SUCCESS);
                        bulkhead.acquire(java.time.Duration.ofSeconds(10)).close();
                    } catch (RefusedException refused) {
                        throw new AssertionError(refused);
                    } catch (SeawallException gone) {
                        closed.incrementAndGet();
                    }
                }
            });
            breaker[0] = null;
        }
        assertTrue(closed.get() > 0, "a closed object was used");
    }

    @Test
    void memory_goes_with_the_objects() throws Exception {
        Path statm = Path.of("/proc/self/statm");
        Assumptions.assumeTrue(Files.exists(statm), "memory is only measured on Linux");
        churn(20_000);
        long before = resident(statm);
        for (int round = 0; round < 8; round++) {
            churn(25_000);
        }
        long grown = resident(statm) - before;
        // 200,000 breakers and histograms are about a gigabyte; what is left is one round's worth at most.
        assertTrue(grown < 300_000_000, "grew by " + grown + " bytes");
    }

    @Test
    void the_memory_of_walls_goes_with_them_and_their_dependencies() throws Exception {
        Path statm = Path.of("/proc/self/statm");
        Assumptions.assumeTrue(Files.exists(statm), "memory is only measured on Linux");
        walls(2_000);
        long before = resident(statm);
        for (int round = 0; round < 8; round++) {
            walls(3_000);
        }
        long grown = resident(statm) - before;
        // 24,000 walls with their bulkheads are some 400 MB.
        assertTrue(grown < 150_000_000, "grew by " + grown + " bytes");
    }

    private static void walls(int number) throws Exception {
        for (int made = 0; made < number; made++) {
            Dependency dependency = Seawall.parse("[dependency.a]\ntimeout = '1s'\nbulkhead = { max_concurrent = 256 }\n").dependency("a");
            assertEquals(1, dependency.call(Attempt::number));
        }
        collect();
    }

    @Test
    void a_dependency_keeps_its_wall() throws Exception {
        Dependency dependency = Seawall.parse("[dependency.a]\ntimeout = '1s'\n").dependency("a");
        DependencyPermit permit = dependency.permit();
        dependency = null;
        collect();
        permit.record(Outcome.SUCCESS);
    }

    @Test
    void closing_a_wall_may_race_with_calls() throws Exception {
        AtomicInteger closed = new AtomicInteger();
        for (int round = 0; round < 100; round++) {
            Seawall wall = Seawall.parse("[dependency.a]\ntimeout = '1s'\nbulkhead = { max_concurrent = 8 }\n");
            Dependency dependency = wall.dependency("a");
            Threads.together(3, number -> {
                if (number == 0) {
                    Thread.yield();
                    wall.close();
                    return;
                }
                while (true) {
                    try {
                        dependency.call(Attempt::number);
                    } catch (ClosedException gone) {
                        closed.incrementAndGet();
                        return;
                    }
                }
            });
        }
        assertEquals(200, closed.get());
    }

    private static void churn(int objects) throws Exception {
        for (int number = 0; number < objects; number++) {
            Breaker breaker = Breaker.builder("x").build();
            breaker.tryAcquire().record(Outcome.SUCCESS);
            new Histogram().recordNanos(number);
        }
        collect();
    }

    /** Runs the collector until an object made now is gone, and with it those made before. */
    private static void collect() throws Exception {
        AtomicBoolean gone = new AtomicBoolean();
        Library.CLEANER.register(new Object(), () -> gone.set(true));
        for (int times = 0; times < 100 && !gone.get(); times++) {
            System.gc();
            Thread.sleep(5);
        }
        assertTrue(gone.get());
    }

    private static long resident(Path statm) throws IOException {
        return Long.parseLong(Files.readString(statm).split(" ")[1]) * 4096;
    }
}
