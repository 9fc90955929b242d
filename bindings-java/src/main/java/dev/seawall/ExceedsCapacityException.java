package dev.seawall;

/** More tokens at once than the bucket can ever hold: waiting would not help. */
public final class ExceedsCapacityException extends SeawallException {
    private static final long serialVersionUID = 1;

    ExceedsCapacityException(String message) {
        super("exceeds_capacity", message);
    }
}
