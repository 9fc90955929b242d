package dev.seawall;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/** Walls, dependencies and calls by java.lang.foreign; see {@link Foreign}. */
final class ForeignWall implements NativeWall {
    ForeignWall() {
        // Links everything now, so that a wrong library is told at the start and not in the first call.
        Objects.requireNonNull(HandlesWall.WALL_OPEN);
    }

    /** Heap arrays cannot be passed to a function that may block: a copy, and its content back. */
    private static MemorySegment in(Arena arena, byte[] bytes) {
        return arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
    }

    private static void out(MemorySegment from, byte[] bytes) {
        MemorySegment.copy(from, ValueLayout.JAVA_BYTE, 0, bytes, 0, bytes.length);
    }

    private static void out(MemorySegment from, long[] words) {
        MemorySegment.copy(from, ValueLayout.JAVA_LONG, 0, words, 0, words.length);
    }

    @Override
    public int wallOpen(byte[] path, long[] wall, byte[] message) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment pathCopy = in(arena, path);
            MemorySegment wallCopy = arena.allocate(ValueLayout.JAVA_LONG, wall.length);
            MemorySegment messageCopy = arena.allocate(message.length);
            int answer = (int) HandlesWall.WALL_OPEN.invokeExact(
                    pathCopy, wallCopy, messageCopy, (long) message.length);
            out(wallCopy, wall);
            out(messageCopy, message);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int wallParse(byte[] text, byte[] name, long[] wall, byte[] message) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment textCopy = in(arena, text);
            MemorySegment nameCopy = in(arena, name);
            MemorySegment wallCopy = arena.allocate(ValueLayout.JAVA_LONG, wall.length);
            MemorySegment messageCopy = arena.allocate(message.length);
            int answer = (int) HandlesWall.WALL_PARSE.invokeExact(
                    textCopy, nameCopy, wallCopy, messageCopy, (long) message.length);
            out(wallCopy, wall);
            out(messageCopy, message);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int wallNew(long[] wall) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment wallCopy = arena.allocate(ValueLayout.JAVA_LONG, wall.length);
            int answer = (int) HandlesWall.WALL_NEW.invokeExact(wallCopy);
            out(wallCopy, wall);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int wallNewSeeded(long seed, long[] wall) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment wallCopy = arena.allocate(ValueLayout.JAVA_LONG, wall.length);
            int answer = (int) HandlesWall.WALL_NEW_SEEDED.invokeExact(seed, wallCopy);
            out(wallCopy, wall);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int wallDefine(long wall, byte[] name, byte[] policy, long now, long[] dependency, byte[] message) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment nameCopy = in(arena, name);
            MemorySegment policyCopy = in(arena, policy);
            MemorySegment dependencyCopy = arena.allocate(ValueLayout.JAVA_LONG, dependency.length);
            MemorySegment messageCopy = arena.allocate(message.length);
            int answer = (int) HandlesWall.WALL_DEFINE.invokeExact(
                    wall, nameCopy, policyCopy, now, dependencyCopy, messageCopy, (long) message.length);
            out(dependencyCopy, dependency);
            out(messageCopy, message);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int wallRedefine(long wall, byte[] name, byte[] policy, long now, byte[] message) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment nameCopy = in(arena, name);
            MemorySegment policyCopy = in(arena, policy);
            MemorySegment messageCopy = arena.allocate(message.length);
            int answer = (int) HandlesWall.WALL_REDEFINE.invokeExact(
                    wall, nameCopy, policyCopy, now, messageCopy, (long) message.length);
            out(messageCopy, message);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int wallReload(long wall, long now, byte[] message) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment messageCopy = arena.allocate(message.length);
            int answer = (int) HandlesWall.WALL_RELOAD.invokeExact(wall, now, messageCopy, (long) message.length);
            out(messageCopy, message);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int wallDependency(long wall, byte[] name, long[] dependency, byte[] message) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment nameCopy = in(arena, name);
            MemorySegment dependencyCopy = arena.allocate(ValueLayout.JAVA_LONG, dependency.length);
            MemorySegment messageCopy = arena.allocate(message.length);
            int answer = (int) HandlesWall.WALL_DEPENDENCY.invokeExact(
                    wall, nameCopy, dependencyCopy, messageCopy, (long) message.length);
            out(dependencyCopy, dependency);
            out(messageCopy, message);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public long wallNames(long wall, byte[] buffer) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bufferCopy = arena.allocate(buffer.length);
            long answer = (long) HandlesWall.WALL_NAMES.invokeExact(wall, bufferCopy, (long) buffer.length);
            out(bufferCopy, buffer);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public long wallFindings(long wall, byte[] buffer) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bufferCopy = arena.allocate(buffer.length);
            long answer = (long) HandlesWall.WALL_FINDINGS.invokeExact(wall, bufferCopy, (long) buffer.length);
            out(bufferCopy, buffer);
            return answer;
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public void wallClose(long wall) {
        try {
            HandlesWall.WALL_CLOSE.invokeExact(wall);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencyBegin(long dependency, long[] flight, long now) {
        try {
            return (int) HandlesWall.DEPENDENCY_BEGIN.invokeExact(dependency, MemorySegment.ofArray(flight), now);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int callEnded(long[] flight, long now) {
        try {
            return (int) HandlesWall.CALL_ENDED.invokeExact(MemorySegment.ofArray(flight), now);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int callWoke(long[] flight, long now) {
        try {
            return (int) HandlesWall.CALL_WOKE.invokeExact(MemorySegment.ofArray(flight), now);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int callCancelled(long[] flight, long now) {
        try {
            return (int) HandlesWall.CALL_CANCELLED.invokeExact(MemorySegment.ofArray(flight), now);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int callKeep(long[] flight, long[] permit) {
        try {
            return (int) HandlesWall.CALL_KEEP.invokeExact(
                    MemorySegment.ofArray(flight), MemorySegment.ofArray(permit));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int callKey(long[] flight, byte[] key) {
        try {
            return (int) HandlesWall.CALL_KEY.invokeExact(MemorySegment.ofArray(flight), MemorySegment.ofArray(key));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencyAbout(long dependency, long[] about) {
        try {
            return (int) HandlesWall.DEPENDENCY_ABOUT.invokeExact(dependency, MemorySegment.ofArray(about));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencySnapshot(long dependency, long[] snapshot) {
        try {
            return (int) HandlesWall.DEPENDENCY_SNAPSHOT.invokeExact(dependency, MemorySegment.ofArray(snapshot));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public long dependencyBreaker(long dependency) {
        try {
            return (long) HandlesWall.DEPENDENCY_BREAKER.invokeExact(dependency);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public long dependencyBulkhead(long dependency) {
        try {
            return (long) HandlesWall.DEPENDENCY_BULKHEAD.invokeExact(dependency);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public long dependencyRetryBudget(long dependency) {
        try {
            return (long) HandlesWall.DEPENDENCY_RETRY_BUDGET.invokeExact(dependency);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public long dependencyLimiter(long dependency, int limiter) {
        try {
            return (long) HandlesWall.DEPENDENCY_LIMITER.invokeExact(dependency, limiter);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public long dependencyLimiterName(long dependency, int limiter, byte[] buffer) {
        try {
            return (long) HandlesWall.DEPENDENCY_LIMITER_NAME.invokeExact(
                    dependency, limiter, MemorySegment.ofArray(buffer), (long) buffer.length);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencyForceOpen(long dependency, long[] transition) {
        try {
            return (int) HandlesWall.DEPENDENCY_FORCE_OPEN.invokeExact(dependency, MemorySegment.ofArray(transition));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencyDisable(long dependency, long[] transition) {
        try {
            return (int) HandlesWall.DEPENDENCY_DISABLE.invokeExact(dependency, MemorySegment.ofArray(transition));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencyReset(long dependency, long[] transition) {
        try {
            return (int) HandlesWall.DEPENDENCY_RESET.invokeExact(dependency, MemorySegment.ofArray(transition));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencyAdjust(long dependency, int limiter, long tokens, long now) {
        try {
            return (int) HandlesWall.DEPENDENCY_ADJUST.invokeExact(dependency, limiter, tokens, now);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencyRelease(long dependency, long[] permit) {
        try {
            return (int) HandlesWall.DEPENDENCY_RELEASE.invokeExact(dependency, MemorySegment.ofArray(permit));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencyFellBack(long dependency) {
        try {
            return (int) HandlesWall.DEPENDENCY_FELL_BACK.invokeExact(dependency);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int dependencyCameLate(long dependency) {
        try {
            return (int) HandlesWall.DEPENDENCY_CAME_LATE.invokeExact(dependency);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int deadlineFromGrpc(byte[] text, long[] span) {
        try {
            return (int) HandlesWall.DEADLINE_FROM_GRPC.invokeExact(
                    MemorySegment.ofArray(text), (long) text.length, MemorySegment.ofArray(span));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int deadlineFromMs(byte[] text, long[] span) {
        try {
            return (int) HandlesWall.DEADLINE_FROM_MS.invokeExact(
                    MemorySegment.ofArray(text), (long) text.length, MemorySegment.ofArray(span));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public long deadlineToGrpc(long span, byte[] out) {
        try {
            return (long) HandlesWall.DEADLINE_TO_GRPC.invokeExact(span, MemorySegment.ofArray(out));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public long deadlineToMs(long span, byte[] out) {
        try {
            return (long) HandlesWall.DEADLINE_TO_MS.invokeExact(span, MemorySegment.ofArray(out));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int retryAfter(byte[] text, long unixMillis, long[] span) {
        try {
            return (int) HandlesWall.RETRY_AFTER.invokeExact(
                    MemorySegment.ofArray(text), (long) text.length, unixMillis, MemorySegment.ofArray(span));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int httpClassify(int status, long[] attempt) {
        try {
            return (int) HandlesWall.HTTP_CLASSIFY.invokeExact(status, MemorySegment.ofArray(attempt));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int httpTrouble(int trouble, long[] attempt) {
        try {
            return (int) HandlesWall.HTTP_TROUBLE.invokeExact(trouble, MemorySegment.ofArray(attempt));
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }

    @Override
    public int httpIsIdempotent(byte[] method) {
        try {
            return (int) HandlesWall.HTTP_IS_IDEMPOTENT.invokeExact(
                    MemorySegment.ofArray(method), (long) method.length);
        } catch (Throwable thrown) {
            throw Foreign.broken(thrown);
        }
    }
}
