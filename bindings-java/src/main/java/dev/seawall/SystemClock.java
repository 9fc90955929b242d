package dev.seawall;

/** The clock of the library itself. */
final class SystemClock implements Clock {
    static final SystemClock INSTANCE = new SystemClock();

    private SystemClock() {}

    @Override
    public long nanos() {
        return Library.NATIVE.nowNs();
    }
}
