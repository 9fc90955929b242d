package dev.seawall;

import java.time.Duration;

/**
 * A setting or an argument is outside its range. Nothing has changed.
 *
 * <p>Values are in the unit of the setting: {@link Duration}, {@link Double} for ratios and factors,
 * {@link Long} for counts.
 */
public final class ConfigException extends SeawallException {
    private static final long serialVersionUID = 1;

    /** Which setting. */
    private final String field;
    private final transient Object value;
    private final transient Object min;
    private final transient Object max;

    ConfigException(String field, Object value, Object min, Object max) {
        super("config", field + ": " + value + " is outside " + min + ".." + max);
        this.field = field;
        this.value = value;
        this.min = min;
        this.max = max;
    }

    private ConfigException(String field, Object value, String message) {
        super("config", message);
        this.field = field;
        this.value = value;
        min = null;
        max = null;
    }

    /** One with words of its own. */
    static ConfigException of(String field, Object value, String message) {
        return new ConfigException(field, value, message);
    }

    /** What is wrong with policies, one finding a line; the field is the key of the first one. */
    static ConfigException of(String problems) {
        return new ConfigException(Problems.key(problems), null, problems);
    }

    /** Checks a name that a builder was given. */
    static String name(String name) {
        if (name == null || name.isBlank()) {
            throw new ConfigException("name", name, "name: " + (name == null ? "null" : "\"" + name + "\"")
                    + " is no name, at least one character is needed");
        }
        return name;
    }

    /**
     * Which setting: the name of the builder's method; for policies the path of the key in a file,
     * {@code retry.attempts}. With several findings, of the first one.
     *
     * @return the name, null where a finding is about no single setting
     */
    public String field() {
        return field;
    }

    /**
     * What was given.
     *
     * @return the value, null after deserialisation
     */
    public Object value() {
        return value;
    }

    /**
     * The smallest value allowed.
     *
     * @return the bound, null where there is none
     */
    public Object min() {
        return min;
    }

    /**
     * The largest value allowed.
     *
     * @return the bound, null where there is none
     */
    public Object max() {
        return max;
    }
}
