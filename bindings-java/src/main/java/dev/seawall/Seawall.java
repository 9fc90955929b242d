package dev.seawall;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * Every dependency of a service: policies from one file or from code, and their live state.
 *
 * <pre>{@code
 * Seawall wall = Seawall.open(Path.of("seawall.toml"));
 * Dependency payments = wall.dependency("payments");
 * }</pre>
 *
 * <p>Make one for a service and keep it. Any thread may use it. Opening and reloading read files; calls do not. Closing
 * ends its use, its native memory goes when nobody can reach it or its dependencies any more.
 */
public final class Seawall implements AutoCloseable {
    private static final NativeWall NATIVE = Library.WALL;

    final Clock clock;
    final Hooks hooks = new Hooks();
    private final long address;
    private final long shift;
    private final Map<String, Dependency> dependencies = new ConcurrentHashMap<>();
    /** Held while files are read, so no monitor: virtual threads must be able to leave their carrier. */
    private final ReentrantLock changing = new ReentrantLock();
    private volatile boolean isClosed;

    private interface Opener {
        int open(long[] wall, byte[] message);
    }

    private Seawall(Clock clock, boolean isRead, Opener opener) {
        this.clock = clock;
        long[] made = new long[1];
        byte[] message = new byte[Problems.BYTES];
        Problems.check(opener.open(made, message), "wall", message);
        long wall = made[0];
        address = wall;
        Cleaner.Cleanable ignored = Library.CLEANER.register(this, () -> NATIVE.wallClose(wall));
        // State that was made from a file begins at the library's own time. Another clock goes on from there, from a
        // whole millisecond, so that what takes a millisecond on it takes one there.
        shift = isRead && clock != Clock.system()
                ? Math.floorDiv(Library.NATIVE.nowNs(), 1_000_000) * 1_000_000 + 1_000_000 - SystemClock.read(clock) : 0;
    }

    /**
     * Opens the policies of a file; {@code docs/guide/configuration.md} says what may stand in it.
     *
     * @param path the file
     * @return a wall
     * @throws ConfigException with everything that is wrong in it, one finding a line with file, line and column; nothing
     *     is half open
     */
    public static Seawall open(Path path) {
        return builder().open(path);
    }

    /**
     * Reads a text as {@link #open} reads a file.
     *
     * @param text the text
     * @return a wall
     * @throws ConfigException with everything that is wrong in it
     */
    public static Seawall parse(String text) {
        return builder().parse(text, "seawall.toml");
    }

    /**
     * An empty wall, for policies from code.
     *
     * @return a wall
     */
    public static Seawall create() {
        return builder().create();
    }

    /**
     * A wall with a clock or a seed of its own, for tests.
     *
     * @return a builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Adds a dependency whose policy is written in code, checked as one of a file is.
     *
     * @param name 1 to 64 of {@code A-Z a-z 0-9 _ . -}
     * @param policy its policy
     * @return the dependency
     * @throws ConfigException when there is one of this name, or the policy does not hold
     */
    public Dependency define(String name, Policy policy) {
        changing.lock();
        try {
            long[] made = new long[1];
            byte[] message = new byte[Problems.BYTES];
            int status = NATIVE.wallDefine(
                    open(), Problems.in("name", name), Problems.in("policy", policy.toml()), now(), made, message);
            Reference.reachabilityFence(this);
            Problems.check(status, name, message);
            Dependency dependency = new Dependency(this, name, made[0]);
            dependencies.put(name, dependency);
            return dependency;
        } finally {
            changing.unlock();
        }
    }

    /**
     * Puts another policy in force for a dependency that code defined. Its state stays.
     *
     * @param name its name
     * @param policy the policy
     * @throws UnknownDependencyException when there is none of this name
     * @throws ConfigException when the policy does not hold; the old one stays in force
     */
    public void redefine(String name, Policy policy) {
        changing.lock();
        try {
            byte[] message = new byte[Problems.BYTES];
            int status = NATIVE.wallRedefine(
                    open(), Problems.in("name", name), Problems.in("policy", policy.toml()), now(), message);
            Reference.reachabilityFence(this);
            Problems.check(status, name, message);
            dependencies.values().forEach(Dependency::forget);
        } finally {
            changing.unlock();
        }
    }

    /**
     * The dependency of this name; the same object every time.
     *
     * @param name its name
     * @return the dependency
     * @throws UnknownDependencyException when there is none; the message names the nearest one
     */
    public Dependency dependency(String name) {
        open();
        changing.lock();
        try {
            long[] found = new long[1];
            byte[] message = new byte[Problems.BYTES];
            int status = NATIVE.wallDependency(address, Problems.in("name", name), found, message);
            Reference.reachabilityFence(this);
            Problems.check(status, name, message);
            Dependency known = dependencies.get(name);
            if (known != null && known.address == found[0]) {
                return known;
            }
            Dependency dependency = new Dependency(this, name, found[0]);
            dependencies.put(name, dependency);
            return dependency;
        } finally {
            changing.unlock();
        }
    }

    /**
     * Reads the file again. State is kept, calls under way end by the policy they began with; if anything in the file is
     * wrong, nothing changes at all. Those who hold a dependency that the file has no more may go on using it.
     *
     * @throws ConfigException with everything that is wrong in it, or when this wall was not opened from a file
     */
    public void reload() {
        changing.lock();
        try {
            byte[] message = new byte[Problems.BYTES];
            int status = NATIVE.wallReload(open(), now(), message);
            Reference.reachabilityFence(this);
            if (status == Status.ERROR_ARGUMENT) {
                throw ConfigException.of("file", null, "file: " + Problems.out(message));
            }
            Problems.check(status, "wall", message);
            dependencies.values().forEach(Dependency::forget);
        } finally {
            changing.unlock();
        }
    }

