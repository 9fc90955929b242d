package dev.seawall;

import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** A table that will be read by the library: keys and values as they stand in a file, in the order they were given. */
final class Toml {
    private final Map<String, String> values;

    Toml() {
        this(new LinkedHashMap<>());
    }

    private Toml(Map<String, String> values) {
        this.values = values;
    }

    void word(String key, Enum<?> value) {
        text(key, Objects.requireNonNull(value, key).name().toLowerCase(java.util.Locale.ROOT));
    }

    void text(String key, String value) {
        values.put(key, quoted(Objects.requireNonNull(value, key)));
    }

    void texts(String key, List<String> texts) {
        values.put(key, "[" + String.join(", ", texts.stream().map(Toml::quoted).toList()) + "]");
    }

    /** To the nanosecond, whatever its sign and size: the library knows what it refuses. */
    void duration(String key, Duration value) {
        BigInteger nanos = BigInteger.valueOf(Objects.requireNonNull(value, key).getSeconds())
                .multiply(BigInteger.valueOf(1_000_000_000)).add(BigInteger.valueOf(value.getNano()));
        text(key, nanos + "ns");
    }

    void number(String key, long value) {
        values.put(key, Long.toString(value));
    }

    void number(String key, double value) {
        values.put(key, Double.isNaN(value) ? "nan" : Double.isInfinite(value) ? (value < 0 ? "-inf" : "inf")
                : Double.toString(value));
    }

    void flag(String key, boolean value) {
        values.put(key, Boolean.toString(value));
    }

    void table(String key, Toml table) {
        values.put(key, table.inline());
    }

    void tables(String key, List<Toml> tables) {
        List<String> all = new ArrayList<>();
        tables.forEach(table -> all.add(table.inline()));
        values.put(key, all.size() == 1 ? all.get(0) : "[" + String.join(", ", all) + "]");
    }

    private String inline() {
        List<String> pairs = new ArrayList<>();
        values.forEach((key, value) -> pairs.add(key + " = " + value));
        return pairs.isEmpty() ? "{}" : "{ " + String.join(", ", pairs) + " }";
    }

    /** The lines of a table of a file. */
    String lines() {
        StringBuilder lines = new StringBuilder();
        values.forEach((key, value) -> lines.append(key).append(" = ").append(value).append('\n'));
        return lines.toString();
    }

    /** A basic string of TOML. */
    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (int index = 0; index < text.length(); index++) {
            char each = text.charAt(index);
            if (each == '"' || each == '\\') {
                quoted.append('\\').append(each);
            } else if (each < 0x20 || each == 0x7F) {
                quoted.append(String.format("\\u%04X", (int) each));
            } else {
                quoted.append(each);
            }
        }
        return quoted.append('"').toString();
    }
}
