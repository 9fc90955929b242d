package dev.seawall;

/** A wall has no dependency of this name; the message names the nearest one. Its code is {@code unknown}. */
public final class UnknownDependencyException extends SeawallException {
    private static final long serialVersionUID = 1;

    UnknownDependencyException(String message) {
        super(Status.name(Status.ERROR_UNKNOWN), message);
    }
}
