package dev.seawall;

/**
 * The structures of {@code include/seawall.h}: sizes, and where each field lies. A test holds every number equal
 * to {@code include/seawall.abi.json}.
 */
final class Layout {
    /** What {@code seawall_abi_version} answers for the library that this file describes. */
    static final int ABI_VERSION = 1;

    private Layout() {}

    static final class Action {
        static final int BYTES = 56;
        static final int WORDS = 7;
        static final Field KIND = Field.u32(0);
        static final Field ATTEMPT = Field.u32(4);
        static final Field SPAN_NS = Field.u64(8);
        static final Field RETRY_AFTER_NS = Field.u64(16);
        static final Field STATUS = Field.u32(24);
        static final Field END = Field.u32(28);
        static final Field STOP = Field.u32(32);
        static final Field MAY_FALL_BACK = Field.u32(36);
        static final Field FREED = Field.u32(40);
        static final Field TRANSITION = Field.u32(44);
        static final Field IS_LATE = Field.u32(48);
        static final Field LIMITER = Field.u32(52);

        private Action() {}
    }

    static final class Attempt {
        static final int BYTES = 40;
        static final int WORDS = 5;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field OUTCOME = Field.u32(4);
        static final Field IS_RETRYABLE = Field.u32(8);
        static final Field WAS_NOT_SENT = Field.u32(12);
        static final Field CAUSE = Field.u32(16);
        static final Field UNUSED = Field.u32(20);
        static final Field RETRY_AFTER_NS = Field.u64(24);
        static final Field RANDOM = Field.u64(32);

        private Attempt() {}
    }

    static final class BackoffConfig {
        static final int BYTES = 40;
        static final int WORDS = 5;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field JITTER = Field.u32(4);
        static final Field FACTOR_PERMILLE = Field.u32(8);
        static final Field UNUSED = Field.u32(12);
        static final Field BASE_NS = Field.u64(16);
        static final Field CAP_NS = Field.u64(24);
        static final Field RETRY_AFTER_MARGIN_NS = Field.u64(32);

        private BackoffConfig() {}
    }

    static final class BreakerConfig {
        static final int BYTES = 96;
        static final int WORDS = 12;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field CONSECUTIVE_FAILURES = Field.u32(4);
        static final Field CONSECUTIVE_ALWAYS = Field.u32(8);
        static final Field FAILURE_PERMILLE = Field.u32(12);
        static final Field SLOW_PERMILLE = Field.u32(16);
        static final Field WINDOW_CALLS = Field.u32(20);
        static final Field MIN_CALLS = Field.u32(24);
        static final Field OPEN_BACKOFF_PERMILLE = Field.u32(28);
        static final Field OPEN_JITTER_PERMILLE = Field.u32(32);
        static final Field PROBES = Field.u32(36);
        static final Field MIN_WITNESSES = Field.u32(40);
        static final Field MODE = Field.u32(44);
        static final Field SLOW_AFTER_NS = Field.u64(48);
        static final Field WINDOW_NS = Field.u64(56);
        static final Field OPEN_FOR_NS = Field.u64(64);
        static final Field OPEN_MAX_NS = Field.u64(72);
        static final Field PROBE_LEASE_NS = Field.u64(80);
        static final Field SEED = Field.u64(88);

        private BreakerConfig() {}
    }

    static final class BreakerSnapshot {
        static final int BYTES = 120;
        static final int WORDS = 15;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field STATE = Field.u32(4);
        static final Field GENERATION = Field.u32(8);
        static final Field PROBES_IN_FLIGHT = Field.u32(12);
        static final Field STREAK = Field.u64(16);
        static final Field WINDOW_CALLS = Field.u64(24);
        static final Field WINDOW_FAILURES = Field.u64(32);
        static final Field WINDOW_SLOW = Field.u64(40);
        static final Field RETRY_AFTER_NS = Field.u64(48);
        static final Field SUCCESS = Field.u64(56);
        static final Field FAILURE = Field.u64(64);
        static final Field IGNORED = Field.u64(72);
        static final Field SLOW = Field.u64(80);
        static final Field REFUSED = Field.u64(88);
        static final Field SHADOW_REFUSED = Field.u64(96);
        static final Field LATE = Field.u64(104);
        static final Field OPENED = Field.u64(112);

        private BreakerSnapshot() {}
    }

