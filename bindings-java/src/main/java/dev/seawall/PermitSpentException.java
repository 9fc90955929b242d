package dev.seawall;

/** A permit, withdrawal or reservation was used a second time. Nothing has changed. */
public final class PermitSpentException extends SeawallException {
    private static final long serialVersionUID = 1;

    PermitSpentException(String message) {
        super("spent", message);
    }
}
