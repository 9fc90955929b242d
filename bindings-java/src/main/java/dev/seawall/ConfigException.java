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

    /** Checks a name that a builder was given. */
    static String name(String name) {
        if (name == null || name.isBlank()) {
            throw new ConfigException("name", name, "name: " + (name == null ? "null" : "\"" + name + "\"")
                    + " is no name, at least one character is needed");
        }
        return name;
    }

    /**
     * Which setting: the name of the builder's method.
     *
     * @return the name
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
