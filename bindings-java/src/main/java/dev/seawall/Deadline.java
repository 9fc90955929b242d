package dev.seawall;

import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.BiConsumer;
import java.util.function.UnaryOperator;

/**
 * Deadline: the time left for a whole call, however many attempts it takes.
 *
 * <pre>{@code
 * Deadline deadline = Deadline.after(Duration.ofSeconds(5));
 * Duration timeout = deadline.attemptTimeout(Duration.ofSeconds(2));   // what is left, two seconds at most
 * }</pre>
 *
 * <p>A value: share it freely between threads.
 */
public final class Deadline {
    /** As a number: no deadline. */
    static final long NEVER = -1;

    private static final Native NATIVE = Library.NATIVE;

    final long at;
    final Clock clock;

    Deadline(long at, Clock clock) {
        this.at = at;
        this.clock = clock;
    }

    /**
     * So long from now, on the system's clock.
     *
     * @param span not negative; beyond 292 years it means never
     * @return the deadline
     */
    public static Deadline after(Duration span) {
        return after(span, Clock.system());
    }

    /**
     * So long from now.
     *
     * @param span not negative; beyond 292 years it means never
     * @param clock where the time comes from
     * @return the deadline
     */
    public static Deadline after(Duration span, Clock clock) {
        long nanos = Settings.argument("span", span);
        return new Deadline(NATIVE.deadlineAfter(SystemClock.read(clock), nanos), clock);
    }

    /**
     * At a time of a clock.
     *
     * @param nanos the time, as {@link Clock#nanos} has it
     * @param clock the clock
     * @return the deadline
     */
    public static Deadline at(long nanos, Clock clock) {
        if (nanos < 0) {
            throw new ConfigException("nanos", nanos, 0L, Long.MAX_VALUE);
        }
        return new Deadline(nanos, Objects.requireNonNull(clock, "clock"));
    }

    /**
     * What is left.
     *
     * @return the time, zero once expired
     */
    public Duration remaining() {
        return Settings.nanos(NATIVE.deadlineRemaining(at, SystemClock.read(clock)));
    }

    /**
     * Whether it has come: true from the moment itself on.
     *
     * @return whether there is no time left
     */
    public boolean isExpired() {
        return NATIVE.deadlineIsExpired(at, SystemClock.read(clock)) != 0;
    }

    /**
     * Goes on only while there is time left.
     *
     * @throws DeadlineExceededException when there is none
     */
    public void check() {
        if (isExpired()) {
            throw Status.exception("deadline", Status.REFUSED_DEADLINE_EXCEEDED, 0);
        }
    }

    /**
     * The nearer of two deadlines of one clock.
     *
     * @param other another one
     * @return the nearer
     */
    public Deadline nearer(Deadline other) {
        if (other.clock != clock) {
            throw new SeawallException("two deadlines of different clocks cannot be compared");
        }
        return new Deadline(NATIVE.deadlineNearer(at, other.at), clock);
    }

    /**
     * An earlier deadline for the work below, so that the caller keeps a share of what is left.
     *
     * @param reserve the share kept, 0.0 to 1.0, to a thousandth
     * @return the deadline for the work below
     */
    public Deadline keep(double reserve) {
        if (!(reserve >= 0 && reserve <= 1)) {
            throw new ConfigException("reserve", reserve, 0.0, 1.0);
        }
        return new Deadline(NATIVE.deadlineKeep(at, SystemClock.read(clock), (int) Math.round(reserve * 1000)), clock);
    }

    /**
     * The time one attempt may take.
     *
     * @param timeout the longest
     * @return that, or what is left if that is less
     */
    public Duration attemptTimeout(Duration timeout) {
        long nanos = Settings.argument("timeout", timeout);
        return Settings.nanos(NATIVE.deadlineAttemptTimeout(at, nanos, SystemClock.read(clock)));
    }

    /**
     * The deadline in force on this thread: that of the attempt or of {@link #call} around this code. Calls to
     * dependencies inherit it.
     *
     * @return the deadline, or nothing
     */
    public static Optional<Deadline> current() {
        return Optional.ofNullable(Ambient.current());
    }