    /**
     * The names of all dependencies.
     *
     * @return sorted
     */
    public List<String> names() {
        return lines(NATIVE::wallNames);
    }

    /**
     * What the check of the policies warns of.
     *
     * @return one finding each, as {@code seawall check} prints them
     */
    public List<String> findings() {
        return lines(NATIVE::wallFindings);
    }

    private interface Lines {
        long read(long wall, byte[] buffer);
    }

    private List<String> lines(Lines lines) {
        byte[] buffer = new byte[256];
        while (true) {
            long needed = lines.read(open(), buffer);
            Reference.reachabilityFence(this);
            if (needed <= buffer.length) {
                return Problems.lines(buffer);
            }
            buffer = new byte[(int) needed];
        }
    }

    /**
     * Whether this process can decide about calls. A service whose dependency is down is not down itself, so this never
     * asks one.
     *
     * @return true while this wall is open
     */
    public boolean health() {
        return !isClosed;
    }

    /**
     * A look at all dependencies, changing nothing.
     *
     * @return what they look like now, by name
     */
    public List<DependencySnapshot> snapshot() {
        List<DependencySnapshot> all = new ArrayList<>();
        // No reload takes a name away in between.
        changing.lock();
        try {
            for (String name : names()) {
                all.add(dependency(name).snapshot());
            }
        } finally {
            changing.unlock();
        }
        return List.copyOf(all);
    }

    /**
     * Tells a hook of everything that happens at any dependency from now on; see {@link Dependency#onEvent}.
     *
     * @param hook who wants to know
     * @return ends it
     */
    public Subscription onEvent(Consumer<? super Event> hook) {
        return hooks.add(hook);
    }

    /**
     * How often a hook of this wall threw something.
     *
     * @return a count that only grows
     */
    public long hookFailures() {
        return hooks.failures();
    }

    /** Ends its use: what is begun later is answered by {@link ClosedException}. Calls under way go on to their end. */
    @Override
    public void close() {
        isClosed = true;
    }

    /** The address, unless it is closed. Whoever uses it keeps {@code this} reachable until after. */
    long open() {
        if (isClosed) {
            throw new ClosedException("wall");
        }
        return address;
    }

    /** The time as the library takes it: 0 lets it read its own clock. */
    long now() {
        return clock == SystemClock.INSTANCE ? 0 : shift + SystemClock.read(clock);
    }

    /** The time of the library, whatever the clock. */
    long coreNow() {
        return clock == SystemClock.INSTANCE ? Library.NATIVE.nowNs() : shift + SystemClock.read(clock);
    }

    /** A deadline as the library takes it, whatever its clock. */
    long moment(Deadline deadline) {
        // Negative ones are further away than any clock of Java goes.
        if (deadline.at < 0) {
            return Deadline.NEVER;
        }
        if (deadline.clock == clock) {
            return deadline.at + shift;
        }
        return Deadline.after(coreNow(), Settings.argument("deadline", deadline.remaining()));
    }

    /** A moment of the library as a deadline. */
    Deadline deadline(long moment) {
        return new Deadline(moment < 0 ? Deadline.NEVER : moment - shift, clock);
    }

    /** A moment of the library as the clock shows it. */
    long clockTime(long moment) {
        return moment - shift;
    }

    /** How a wall is to be opened, where the defaults do not serve. Not for two threads at once. */
    public static final class Builder {
        private Clock clock = Clock.system();
        private Long seed;

        private Builder() {}

        /**
         * Where the time comes from.
         *
         * @param clock default {@link Clock#system}
         * @return this
         */
        public Builder clock(Clock clock) {
            this.clock = Objects.requireNonNull(clock, "clock");
            return this;
        }

        /**
         * Makes every random choice of an empty wall repeatable; a file says so itself ({@code seed = 42}).
         *
         * @param seed any number
         * @return this
         */
        public Builder seed(long seed) {
            this.seed = seed;
            return this;
        }

        /**
         * As {@link Seawall#open(Path)}.
         *
         * @param path the file
         * @return a wall
         * @throws ConfigException with everything that is wrong in it
         */
        public Seawall open(Path path) {
            byte[] file = Problems.in("path", path.toString());
            return new Seawall(clock, true, (wall, message) -> NATIVE.wallOpen(file, wall, message));
        }

        /**
         * As {@link Seawall#parse(String)}, for a text that messages call by a name.
         *
         * @param text the text
         * @param name its name
         * @return a wall
         * @throws ConfigException with everything that is wrong in it
         */
        public Seawall parse(String text, String name) {
            byte[] policies = Problems.in("text", text);
            byte[] called = Problems.in("name", name);
            return new Seawall(clock, true, (wall, message) -> NATIVE.wallParse(policies, called, wall, message));
        }

        /**
         * As {@link Seawall#create()}.
         *
         * @return a wall
         */
        public Seawall create() {
            return new Seawall(clock, false,
                    (wall, message) -> seed == null ? NATIVE.wallNew(wall) : NATIVE.wallNewSeeded(seed, wall));
        }
    }
}
