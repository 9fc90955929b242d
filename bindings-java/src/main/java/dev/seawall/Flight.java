package dev.seawall;

import java.lang.ref.Reference;
import java.time.Duration;
import java.util.UUID;

/**
 * A call under way: its state, its events and its place in the queue. The library decides what comes next; whoever
 * drives the call does it. One thread at a time, the key excepted.
 *
 * <p>All of it lies in one array, laid out as {@code flight_t} of {@code seawall_jni_wall.c}: the state, the answer to
 * the last event, the options, the attempt, the time of the last event, the deadline.
 */
final class Flight {
    static final int RUN = 1;
    static final int SLEEP = 2;
    static final int WAIT = 3;
    static final int FINISH = 4;

    static final int SUCCESS = 0;
    static final int FAILURE = 1;
    static final int IGNORED = 2;
    static final int REFUSED = 3;

    static final int ACTION = Layout.Call.WORDS;
    static final int OPTIONS = ACTION + Layout.Action.WORDS;
    static final int ATTEMPT = OPTIONS + Layout.CallOptions.WORDS;
    static final int NOW = ATTEMPT + Layout.Attempt.WORDS;
    static final int DEADLINE = NOW + 1;
    static final int WORDS = DEADLINE + 1;

    private static final Field KIND = Layout.Action.KIND.after(ACTION);
    private static final Field ATTEMPTS = Layout.Action.ATTEMPT.after(ACTION);
    private static final Field SPAN = Layout.Action.SPAN_NS.after(ACTION);
    private static final Field REFUSED_FOR = Layout.Action.RETRY_AFTER_NS.after(ACTION);
    private static final Field STATUS = Layout.Action.STATUS.after(ACTION);
    private static final Field END = Layout.Action.END.after(ACTION);
    private static final Field STOP = Layout.Action.STOP.after(ACTION);
    private static final Field MAY_FALL_BACK = Layout.Action.MAY_FALL_BACK.after(ACTION);
    private static final Field FREED = Layout.Action.FREED.after(ACTION);
    private static final Field TRANSITION = Layout.Action.TRANSITION.after(ACTION);
    private static final Field IS_LATE = Layout.Action.IS_LATE.after(ACTION);
    private static final Field LIMITER = Layout.Action.LIMITER.after(ACTION);

    private static final Field OPTIONS_BYTES = Layout.CallOptions.STRUCT_BYTES.after(OPTIONS);
    private static final Field CRITICAL = Layout.CallOptions.CRITICAL.after(OPTIONS);
    private static final Field IDEMPOTENT = Layout.CallOptions.IDEMPOTENT.after(OPTIONS);
    private static final Field ASKED_DEADLINE = Layout.CallOptions.DEADLINE_NS.after(OPTIONS);
    private static final int KEY = OPTIONS + Layout.CallOptions.KEY.offset / 8;

    private static final Field ATTEMPT_BYTES = Layout.Attempt.STRUCT_BYTES.after(ATTEMPT);
    static final Field OUTCOME = Layout.Attempt.OUTCOME.after(ATTEMPT);
    static final Field IS_RETRYABLE = Layout.Attempt.IS_RETRYABLE.after(ATTEMPT);
    static final Field WAS_NOT_SENT = Layout.Attempt.WAS_NOT_SENT.after(ATTEMPT);
    static final Field CAUSE = Layout.Attempt.CAUSE.after(ATTEMPT);
    static final Field RETRY_AFTER = Layout.Attempt.RETRY_AFTER_NS.after(ATTEMPT);
    static final Field RANDOM = Layout.Attempt.RANDOM.after(ATTEMPT);

    /** A call that has not begun and asks for nothing special. */
    private static final long[] FRESH = fresh();

    private static final NativeWall NATIVE = Library.WALL;

    final Dependency dependency;
    final CallOptions options;
    final long[] words = FRESH.clone();
    private long startedNanos;
    private PlaceQueue.Place place;
    private int attempts;
    private String key;

