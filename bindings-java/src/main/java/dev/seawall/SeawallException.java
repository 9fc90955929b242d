package dev.seawall;

/**
 * What everything thrown by this package is: a refusal ({@link RefusedException}), a setting out of range
 * ({@link ConfigException}), or misuse such as using a closed object. Exceptions of your own functions are
 * never wrapped in it.
 */
public class SeawallException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** The same word in all languages. */
    private final String code;

    SeawallException(String message) {
        this("misuse", message);
    }

    SeawallException(String message, Throwable cause) {
        super(message, cause);
        code = "misuse";
    }

    SeawallException(String code, String message) {
        super(message);
        this.code = code;
    }

    /** Without a stack trace, for what is expected and must be cheap. */
    SeawallException(String code, boolean writableStackTrace) {
        super(null, null, true, writableStackTrace);
        this.code = code;
    }

    /**
     * A short word for metrics and logs, the same in all languages: {@code breaker_open}, {@code bulkhead_full},
     * {@code rate_limited}, {@code config}, {@code spent} ...
     *
     * @return the word
     */
    public String code() {
        return code;
    }
}
