package dev.seawall;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/**
 * The functions of the library, linked. Static and final, so that the compiler sees through them. What is called with
 * fresh arrays all the time has an entry of its own, {@code seawall_java_*}; {@code seawall_jni.c} says why.
 */
final class Handles {
    private static final SymbolLookup LIBRARY = SymbolLookup.libraryLookup(Path.of(Foreign.library), Arena.global());
    static final Linker LINKER = Linker.nativeLinker();

    static final MethodHandle ALLOCATE = link("seawall_java_allocate", JAVA_LONG, JAVA_LONG);
    static final MethodHandle FREE = LINKER.downcallHandle(
            find("seawall_java_free"), FunctionDescriptor.ofVoid(JAVA_LONG), Linker.Option.critical(true));
    static final MethodHandle STATUS_NAME = link("seawall_status_name", ADDRESS, JAVA_INT);
    static final MethodHandle STATUS_TEXT = link("seawall_status_text", ADDRESS, JAVA_INT);
    static final MethodHandle BREAKER_BYTES = link("seawall_breaker_bytes", JAVA_LONG);
    static final MethodHandle BREAKER_INIT = link(
            "seawall_breaker_init", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS);
    static final MethodHandle BREAKER_RECONFIGURE = link(
            "seawall_breaker_reconfigure", JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
    static final MethodHandle BREAKER_TRY_ACQUIRE = link(
            "seawall_java_breaker_try_acquire", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle BREAKER_RECORD = link(
            "seawall_java_breaker_record", JAVA_INT, JAVA_LONG, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG);
    static final MethodHandle BREAKER_CANCEL = link("seawall_java_breaker_cancel", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle BREAKER_FORCE_OPEN = link("seawall_breaker_force_open", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle BREAKER_DISABLE = link("seawall_breaker_disable", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle BREAKER_RESET = link("seawall_breaker_reset", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle BREAKER_STATE = link("seawall_breaker_state", JAVA_INT, JAVA_LONG);
    static final MethodHandle BREAKER_SNAPSHOT = link(
            "seawall_breaker_snapshot", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle BULKHEAD_BYTES = link("seawall_bulkhead_bytes", JAVA_LONG, JAVA_INT);
    static final MethodHandle BULKHEAD_INIT = link(
            "seawall_bulkhead_init", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, ADDRESS, ADDRESS);
    static final MethodHandle BULKHEAD_RECONFIGURE = link(
            "seawall_bulkhead_reconfigure", JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
    static final MethodHandle BULKHEAD_TRY_ACQUIRE = link(
            "seawall_java_bulkhead_try_acquire", JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle BULKHEAD_RELEASE = link("seawall_java_bulkhead_release", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle BULKHEAD_BEGIN_WAIT = link("seawall_bulkhead_begin_wait", JAVA_INT, JAVA_LONG);
    static final MethodHandle BULKHEAD_END_WAIT = link("seawall_bulkhead_end_wait", JAVA_INT, JAVA_LONG);
    static final MethodHandle BULKHEAD_SNAPSHOT = link(
            "seawall_bulkhead_snapshot", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle LIMITER_BYTES = link("seawall_limiter_bytes", JAVA_LONG);
    static final MethodHandle LIMITER_INIT = link(
            "seawall_limiter_init", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS);
    static final MethodHandle LIMITER_RECONFIGURE = link(
            "seawall_limiter_reconfigure", JAVA_INT, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS);
    static final MethodHandle LIMITER_TRY_ACQUIRE = link(
            "seawall_java_limiter_try_acquire", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle LIMITER_RESERVE = link(
            "seawall_java_limiter_reserve", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle LIMITER_CANCEL = link(
            "seawall_java_limiter_cancel", JAVA_INT, JAVA_LONG, ADDRESS, JAVA_LONG);
    static final MethodHandle LIMITER_ADJUST = link(
            "seawall_limiter_adjust", JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    static final MethodHandle LIMITER_SNAPSHOT = link(
            "seawall_limiter_snapshot", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle RETRY_BUDGET_BYTES = link("seawall_retry_budget_bytes", JAVA_LONG);
    static final MethodHandle RETRY_BUDGET_PROFILE = link(
            "seawall_retry_budget_profile", JAVA_INT, JAVA_INT, ADDRESS);
    static final MethodHandle RETRY_BUDGET_INIT = link(
            "seawall_retry_budget_init", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS);
    static final MethodHandle RETRY_BUDGET_RECONFIGURE = link(
            "seawall_retry_budget_reconfigure", JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
    static final MethodHandle RETRY_BUDGET_DEPOSIT = link(
            "seawall_retry_budget_deposit", JAVA_INT, JAVA_LONG, JAVA_LONG);
    static final MethodHandle RETRY_BUDGET_TRY_WITHDRAW = link(
            "seawall_java_retry_budget_try_withdraw", JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle RETRY_BUDGET_RECORD = link(
            "seawall_java_retry_budget_record", JAVA_INT, JAVA_LONG, JAVA_INT, ADDRESS);
    static final MethodHandle RETRY_BUDGET_CANCEL = link(
            "seawall_java_retry_budget_cancel", JAVA_INT, JAVA_LONG, ADDRESS, JAVA_LONG);
    static final MethodHandle RETRY_BUDGET_FINISH = link("seawall_retry_budget_finish", JAVA_INT, JAVA_LONG);
    static final MethodHandle RETRY_BUDGET_SNAPSHOT = link(
            "seawall_retry_budget_snapshot", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle BACKOFF_VALIDATE = link("seawall_backoff_validate", JAVA_INT, ADDRESS, ADDRESS);
    static final MethodHandle BACKOFF_DELAY = link(
            "seawall_backoff_delay", JAVA_INT, ADDRESS, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle DEADLINE_AFTER = link("seawall_deadline_after", JAVA_LONG, JAVA_LONG, JAVA_LONG);
    static final MethodHandle DEADLINE_REMAINING = link(
            "seawall_deadline_remaining", JAVA_LONG, JAVA_LONG, JAVA_LONG);
    static final MethodHandle DEADLINE_IS_EXPIRED = link(
            "seawall_deadline_is_expired", JAVA_INT, JAVA_LONG, JAVA_LONG);
    static final MethodHandle DEADLINE_NEARER = link("seawall_deadline_nearer", JAVA_LONG, JAVA_LONG, JAVA_LONG);
    static final MethodHandle DEADLINE_KEEP = link(
            "seawall_deadline_keep", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT);
    static final MethodHandle DEADLINE_ATTEMPT_TIMEOUT = link(
            "seawall_deadline_attempt_timeout", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    static final MethodHandle HISTOGRAM_BYTES = link("seawall_histogram_bytes", JAVA_LONG);
    static final MethodHandle HISTOGRAM_INIT = link(
            "seawall_histogram_init", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle HISTOGRAM_RECORD = link("seawall_histogram_record", JAVA_INT, JAVA_LONG, JAVA_LONG);
    static final MethodHandle HISTOGRAM_QUANTILE = link(
            "seawall_histogram_quantile", JAVA_INT, JAVA_LONG, JAVA_INT, ADDRESS);
    static final MethodHandle HISTOGRAM_TOTAL = link("seawall_histogram_total", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle HISTOGRAM_MERGE = link("seawall_histogram_merge", JAVA_INT, JAVA_LONG, JAVA_LONG);
    static final MethodHandle HISTOGRAM_RESET = link("seawall_histogram_reset", JAVA_INT, JAVA_LONG);
    static final MethodHandle ABI_VERSION = link("seawall_abi_version", JAVA_INT);
    static final MethodHandle NOW_NS = link("seawall_now_ns", JAVA_LONG);
    static final MethodHandle RANDOM = link("seawall_random", JAVA_LONG);

    private Handles() {}

    static MethodHandle link(String name, MemoryLayout answer, MemoryLayout... arguments) {
        return LINKER.downcallHandle(
                find(name), FunctionDescriptor.of(answer, arguments), Linker.Option.critical(true));
    }

    static MemorySegment find(String name) {
        return LIBRARY.find(name)
                .orElseThrow(() -> new SeawallException(Foreign.library + " has no function " + name));
    }
}