    private static long[] fresh() {
        long[] words = new long[WORDS];
        OPTIONS_BYTES.set(words, Layout.CallOptions.BYTES);
        ASKED_DEADLINE.set(words, Deadline.NEVER);
        for (int limit = 0; limit < 4; limit++) {
            cost(limit).set(words, 1);
        }
        ATTEMPT_BYTES.set(words, Layout.Attempt.BYTES);
        return words;
    }

    private static Field cost(int limit) {
        return Field.u32(Layout.CallOptions.COSTS.offset + 4 * limit).after(OPTIONS);
    }

    Flight(Dependency dependency, CallOptions options) {
        this.dependency = dependency;
        this.options = options;
        if (options != CallOptions.DEFAULT) {
            ask();
        }
    }

    private void ask() {
        CRITICAL.set(words, choice(options.critical));
        IDEMPOTENT.set(words, choice(options.idempotent));
        if (!options.costs.isEmpty()) {
            options.costs.forEach((limit, tokens) -> cost(dependency.limit(limit)).set(words, tokens));
        }
        if (options.key != null) {
            words[KEY] = options.key.getMostSignificantBits();
            words[KEY + 1] = options.key.getLeastSignificantBits();
        }
    }

    private static int choice(Boolean asked) {
        return asked == null ? 0 : asked ? 1 : 2;
    }

    /** Begins under the deadline in force here. Throws when the call cannot mean anything; nothing is held then. */
    Flight begin() {
        Seawall wall = dependency.wall;
        wall.open();
        Deadline inForce = Ambient.current();
        if (inForce != null || options.deadline != null || options.within != null) {
            long nearest = inForce == null ? Deadline.NEVER : wall.moment(inForce);
            if (options.deadline != null) {
                nearest = Deadline.nearer(nearest, wall.moment(options.deadline));
            }
            if (options.within != null) {
                nearest = Deadline.nearer(nearest, Deadline.after(wall.coreNow(), Settings.argument("deadline", options.within)));
            }
            ASKED_DEADLINE.set(words, nearest);
        }
        int status = NATIVE.dependencyBegin(dependency.address, words, wall.now());
        Reference.reachabilityFence(dependency);
        if (status < 0) {
            throw Status.exception(dependency.name(), status, 0);
        }
        startedNanos = words[NOW];
        publish(null, null);
        return this;
    }

    /** An attempt ended. */
    void ended(Verdict verdict, Throwable thrown) {
        verdict.write(words);
        check(NATIVE.callEnded(words, dependency.wall.now()));
        publish(verdict, thrown);
    }

    /** The time of the last wait is over, or a place may have come free. */
    void woke() {
        check(NATIVE.callWoke(words, dependency.wall.now()));
        publish(null, null);
    }

    /** The caller gives up, at any moment; nothing is held any more. */
    void cancelled() {
        check(NATIVE.callCancelled(words, dependency.wall.now()));
        publish(null, null);
    }

    /** Takes the place of the bulkhead out of the call, for work that goes on; null when it holds none. */
    Kept keep() {
        long[] permit = new long[Layout.Permit.WORDS];
        int status = NATIVE.callKeep(words, permit);
        Reference.reachabilityFence(dependency);
        return status == Status.OK ? new Kept(dependency, permit, attempts) : null;
    }

    private void check(int status) {
        Reference.reachabilityFence(dependency);
        Status.check(dependency.name(), status);
    }

    private void publish(Verdict verdict, Throwable thrown) {
        int kind = kind();
        if (kind == RUN) {
            attempts = ATTEMPTS.getInt(words);
        }
        if (place != null && kind != WAIT) {
            PlaceQueue.Place left = place;
            place = null;
            dependency.queue.leave(left);
        } else if (FREED.get(words) != 0) {
            dependency.queue.wakeFirst();
        }
        if (TRANSITION.get(words) != 0) {
            dependency.changed(TRANSITION.getInt(words), words[NOW]);
        }
        if (IS_LATE.get(words) != 0) {
            dependency.late(words[NOW], attempts, verdict == null ? null : verdict.outcome());
        }
        if (kind == FINISH && end() == REFUSED) {
            dependency.refused(words[NOW], status(), refusedForNanos(), LIMITER.getInt(words));
        } else if (kind == SLEEP && verdict != null && verdict.outcome() == Outcome.FAILURE) {
            dependency.retries(words[NOW], attempts, span(), thrown);
        }
    }

