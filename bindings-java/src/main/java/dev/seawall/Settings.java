package dev.seawall;

import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * The words of a configuration structure, and what the user gave for them.
 *
 * <p>Ranges are known to the library alone. What cannot even be expressed there (negative, not a number, too
 * long) is written as the largest number, which the library refuses with its range; the message then shows
 * what the user gave.
 */
final class Settings {
    /** What no setting allows. */
    private static final long IMPOSSIBLE = -1;

    private enum Unit {
        COUNT,
        DURATION,
        RATIO;

        Object of(long raw) {
            return switch (this) {
                case COUNT -> raw;
                case DURATION -> nanos(raw);
                case RATIO -> raw / 1000.0;
            };
        }
    }

    private record Given(Unit unit, Object value, boolean possible) {}

    final long[] words;
    private final Map<String, Given> given;

    Settings(int words) {
        this(new long[words], new HashMap<>());
    }

    private Settings(long[] words, Map<String, Given> given) {
        this.words = words;
        this.given = given;
    }

    Settings copy() {
        return new Settings(words.clone(), new HashMap<>(given));
    }

    boolean has(String name) {
        return given.containsKey(name);
    }

    void count(String name, Field field, long value) {
        boolean possible = value >= 0 && (field.bytes == 8 || value <= 0xFFFF_FFFFL);
        put(name, field, possible ? value : IMPOSSIBLE, new Given(Unit.COUNT, value, possible));
    }

    /** A count that goes to the library by itself. */
    void note(String name, long value) {
        given.put(name, new Given(Unit.COUNT, value, true));
    }

    void choice(Field field, int number) {
        field.set(words, number);
    }

    void duration(String name, Field field, Duration value) {
        Objects.requireNonNull(value, name);
        long nanos = nanos(value);
        put(name, field, nanos, new Given(Unit.DURATION, value, nanos != IMPOSSIBLE));
    }

    /** Thousandths. What is finer is cut off below one, but something stays something; above one it is kept above. */
    void ratio(String name, Field field, double value) {
        double thousandths = value * 1000;
        long raw = IMPOSSIBLE;
        if (thousandths >= 0 && thousandths < 1e9) {
            long whole = Math.round(thousandths);
            if (Math.abs(thousandths - whole) > 1e-6) {
                whole = (long) (value < 1 ? Math.max(1, Math.floor(thousandths)) : Math.ceil(thousandths));
            }
            raw = whole == 0 && value > 0 ? 1 : whole;
        }
        put(name, field, raw, new Given(Unit.RATIO, value, raw != IMPOSSIBLE));
    }

    private void put(String name, Field field, long raw, Given what) {
        field.set(words, raw);
        given.put(name, what);
    }

    /** Lets an answer of the library pass, or throws what it has against these settings. */
    void check(String name, int status, long[] error) {
        if (status == Status.ERROR_CONFIG) {
            String field = camel(Layout.ConfigError.FIELD.getText(error));
            Given what = given.get(field);
            Unit unit = what != null ? what.unit : Unit.COUNT;
            Object value = what != null ? what.value : unit.of(Layout.ConfigError.VALUE.get(error));
            throw new ConfigException(field, value,
                    unit.of(Layout.ConfigError.MIN.get(error)), unit.of(Layout.ConfigError.MAX.get(error)));
        }
        Status.check(name, status);
    }

    /** The library looks at no setting whose rule is off; nonsense in it is refused all the same, before it is asked. */
    void refuse(String name, Object min, Object max) {
        Given what = given.get(name);
        if (what != null && !what.possible) {
            throw new ConfigException(name, what.value, min, max);
        }
    }

    /** A length of time as the library takes it; negative and beyond 292 years give what it refuses. */
    static long nanos(Duration value) {
        try {
            return value.isNegative() ? IMPOSSIBLE : value.toNanos();
        } catch (ArithmeticException tooLong) {
            return IMPOSSIBLE;
        }
    }

    /** As {@link #nanos(Duration)}, for an argument: longer than 292 years is as good as for ever. */
    static long argument(String name, Duration value) {
        if (value.isNegative()) {
            throw new ConfigException(name, value, Duration.ZERO, nanos(Long.MAX_VALUE));
        }
        long nanos = nanos(value);
        return nanos == IMPOSSIBLE ? Long.MAX_VALUE : nanos;
    }

    /** A length of time of the library's. */
    static Duration nanos(long unsigned) {
        return Duration.ofNanos(unsigned < 0 ? Long.MAX_VALUE : unsigned);
    }

    /** open_for is openFor in Java. */
    static String camel(String snake) {
        StringBuilder camel = new StringBuilder();
        for (String part : snake.split("_")) {
            camel.append(camel.length() == 0 ? part : part.substring(0, 1).toUpperCase(Locale.ROOT) + part.substring(1));
        }
        return camel.toString();
    }
}