    /**
     * Does work with this deadline in force, or the one that is, if that is nearer.
     *
     * @param work the work
     * @param <T> its result
     * @param <X> what it throws; the compiler finds out
     * @return its result
     * @throws X what the work throws
     */
    public <T, X extends Exception> T call(Call<T, X> work) throws X {
        Deadline before = Ambient.enter(inForce());
        try {
            return work.call();
        } finally {
            Ambient.leave(before);
        }
    }

    /**
     * As {@link #call}, for work without a result.
     *
     * @param work the work
     * @param <X> what it throws; the compiler finds out
     * @throws X what the work throws
     */
    public <X extends Exception> void run(Run<X> work) throws X {
        this.<Void, X>call(() -> {
            work.run();
            return null;
        });
    }

    private Deadline inForce() {
        Deadline outer = Ambient.current();
        if (outer == null) {
            return this;
        }
        if (outer.clock == clock) {
            return nearer(outer);
        }
        return outer.remaining().compareTo(remaining()) < 0 ? outer : this;
    }

    /**
     * The same work with the deadline that is in force here in force there: threads do not inherit it.
     *
     * @param work what another thread will do
     * @return work to give to an executor
     */
    public static Runnable wrap(Runnable work) {
        Deadline mine = Ambient.current();
        Objects.requireNonNull(work, "work");
        return mine == null ? work : () -> mine.run(work::run);
    }

    /**
     * The same work with the deadline that is in force here in force there: threads do not inherit it.
     *
     * @param work what another thread will do
     * @param <T> its result
     * @return work to give to an executor
     */
    public static <T> Callable<T> wrap(Callable<T> work) {
        Deadline mine = Ambient.current();
        Objects.requireNonNull(work, "work");
        return mine == null ? work : () -> mine.call(work::call);
    }

    /**
     * Reads the time that a caller of this service has left, from {@code x-request-timeout-ms} and {@code grpc-timeout}:
     * the nearer one where there are both.
     *
     * <pre>{@code
     * Deadline.extract(request::getHeader).ifPresentOrElse(deadline -> deadline.run(() -> serve(request)), ...);
     * }</pre>
     *
     * @param header gives the value of a header of this name, or null
     * @return the deadline, or nothing when there is no such header
     * @throws HeaderException when it is malformed or absurd
     */
    public static Optional<Deadline> extract(UnaryOperator<String> header) {
        return DeadlineHeaders.extract(header, Clock.system());
    }

    /**
     * As {@link #extract(UnaryOperator)}, from a map; capitals and small letters are the same.
     *
     * @param headers values by name
     * @return the deadline, or nothing when there is no such header
     * @throws HeaderException when it is malformed or absurd
     */
    public static Optional<Deadline> extract(Map<String, String> headers) {
        return DeadlineHeaders.extract(headers, Clock.system());
    }

    /**
     * Tells a service below what is left of this deadline, in {@code x-request-timeout-ms} and {@code grpc-timeout}.
     * Says nothing when it never comes.
     *
     * @param header takes name and value
     */
    public void inject(BiConsumer<String, String> header) {
        DeadlineHeaders.inject(at == NEVER ? NEVER : NATIVE.deadlineRemaining(at, SystemClock.read(clock)), header);
    }

    /**
     * As {@link #inject(BiConsumer)}, into a map.
     *
     * @param headers gets two entries
     */
    public void inject(Map<? super String, ? super String> headers) {
        inject((BiConsumer<String, String>) headers::put);
    }

    /** The nearer of two moments. */
    static long nearer(long one, long other) {
        return Long.compareUnsigned(one, other) < 0 ? one : other;
    }

    /** Whether a moment has come. */
    static boolean isOver(long moment, long nowNanos) {
        return Long.compareUnsigned(nowNanos, moment) >= 0;
    }

    /** A moment after another one; never comes when that is too far away. */
    static long after(long nowNanos, long span) {
        long sum = nowNanos + span;
        return Long.compareUnsigned(sum, nowNanos) < 0 ? NEVER : sum;
    }

    @Override
    public String toString() {
        return "deadline in " + remaining();
    }
}
