package dev.seawall;

/** Walls, dependencies and calls by JNI. Its other half is {@code src/main/c/seawall_jni_wall.c}. */
final class JniWall implements NativeWall {
    @Override
    public native int wallOpen(byte[] path, long[] wall, byte[] message);

    @Override
    public native int wallParse(byte[] text, byte[] name, long[] wall, byte[] message);

    @Override
    public native int wallNew(long[] wall);

    @Override
    public native int wallNewSeeded(long seed, long[] wall);

    @Override
    public native int wallDefine(long wall, byte[] name, byte[] policy, long now, long[] dependency, byte[] message);

    @Override
    public native int wallRedefine(long wall, byte[] name, byte[] policy, long now, byte[] message);

    @Override
    public native int wallReload(long wall, long now, byte[] message);

    @Override
    public native int wallDependency(long wall, byte[] name, long[] dependency, byte[] message);

    @Override
    public native long wallNames(long wall, byte[] buffer);

    @Override
    public native long wallFindings(long wall, byte[] buffer);

    @Override
    public native void wallClose(long wall);

    @Override
    public native int dependencyBegin(long dependency, long[] flight, long now);

    @Override
    public native int callEnded(long[] flight, long now);

    @Override
    public native int callWoke(long[] flight, long now);

    @Override
    public native int callCancelled(long[] flight, long now);

    @Override
    public native int callKeep(long[] flight, long[] permit);

    @Override
    public native int callKey(long[] flight, byte[] key);

    @Override
    public native int dependencyAbout(long dependency, long[] about);

    @Override
    public native int dependencySnapshot(long dependency, long[] snapshot);

    @Override
    public native long dependencyBreaker(long dependency);

    @Override
    public native long dependencyBulkhead(long dependency);

    @Override
    public native long dependencyRetryBudget(long dependency);

    @Override
    public native long dependencyLimiter(long dependency, int limiter);

    @Override
    public native long dependencyLimiterName(long dependency, int limiter, byte[] buffer);

    @Override
    public native int dependencyForceOpen(long dependency, long[] transition);

    @Override
    public native int dependencyDisable(long dependency, long[] transition);

    @Override
    public native int dependencyReset(long dependency, long[] transition);

    @Override
    public native int dependencyAdjust(long dependency, int limiter, long tokens, long now);

    @Override
    public native int dependencyRelease(long dependency, long[] permit);

    @Override
    public native int dependencyFellBack(long dependency);

    @Override
    public native int dependencyCameLate(long dependency);

    @Override
    public native int deadlineFromGrpc(byte[] text, long[] span);

    @Override
    public native int deadlineFromMs(byte[] text, long[] span);

    @Override
    public native long deadlineToGrpc(long span, byte[] out);

    @Override
    public native long deadlineToMs(long span, byte[] out);

    @Override
    public native int retryAfter(byte[] text, long unixMillis, long[] span);

    @Override
    public native int httpClassify(int status, long[] attempt);

    @Override
    public native int httpTrouble(int trouble, long[] attempt);

    @Override
    public native int httpIsIdempotent(byte[] method);
}
