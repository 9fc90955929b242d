package dev.seawall;

/**
 * A header is empty, too long, malformed, or asks for more than a day. Its code is {@code header}. It carries no piece of
 * the value, which came from outside and may be anything.
 */
public final class HeaderException extends SeawallException {
    private static final long serialVersionUID = 1;

    /** What is wrong with a value. */
    public enum Kind {
        /** Nothing stands there. */
        EMPTY,
        /** More than 64 bytes: not read any further. */
        TOO_LONG,
        /** Not what the header's grammar allows. */
        MALFORMED,
        /** More than a day. */
        TOO_LARGE
    }

    /** The header. */
    private final String name;

    /** What is wrong. */
    private final Kind kind;

    /** How long the value was. */
    private final int length;

    /** What would have been right. */
    private final String expected;

    HeaderException(String name, Kind kind, int length, String expected) {
        super(Status.name(Status.ERROR_HEADER), name + ": " + switch (kind) {
            case EMPTY -> "is empty";
            case TOO_LONG -> length + " bytes are more than 64";
            case MALFORMED -> "is malformed";
            case TOO_LARGE -> "is more than a day";
        } + "; expected " + expected);
        this.name = name;
        this.kind = kind;
        this.length = length;
        this.expected = expected;
    }

    /**
     * Which header.
     *
     * @return its name, in small letters
     */
    public String header() {
        return name;
    }

    /**
     * What is wrong with its value.
     *
     * @return one of four kinds
     */
    public Kind kind() {
        return kind;
    }

    /**
     * How long the value was.
     *
     * @return bytes, in UTF-8
     */
    public int length() {
        return length;
    }

    /**
     * What would have been right, for people.
     *
     * @return the grammar and the range
     */
    public String expected() {
        return expected;
    }
}
