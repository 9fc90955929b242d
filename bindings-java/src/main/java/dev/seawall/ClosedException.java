package dev.seawall;

/** The object that was asked is closed. Its code is {@code closed}. */
public final class ClosedException extends SeawallException {
    private static final long serialVersionUID = 1;

    ClosedException(String what) {
        super("closed", what + " is closed");
    }
}
