package dev.seawall;

/** A header is malformed, too long, or asks for more than a day. Its code is {@code header}. */
public final class HeaderException extends SeawallException {
    private static final long serialVersionUID = 1;

    /** The header. */
    private final String name;

    HeaderException(String name, String value) {
        super(Status.name(Status.ERROR_HEADER), name + ": " + shown(value) + " is not understood");
        this.name = name;
    }

    /** A header of a megabyte does not belong into a log. */
    private static String shown(String value) {
        return '"' + (value.length() <= 40 ? value : value.substring(0, 40) + "...") + '"';
    }

    /**
     * Which header.
     *
     * @return its name, in small letters
     */
    public String header() {
        return name;
    }
}
