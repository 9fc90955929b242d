package dev.seawall;

/**
 * The functions of {@code include/seawall.h} for walls, dependencies and calls; as {@link Native}, which has those of
 * the primitives. Texts are bytes: those that go in end with a zero unless it says otherwise, those that come out are
 * cut to the array and end with one.
 */
interface NativeWall {
    // Wall: opens files, takes locks, allocates; never linked as critical.
    int wallOpen(byte[] path, long[] wall, byte[] message);
    int wallParse(byte[] text, byte[] name, long[] wall, byte[] message);
    int wallNew(long[] wall);
    int wallNewSeeded(long seed, long[] wall);
    int wallDefine(long wall, byte[] name, byte[] policy, long now, long[] dependency, byte[] message);
    int wallRedefine(long wall, byte[] name, byte[] policy, long now, byte[] message);
    int wallReload(long wall, long now, byte[] message);
    int wallDependency(long wall, byte[] name, long[] dependency, byte[] message);
    long wallNames(long wall, byte[] buffer);
    long wallFindings(long wall, byte[] buffer);
    void wallClose(long wall);

    // Call: words as Flight lays them out.
    int dependencyBegin(long dependency, long[] flight, long now);
    int callEnded(long[] flight, long now);
    int callWoke(long[] flight, long now);
    int callCancelled(long[] flight, long now);
    int callKeep(long[] flight, long[] permit);
    int callKey(long[] flight, byte[] key);

    // Dependency
    int dependencyAbout(long dependency, long[] about);
    int dependencySnapshot(long dependency, long[] snapshot);
    long dependencyBreaker(long dependency);
    long dependencyBulkhead(long dependency);
    long dependencyRetryBudget(long dependency);
    long dependencyLimiter(long dependency, int limiter);
    long dependencyLimiterName(long dependency, int limiter, byte[] buffer);
    int dependencyForceOpen(long dependency, long[] transition);
    int dependencyDisable(long dependency, long[] transition);
    int dependencyReset(long dependency, long[] transition);
    int dependencyAdjust(long dependency, int limiter, long tokens, long now);
    int dependencyRelease(long dependency, long[] permit);
    int dependencyFellBack(long dependency);
    int dependencyCameLate(long dependency);

    // Headers and HTTP: texts are UTF-8, without a zero at the end.
    int deadlineFromGrpc(byte[] text, long[] span);
    int deadlineFromMs(byte[] text, long[] span);
    long deadlineToGrpc(long span, byte[] out);
    long deadlineToMs(long span, byte[] out);
    int retryAfter(byte[] text, long unixMillis, long[] span);
    int httpClassify(int status, long[] attempt);
    int httpTrouble(int trouble, long[] attempt);
    int httpIsIdempotent(byte[] method);
}
