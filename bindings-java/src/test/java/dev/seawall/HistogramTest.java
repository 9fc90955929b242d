package dev.seawall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class HistogramTest {
    @Test
    void quantiles_are_within_three_percent() {
        Histogram histogram = new Histogram();
        assertEquals(Duration.ZERO, histogram.quantile(0.5));
        for (int millis = 1; millis <= 1000; millis++) {
            histogram.record(Duration.ofMillis(millis));
        }
        for (double share : new double[] {0.5, 0.9, 0.99, 0.999}) {
            double wanted = Math.ceil(share * 1000) * 1e6;
            assertEquals(wanted, histogram.quantile(share).toNanos(), wanted * 0.03);
        }
        assertEquals(1000, histogram.total());
    }

    @Test
    void two_are_added_and_one_is_emptied() {
        Histogram one = new Histogram();
        Histogram other = new Histogram();
        one.recordNanos(100);
        other.recordNanos(100);
        one.merge(other);
        assertEquals(2, one.total());
        assertEquals(1, other.total());
        one.reset();
        assertEquals(0, one.total());
    }

    @Test
    void nonsense_is_refused() {
        Histogram histogram = new Histogram();
        assertThrows(ConfigException.class, () -> histogram.recordNanos(-1));
        assertThrows(ConfigException.class, () -> histogram.record(Duration.ofNanos(-1)));
        assertThrows(ConfigException.class, () -> histogram.quantile(1.0001));
        assertThrows(ConfigException.class, () -> histogram.quantile(Double.NaN));
        histogram.close();
        assertEquals("closed", assertThrows(SeawallException.class, histogram::total).code());
    }

    @Test
    void threads_lose_no_count() throws Exception {
        Histogram histogram = new Histogram();
        Threads.together(8, number -> {
            for (int round = 0; round < 50_000; round++) {
                histogram.recordNanos(1000);
            }
        });
        assertEquals(400_000, histogram.total());
        assertTrue(histogram.quantile(1).toNanos() > 0);
    }
}
