package dev.seawall;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemoryLayout;
import java.lang.invoke.MethodHandle;

/**
 * The functions for walls, dependencies and calls, linked; see {@link Handles}. Those of walls may block, so they are
 * ordinary calls; the rest is critical.
 */
final class HandlesWall {
    static final MethodHandle WALL_OPEN = ordinary(
            "seawall_wall_open", JAVA_INT, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG);
    static final MethodHandle WALL_PARSE = ordinary(
            "seawall_wall_parse", JAVA_INT, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG);
    static final MethodHandle WALL_NEW = ordinary("seawall_wall_new", JAVA_INT, ADDRESS);
    static final MethodHandle WALL_NEW_SEEDED = ordinary("seawall_wall_new_seeded", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle WALL_DEFINE = ordinary(
            "seawall_wall_define", JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG);
    static final MethodHandle WALL_REDEFINE = ordinary(
            "seawall_wall_redefine", JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, ADDRESS, JAVA_LONG);
    static final MethodHandle WALL_RELOAD = ordinary(
            "seawall_wall_reload", JAVA_INT, JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG);
    static final MethodHandle WALL_DEPENDENCY = ordinary(
            "seawall_wall_dependency", JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, JAVA_LONG);
    static final MethodHandle WALL_NAMES = ordinary("seawall_wall_names", JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG);
    static final MethodHandle WALL_FINDINGS = ordinary(
            "seawall_wall_findings", JAVA_LONG, JAVA_LONG, ADDRESS, JAVA_LONG);
    static final MethodHandle WALL_CLOSE = Handles.LINKER.downcallHandle(
            Handles.find("seawall_wall_close"), FunctionDescriptor.ofVoid(JAVA_LONG));
    static final MethodHandle DEPENDENCY_BEGIN = Handles.link(
            "seawall_java_dependency_begin", JAVA_INT, JAVA_LONG, ADDRESS, JAVA_LONG);
    static final MethodHandle CALL_ENDED = Handles.link("seawall_java_call_ended", JAVA_INT, ADDRESS, JAVA_LONG);
    static final MethodHandle CALL_WOKE = Handles.link("seawall_java_call_woke", JAVA_INT, ADDRESS, JAVA_LONG);
    static final MethodHandle CALL_CANCELLED = Handles.link(
            "seawall_java_call_cancelled", JAVA_INT, ADDRESS, JAVA_LONG);
    static final MethodHandle CALL_KEEP = Handles.link("seawall_java_call_keep", JAVA_INT, ADDRESS, ADDRESS);
    static final MethodHandle CALL_KEY = Handles.link("seawall_java_call_key", JAVA_INT, ADDRESS, ADDRESS);
    static final MethodHandle DEPENDENCY_ABOUT = Handles.link(
            "seawall_dependency_about", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle DEPENDENCY_SNAPSHOT = Handles.link(
            "seawall_dependency_snapshot", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle DEPENDENCY_BREAKER = Handles.link("seawall_dependency_breaker", JAVA_LONG, JAVA_LONG);
    static final MethodHandle DEPENDENCY_BULKHEAD = Handles.link("seawall_dependency_bulkhead", JAVA_LONG, JAVA_LONG);
    static final MethodHandle DEPENDENCY_RETRY_BUDGET = Handles.link(
            "seawall_dependency_retry_budget", JAVA_LONG, JAVA_LONG);
    static final MethodHandle DEPENDENCY_LIMITER = Handles.link(
            "seawall_dependency_limiter", JAVA_LONG, JAVA_LONG, JAVA_INT);
    static final MethodHandle DEPENDENCY_LIMITER_NAME = Handles.link(
            "seawall_dependency_limiter_name", JAVA_LONG, JAVA_LONG, JAVA_INT, ADDRESS, JAVA_LONG);
    static final MethodHandle DEPENDENCY_FORCE_OPEN = Handles.link(
            "seawall_dependency_force_open", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle DEPENDENCY_DISABLE = Handles.link(
            "seawall_dependency_disable", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle DEPENDENCY_RESET = Handles.link(
            "seawall_dependency_reset", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle DEPENDENCY_ADJUST = Handles.link(
            "seawall_dependency_adjust", JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG);
    static final MethodHandle DEPENDENCY_RELEASE = Handles.link(
            "seawall_dependency_release", JAVA_INT, JAVA_LONG, ADDRESS);
    static final MethodHandle DEPENDENCY_FELL_BACK = Handles.link(
            "seawall_dependency_fell_back", JAVA_INT, JAVA_LONG);
    static final MethodHandle DEPENDENCY_CAME_LATE = Handles.link(
            "seawall_dependency_came_late", JAVA_INT, JAVA_LONG);
    static final MethodHandle DEADLINE_FROM_GRPC = Handles.link(
            "seawall_deadline_from_grpc", JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS);
    static final MethodHandle DEADLINE_FROM_MS = Handles.link(
            "seawall_deadline_from_ms", JAVA_INT, ADDRESS, JAVA_LONG, ADDRESS);
    static final MethodHandle DEADLINE_TO_GRPC = Handles.link(
            "seawall_deadline_to_grpc", JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle DEADLINE_TO_MS = Handles.link("seawall_deadline_to_ms", JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle RETRY_AFTER = Handles.link(
            "seawall_retry_after", JAVA_INT, ADDRESS, JAVA_LONG, JAVA_LONG, ADDRESS);
    static final MethodHandle HTTP_CLASSIFY = Handles.link("seawall_http_classify", JAVA_INT, JAVA_INT, ADDRESS);
    static final MethodHandle HTTP_TROUBLE = Handles.link("seawall_http_trouble", JAVA_INT, JAVA_INT, ADDRESS);
    static final MethodHandle HTTP_IS_IDEMPOTENT = Handles.link(
            "seawall_http_is_idempotent", JAVA_INT, ADDRESS, JAVA_LONG);

    private HandlesWall() {}

    private static MethodHandle ordinary(String name, MemoryLayout answer, MemoryLayout... arguments) {
        return Handles.LINKER.downcallHandle(Handles.find(name), FunctionDescriptor.of(answer, arguments));
    }
}