    static final class BulkheadConfig {
        static final int BYTES = 20;
        static final int WORDS = 3;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field MAX_CONCURRENT = Field.u32(4);
        static final Field RESERVED = Field.u32(8);
        static final Field MAX_WAITING = Field.u32(12);
        static final Field MODE = Field.u32(16);

        private BulkheadConfig() {}
    }

    static final class BulkheadSnapshot {
        static final int BYTES = 56;
        static final int WORDS = 7;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field MAX_CONCURRENT = Field.u32(4);
        static final Field RESERVED = Field.u32(8);
        static final Field IN_USE = Field.u32(12);
        static final Field WAITING = Field.u32(16);
        static final Field CAPACITY = Field.u32(20);
        static final Field REJECTED = Field.u64(24);
        static final Field SHADOW_REFUSED = Field.u64(32);
        static final Field STALE = Field.u64(40);
        static final Field LONGEST_HOLD_NS = Field.u64(48);

        private BulkheadSnapshot() {}
    }

    static final class Call {
        static final int BYTES = 256;
        static final int WORDS = 32;
        static final Field OPAQUE = Field.bytes(0, 256);

        private Call() {}
    }

    static final class CallOptions {
        static final int BYTES = 56;
        static final int WORDS = 7;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field CRITICAL = Field.u32(4);
        static final Field IDEMPOTENT = Field.u32(8);
        static final Field UNUSED = Field.u32(12);
        static final Field DEADLINE_NS = Field.u64(16);
        static final Field COSTS = Field.bytes(24, 16);
        static final Field KEY = Field.bytes(40, 16);

        private CallOptions() {}
    }

    static final class ConfigError {
        static final int BYTES = 56;
        static final int WORDS = 7;
        static final Field FIELD = Field.text(0, 32);
        static final Field VALUE = Field.u64(32);
        static final Field MIN = Field.u64(40);
        static final Field MAX = Field.u64(48);

        private ConfigError() {}
    }

    static final class DependencyAbout {
        static final int BYTES = 64;
        static final int WORDS = 8;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field CRITICALITY = Field.u32(4);
        static final Field FALLBACK = Field.u32(8);
        static final Field ATTEMPTS = Field.u32(12);
        static final Field LIMITERS = Field.u32(16);
        static final Field MAX_CONCURRENT = Field.u32(20);
        static final Field SENDS_KEY = Field.u32(24);
        static final Field IDEMPOTENT = Field.u32(28);
        static final Field TIMEOUT_NS = Field.u64(32);
        static final Field CONNECT_TIMEOUT_NS = Field.u64(40);
        static final Field DEADLINE_NS = Field.u64(48);
        static final Field MAX_WAIT_NS = Field.u64(56);

        private DependencyAbout() {}
    }

    static final class DependencySnapshot {
        static final int BYTES = 176;
        static final int WORDS = 22;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field UNUSED = Field.u32(4);
        static final Field CALLS = Field.u64(8);
        static final Field SUCCESSES = Field.u64(16);
        static final Field FAILURES = Field.u64(24);
        static final Field IGNORED = Field.u64(32);
        static final Field CANCELLED = Field.u64(40);
        static final Field REFUSED = Field.u64(48);
        static final Field REFUSED_BY_BREAKER = Field.u64(56);
        static final Field REFUSED_BY_BULKHEAD = Field.u64(64);
        static final Field REFUSED_BY_RATE_LIMIT = Field.u64(72);
        static final Field REFUSED_BY_DEADLINE = Field.u64(80);
        static final Field RETRIES = Field.u64(88);
        static final Field TIMEOUTS = Field.u64(96);
        static final Field STOPPED_RETRIES = Field.u64(104);
        static final Field STOPPED_BY_BUDGET = Field.u64(112);
        static final Field STOPPED_BY_BREAKER = Field.u64(120);
        static final Field STOPPED_BY_DEADLINE = Field.u64(128);
        static final Field FALLBACKS = Field.u64(136);
        static final Field LATE = Field.u64(144);
        static final Field P50_NS = Field.u64(152);
        static final Field P90_NS = Field.u64(160);
        static final Field P99_NS = Field.u64(168);

        private DependencySnapshot() {}
    }

    static final class Gates {
        static final int BYTES = 72;
        static final int WORDS = 9;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field OWNER = Field.u32(4);
        static final Field BREAKER = Field.u64(8);
        static final Field BULKHEAD = Field.u64(16);
        static final Field LIMITERS = Field.bytes(24, 32);
        static final Field RETRY_BUDGET = Field.u64(56);
        static final Field LATENCY = Field.u64(64);