    /** What to do next: {@link #RUN}, {@link #SLEEP}, {@link #WAIT} or {@link #FINISH}. */
    int kind() {
        return KIND.getInt(words);
    }

    /** How long the attempt may take, to sleep, or to wait at most. */
    long span() {
        return SPAN.get(words);
    }

    /** The time of the last event. */
    long now() {
        return words[NOW];
    }

    /** Attempts made, the one under way included. */
    int attempts() {
        return attempts;
    }

    int end() {
        return END.getInt(words);
    }

    Stop stop() {
        return Stop.of(STOP.getInt(words));
    }

    boolean mayFallBack() {
        return MAY_FALL_BACK.get(words) != 0;
    }

    int limiter() {
        return LIMITER.getInt(words);
    }

    int status() {
        return STATUS.getInt(words);
    }

    long refusedForNanos() {
        return REFUSED_FOR.get(words);
    }

    boolean freed() {
        return FREED.get(words) != 0;
    }

    boolean isLate() {
        return IS_LATE.get(words) != 0;
    }

    int transition() {
        return TRANSITION.getInt(words);
    }

    /** The refusal that the call ended with. */
    SeawallException refusal() {
        return Status.exception(dependency.name(), status(), refusedForNanos());
    }

    /** How long it took from its begin to its last event. */
    Duration duration() {
        return Duration.ofNanos(Math.max(0, words[NOW] - startedNanos));
    }

    /** The attempt that the last action asked to run. */
    Attempt attempt() {
        if (dependency.facts().sendsKey()) {
            drawKey();
        }
        long ends = Deadline.nearer(words[DEADLINE], Deadline.after(words[NOW], span()));
        return new Attempt(this, attempts, span(), dependency.wall.deadline(ends));
    }

    /** The deadline of the call; {@link Deadline#NEVER}. */
    long deadline() {
        return words[DEADLINE];
    }

    /** The place in the queue, taken at its end if there is none yet. */
    PlaceQueue.Place place() {
        if (place == null) {
            boolean isCritical = options.critical != null
                    ? options.critical : dependency.facts().criticality() == Criticality.CRITICAL;
            place = dependency.queue.join(isCritical);
        }
        return place;
    }

    boolean isFirst() {
        return place != null && dependency.queue.isFirst(place);
    }

    /** The idempotency key. Any thread may ask, also when the call is over. */
    synchronized String key() {
        if (key == null) {
            Native random = Library.NATIVE;
            long high = random.random() & ~0xF000L | 0x4000L;
            key = options.key != null ? options.key.toString()
                    : new UUID(high, random.random() & ~(3L << 62) | 2L << 62).toString();
        }
        return key;
    }

    /** Has the library draw the key, repeatably if the wall is, while no attempt can do so on another thread. */
    private synchronized void drawKey() {
        if (key == null) {
            byte[] text = new byte[37];
            check(NATIVE.callKey(words, text));
            key = Problems.out(text);
        }
    }

    /** A place of the bulkhead whose work outlives its call. */
    static final class Kept {
        private final Dependency dependency;
        private final long[] permit;
        private final int attempt;

        private Kept(Dependency dependency, long[] permit, int attempt) {
            this.dependency = dependency;
            this.permit = permit;
            this.attempt = attempt;
        }

        /** The work has ended, after its call. */
        void release(Outcome outcome) {
            giveBack();
            dependency.cameLate(attempt, outcome);
        }

        int giveBack() {
            int status = NATIVE.dependencyRelease(dependency.address, permit);
            Reference.reachabilityFence(dependency);
            dependency.queue.wakeFirst();
            return status;
        }
    }
}
