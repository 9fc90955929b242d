package dev.seawall;

import java.util.Objects;

/**
 * What all stateful objects have in common: a name, a clock, and native memory.
 *
 * <p>Closing ends the use of an object, not its memory: that goes when nobody can reach the object any more,
 * permits included. So no race between a call and a close can touch memory that is gone.
 */
abstract class Primitive implements AutoCloseable {
    static final Native NATIVE = Library.NATIVE;

    final Clock clock;
    final long address;
    private final String kind;
    private final String name;
    private volatile boolean closed;

    /** Fills fresh memory; throws what is wrong with the settings. */
    interface Initialiser {
        void init(long memory);
    }

    Primitive(String kind, String name, Clock clock, long bytes, Initialiser initialiser) {
        this.kind = kind;
        this.name = name;
        this.clock = clock;
        long memory = NATIVE.allocate(bytes);
        if (memory == 0) {
            throw new OutOfMemoryError(kind + " " + name + ": " + bytes + " bytes of native memory");
        }
        try {
            initialiser.init(memory);
        } catch (Throwable thrown) {
            NATIVE.free(memory);
            throw thrown;
        }
        address = memory;
        Library.CLEANER.register(this, () -> NATIVE.free(memory));
    }

    /**
     * The name given to the builder.
     *
     * @return the name
     */
    public final String name() {
        return name;
    }

    /** Ends the use of this object: whatever is asked of it later throws {@link SeawallException}. May be repeated. */
    @Override
    public void close() {
        closed = true;
    }

    /** The address of the object, unless it is closed. Whoever uses it keeps {@code this} reachable until after. */
    final long open() {
        if (closed) {
            throw new ClosedException(kind + " " + name);
        }
        return address;
    }

    /** The time as the library takes it: 0 lets it read the clock by itself, only if the answer needs it. */
    final long now() {
        return SystemClock.argument(clock);
    }

    @Override
    public String toString() {
        return kind + " " + name;
    }

    /** What all builders ask for. */
    static Clock clock(Clock clock) {
        return Objects.requireNonNull(clock, "clock");
    }
}