        private Gates() {}
    }

    static final class LimiterConfig {
        static final int BYTES = 32;
        static final int WORDS = 4;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field MODE = Field.u32(4);
        static final Field PERMITS = Field.u64(8);
        static final Field PERIOD_NS = Field.u64(16);
        static final Field BURST = Field.u64(24);

        private LimiterConfig() {}
    }

    static final class LimiterSnapshot {
        static final int BYTES = 64;
        static final int WORDS = 8;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field UNUSED = Field.u32(4);
        static final Field LIMIT = Field.u64(8);
        static final Field REMAINING = Field.u64(16);
        static final Field RESET_NS = Field.u64(24);
        static final Field RETRY_AFTER_NS = Field.u64(32);
        static final Field ALLOWED = Field.u64(40);
        static final Field REFUSED = Field.u64(48);
        static final Field SHADOW_REFUSED = Field.u64(56);

        private LimiterSnapshot() {}
    }

    static final class Permit {
        static final int BYTES = 40;
        static final int WORDS = 5;
        static final Field TOKEN = Field.u64(0);
        static final Field STARTED_NS = Field.u64(8);
        static final Field OBJECT = Field.u64(16);
        static final Field RETRY_AFTER_NS = Field.u64(24);
        static final Field OWNER = Field.u32(32);
        static final Field TRANSITION = Field.u32(36);

        private Permit() {}
    }

    static final class PolicyConfig {
        static final int BYTES = 80;
        static final int WORDS = 10;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field ATTEMPTS = Field.u32(4);
        static final Field TIMEOUT_NS = Field.u64(8);
        static final Field DEADLINE_NS = Field.u64(16);
        static final Field USEFUL_NS = Field.u64(24);
        static final Field MAX_WAIT_NS = Field.u64(32);
        static final Field MAX_RATE_WAIT_NS = Field.u64(40);
        static final Field BACKOFF = Field.u64(48);
        static final Field RESERVE_PERMILLE = Field.u32(56);
        static final Field IDEMPOTENT = Field.u32(60);
        static final Field CRITICAL = Field.u32(64);
        static final Field MAY_FALL_BACK = Field.u32(68);
        static final Field BREAKER_SCOPE = Field.u32(72);
        static final Field BULKHEAD_SCOPE = Field.u32(76);

        private PolicyConfig() {}
    }

    static final class Reservation {
        static final int BYTES = 24;
        static final int WORDS = 3;
        static final Field TOKEN = Field.u64(0);
        static final Field OBJECT = Field.u64(8);
        static final Field WAIT_NS = Field.u64(16);

        private Reservation() {}
    }

    static final class RetryBudgetConfig {
        static final int BYTES = 40;
        static final int WORDS = 5;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field PROFILE = Field.u32(4);
        static final Field RATIO_PERMILLE = Field.u32(8);
        static final Field MIN_PER_SECOND = Field.u32(12);
        static final Field CAP = Field.u32(16);
        static final Field MAX_CONCURRENT_RETRIES_PERMILLE = Field.u32(20);
        static final Field MIN_CONCURRENT_RETRIES = Field.u32(24);
        static final Field MODE = Field.u32(28);
        static final Field WINDOW_NS = Field.u64(32);

        private RetryBudgetConfig() {}
    }

    static final class RetryBudgetSnapshot {
        static final int BYTES = 64;
        static final int WORDS = 8;
        static final Field STRUCT_BYTES = Field.u32(0);
        static final Field CALLS_IN_FLIGHT = Field.u32(4);
        static final Field RETRIES_IN_FLIGHT = Field.u32(8);
        static final Field UNUSED = Field.u32(12);
        static final Field TOKENS_MILLI = Field.u64(16);
        static final Field CAP_MILLI = Field.u64(24);
        static final Field DEPOSITED = Field.u64(32);
        static final Field WITHDRAWN = Field.u64(40);
        static final Field REFUSED = Field.u64(48);
        static final Field SHADOW_REFUSED = Field.u64(56);

        private RetryBudgetSnapshot() {}
    }

    static final class Withdrawal {
        static final int BYTES = 24;
        static final int WORDS = 3;
        static final Field TOKEN = Field.u64(0);
        static final Field OBJECT = Field.u64(8);
        static final Field RETRY_AFTER_NS = Field.u64(16);

        private Withdrawal() {}
    }
}
