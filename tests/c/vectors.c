/* Tells the stories of tests/vectors to the library through its C interface. */
#include "story.h"
#include "story_http.h"
#include "story_policy.h"

/* Things that later steps speak of by name; unnamed ones share a place that nobody asks for. */
#define THINGS 64
static struct {
    const char *name;
    seawall_permit_t permit;
    seawall_reservation_t reservation;
    seawall_withdrawal_t withdrawal;
} things[THINGS];

static int thing(const char *name) {
    int place = 0;
    while (place < THINGS - 1 && things[place].name != NULL && strcmp(things[place].name, name) != 0) {
        place++;
    }
    things[place].name = name;
    return place;
}

static SEAWALL_STORAGE(memory, SEAWALL_BULKHEAD_BYTES(SEAWALL_BULKHEAD_CAPACITY_MAX));
static seawall_config_error_t error;

struct breaker_look { seawall_breaker_snapshot_t at; uint64_t retry_after_ns; };
#define SEEN(name) NAMED(struct breaker_look, at.name, #name)
#define COUNTER(name) NAMED(struct breaker_look, at.name, "counters." #name)
static const struct field BREAKER_LOOK[] = {
    WORD(struct breaker_look, at.state, STATES), { "state", offsetof(struct breaker_look, at.state), 4, STATES },
    SEEN(generation), SEEN(streak), SEEN(probes_in_flight), FIELD(struct breaker_look, retry_after_ns),
    NAMED(struct breaker_look, at.window_calls, "window.calls"),
    NAMED(struct breaker_look, at.window_failures, "window.failures"),
    NAMED(struct breaker_look, at.window_slow, "window.slow"), COUNTER(success), COUNTER(failure), COUNTER(ignored),
    COUNTER(slow), COUNTER(refused), COUNTER(shadow_refused), COUNTER(late), COUNTER(opened), END };
#undef SEEN
#undef COUNTER
#define SETTING(name) FIELD(seawall_breaker_config_t, name)
static const struct field BREAKER_CONFIG[] = {
    SETTING(consecutive_failures), SETTING(consecutive_always), SETTING(failure_permille), SETTING(slow_permille),
    SETTING(window_calls), SETTING(min_calls), SETTING(open_backoff_permille), SETTING(open_jitter_permille),
    SETTING(probes), SETTING(min_witnesses), WORD(seawall_breaker_config_t, mode, MODES), SETTING(slow_after_ns),
    SETTING(window_ns), SETTING(open_for_ns), SETTING(open_max_ns), SETTING(probe_lease_ns), SETTING(seed), END };
#undef SETTING

static void same_transition(const struct json *step, uint32_t transition) {
    char text[32] = "none";
    if (transition != 0) {
        (void)snprintf(text, sizeof text, "%s->%s", STATES[transition & 0xFF], STATES[transition >> 8 & 0xFF]);
    }
    same_text("transition", json_text(step, "transition", text), text);
}

static seawall_breaker_t *breaker;

static seawall_status_t begin_breaker(const struct json *config) {
    seawall_breaker_config_t settings = SEAWALL_BREAKER_CONFIG_INIT;
    set(&settings, BREAKER_CONFIG, config);
    return seawall_breaker_init(memory, sizeof memory, &settings, &error, &breaker);
}

static seawall_status_t step_breaker(const struct json *step, const char *verb, uint64_t now) {
    static const char *const told[] = { "at_ns", "do", "expect", "repeat", "as", "owner", "permit", "outcome",
        "transition", NULL };
    static const char *const told_wait[] = { "at_ns", "do", "expect", "repeat", "as", "owner", "permit", "outcome",
        "transition", "retry_after_ns", NULL };
    seawall_permit_t *permit = &things[thing(json_text(step, "permit", json_text(step, "as", "")))].permit;
    uint32_t owner = (uint32_t)json_number(step, "owner", SEAWALL_OWNER_PRIVATE);
    uint32_t outcome = IS("record") || IS("call") ? number_of(OUTCOMES, json_text(step, "outcome", "")) : 0;
    uint64_t wait = (uint64_t)json_number(step, "retry_after_ns", 0);
    uint32_t transition = 0;
    seawall_status_t status = SEAWALL_OK;
    if (IS("acquire") || IS("call")) {
        status = seawall_breaker_try_acquire_as(breaker, owner, now, permit);
        transition = permit->transition;
        if (IS("call") && status == SEAWALL_OK) {
            seawall_status_t recorded = seawall_breaker_record(breaker, permit, outcome, wait, now);
            status = recorded < 0 ? recorded : SEAWALL_OK;
            transition = permit->transition != 0 ? permit->transition : transition;
        }
    } else if (IS("record")) {
        status = seawall_breaker_record(breaker, permit, outcome, wait, now);
        transition = permit->transition;
    } else if (IS("cancel")) {
        status = seawall_breaker_cancel(breaker, permit);
        transition = permit->transition;
    } else if (IS("force_open")) {
        status = seawall_breaker_force_open(breaker, &transition);
    } else if (IS("disable")) {
        status = seawall_breaker_disable(breaker, &transition);
    } else if (IS("reset")) {
        status = seawall_breaker_reset(breaker, &transition);
    } else if (IS("reclaim")) {
        status = seawall_breaker_reclaim(breaker, owner, NULL);
    } else if (!IS("look")) {
        wrong("a verb", "one of a breaker", verb);
    }
    same_transition(step, transition);
    struct breaker_look seen = { SEAWALL_SNAPSHOT_INIT(seen.at), 0 };
    seawall_status_t looked = seawall_breaker_snapshot(breaker, now, &seen.at);
    seen.retry_after_ns = IS("acquire") ? permit->retry_after_ns : seen.at.retry_after_ns;
    look(step, IS("record") || IS("call") ? told_wait : told, &seen, BREAKER_LOOK);
    return looked < 0 ? looked : status;
}

static const struct field BULKHEAD_LOOK[] = {
    NAMED(seawall_bulkhead_snapshot_t, max_concurrent, "limit"), FIELD(seawall_bulkhead_snapshot_t, in_use),
    FIELD(seawall_bulkhead_snapshot_t, waiting), FIELD(seawall_bulkhead_snapshot_t, rejected),
    FIELD(seawall_bulkhead_snapshot_t, shadow_refused), FIELD(seawall_bulkhead_snapshot_t, stale),
    FIELD(seawall_bulkhead_snapshot_t, longest_hold_ns), END };
static const struct field BULKHEAD_CONFIG[] = {
    FIELD(seawall_bulkhead_config_t, max_concurrent), FIELD(seawall_bulkhead_config_t, reserved),
    FIELD(seawall_bulkhead_config_t, max_waiting), WORD(seawall_bulkhead_config_t, mode, MODES), END };

static seawall_bulkhead_t *bulkhead;

static seawall_status_t begin_bulkhead(const struct json *config) {
    seawall_bulkhead_config_t settings = SEAWALL_BULKHEAD_CONFIG_INIT;
    set(&settings, BULKHEAD_CONFIG, config);
    uint32_t capacity = (uint32_t)json_number(config, "capacity", settings.max_concurrent);
    return seawall_bulkhead_init(memory, sizeof memory, capacity, &settings, &error, &bulkhead);
}

static seawall_status_t step_bulkhead(const struct json *step, const char *verb, uint64_t now) {
    static const char *const told[] = { "at_ns", "do", "expect", "repeat", "as", "owner", "permit", "critical",
        "max_concurrent", "reserved", NULL };
    seawall_permit_t *permit = &things[thing(json_text(step, "permit", json_text(step, "as", "")))].permit;
    uint32_t owner = (uint32_t)json_number(step, "owner", SEAWALL_OWNER_PRIVATE);
    uint32_t priority = (uint32_t)json_number(step, "critical", SEAWALL_PRIORITY_ORDINARY);
    seawall_status_t status = SEAWALL_OK;
    if (IS("acquire")) {
        status = seawall_bulkhead_try_acquire_as(bulkhead, owner, priority, now, permit);
    } else if (IS("release")) {
        /* The story releases by copies, so that the second release of a permit reaches the library's state. */
        seawall_permit_t copy = *permit;
        status = seawall_bulkhead_release(bulkhead, &copy);
    } else if (IS("resize")) {
        status = seawall_bulkhead_resize(bulkhead, (uint32_t)json_number(step, "max_concurrent", 0),
            (uint32_t)json_number(step, "reserved", 0), &error);
    } else if (IS("begin_wait")) {
        status = seawall_bulkhead_begin_wait(bulkhead);
    } else if (IS("end_wait")) {
        status = seawall_bulkhead_end_wait(bulkhead);
    } else if (IS("reclaim")) {
        status = seawall_bulkhead_reclaim(bulkhead, owner, NULL);
    } else if (!IS("look")) {
        wrong("a verb", "one of a bulkhead", verb);
    }
    seawall_bulkhead_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    seawall_status_t looked = seawall_bulkhead_snapshot(bulkhead, now, &seen);
    look(step, told, &seen, BULKHEAD_LOOK);
    return looked < 0 ? looked : status;
}

struct limiter_look { seawall_limiter_snapshot_t at; uint64_t retry_after_ns; uint64_t wait_ns; };
static const struct field LIMITER_LOOK[] = {
    NAMED(struct limiter_look, at.limit, "limit"), NAMED(struct limiter_look, at.remaining, "remaining"),
    NAMED(struct limiter_look, at.reset_ns, "reset_ns"), FIELD(struct limiter_look, retry_after_ns),
    FIELD(struct limiter_look, wait_ns), NAMED(struct limiter_look, at.allowed, "counters.allowed"),
    NAMED(struct limiter_look, at.refused, "counters.refused"),
    NAMED(struct limiter_look, at.shadow_refused, "counters.shadow_refused"), END };
static const struct field LIMITER_CONFIG[] = {
    FIELD(seawall_limiter_config_t, permits), FIELD(seawall_limiter_config_t, period_ns),
    FIELD(seawall_limiter_config_t, burst), WORD(seawall_limiter_config_t, mode, MODES), END };

static seawall_limiter_t *limiter;
static seawall_limiter_config_t limiter_settings;

static seawall_status_t begin_limiter(const struct json *config) {
    limiter_settings = (seawall_limiter_config_t)SEAWALL_LIMITER_CONFIG_INIT;
    set(&limiter_settings, LIMITER_CONFIG, config);
    return seawall_limiter_init(memory, sizeof memory, &limiter_settings, &error, &limiter);
}

static seawall_status_t step_limiter(const struct json *step, const char *verb, uint64_t now) {
    static const char *const told[] = { "at_ns", "do", "expect", "repeat", "as", "reservation", "n", "max_wait_ns",
        "permits", "period_ns", "burst", NULL };
    seawall_reservation_t *reservation =
        &things[thing(json_text(step, "reservation", json_text(step, "as", "")))].reservation;
    int64_t tokens = json_number(step, "n", 1);
    struct limiter_look seen = { SEAWALL_SNAPSHOT_INIT(seen.at), 0, 0 };
    seawall_status_t status = SEAWALL_OK;
    if (IS("acquire")) {
        status = seawall_limiter_try_acquire(limiter, (uint64_t)tokens, now, &seen.retry_after_ns);
    } else if (IS("reserve")) {
        uint64_t patience = (uint64_t)json_number(step, "max_wait_ns", 0);
        status = seawall_limiter_reserve(limiter, (uint64_t)tokens, patience, now, reservation);
        seen.wait_ns = seen.retry_after_ns = reservation->wait_ns;
    } else if (IS("cancel")) {
        status = seawall_limiter_cancel(limiter, reservation, now);
    } else if (IS("adjust")) {
        status = seawall_limiter_adjust(limiter, tokens, now);
    } else if (IS("set_rate")) {
        seawall_limiter_config_t changed = limiter_settings;
        changed.permits = (uint64_t)json_number(step, "permits", 0);
        changed.period_ns = (uint64_t)json_number(step, "period_ns", 0);
        changed.burst = (uint64_t)json_number(step, "burst", 0);
        status = seawall_limiter_reconfigure(limiter, &changed, now, &error);
    } else if (!IS("look")) {
        wrong("a verb", "one of a limiter", verb);
    }
    seawall_status_t looked = seawall_limiter_snapshot(limiter, now, &seen.at);
    if (IS("look")) {
        seen.retry_after_ns = seen.at.retry_after_ns;
    }
    look(step, told, &seen, LIMITER_LOOK);
    return looked < 0 ? looked : status;
}

#define COUNTER(name) NAMED(seawall_retry_budget_snapshot_t, name, "counters." #name)
static const struct field BUDGET_LOOK[] = {
    FIELD(seawall_retry_budget_snapshot_t, tokens_milli), FIELD(seawall_retry_budget_snapshot_t, calls_in_flight),
    FIELD(seawall_retry_budget_snapshot_t, retries_in_flight), COUNTER(deposited), COUNTER(withdrawn), COUNTER(refused),
    COUNTER(shadow_refused), END };
#undef COUNTER
#define SETTING(name) FIELD(seawall_retry_budget_config_t, name)
static const struct field BUDGET_CONFIG[] = {
    WORD(seawall_retry_budget_config_t, profile, PROFILES), SETTING(ratio_permille), SETTING(min_per_second),
    SETTING(cap),
    SETTING(max_concurrent_retries_permille),
    SETTING(min_concurrent_retries), WORD(seawall_retry_budget_config_t, mode, MODES), SETTING(window_ns), END };
#undef SETTING

static seawall_retry_budget_t *budget;

static seawall_status_t begin_retry_budget(const struct json *config) {
    seawall_retry_budget_config_t settings = SEAWALL_RETRY_BUDGET_CONFIG_INIT;
    (void)seawall_retry_budget_profile(number_of(PROFILES, json_text(config, "profile", "bucket")), &settings);
    set(&settings, BUDGET_CONFIG, config);
    uint64_t now = (uint64_t)json_number(config, "now_ns", 1);
    return seawall_retry_budget_init(memory, sizeof memory, &settings, now, &error, &budget);
}

static seawall_status_t step_retry_budget(const struct json *step, const char *verb, uint64_t now) {
    static const char *const told[] = { "at_ns", "do", "expect", "repeat", "as", "class", "outcome", "withdrawal", NULL };
    const char *name = json_text(step, "withdrawal", json_text(step, "as", NULL));
    seawall_withdrawal_t *withdrawal = &things[thing(name == NULL ? "" : name)].withdrawal;
    seawall_status_t status = SEAWALL_OK;
    if (IS("deposit")) {
        status = seawall_retry_budget_deposit(budget, now);
    } else if (IS("withdraw")) {
        uint32_t cause = number_of(CAUSES, json_text(step, "class", "failure"));
        status = seawall_retry_budget_try_withdraw(budget, cause, now, withdrawal);
    } else if (IS("record")) {
        uint32_t outcome = number_of(OUTCOMES, json_text(step, "outcome", ""));
        status = seawall_retry_budget_record(budget, outcome, name == NULL ? NULL : withdrawal);
    } else if (IS("cancel")) {
        status = seawall_retry_budget_cancel(budget, withdrawal, now);
    } else if (IS("finish")) {
        status = seawall_retry_budget_finish(budget);
    } else if (!IS("look")) {
        wrong("a verb", "one of a retry budget", verb);
    }
    seawall_retry_budget_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    seawall_status_t looked = seawall_retry_budget_snapshot(budget, now, &seen);
    look(step, told, &seen, BUDGET_LOOK);
    return looked < 0 ? looked : status;
}

static const struct field BACKOFF_CONFIG[] = {
    FIELD(seawall_backoff_config_t, base_ns), FIELD(seawall_backoff_config_t, factor_permille),
    FIELD(seawall_backoff_config_t, cap_ns), FIELD(seawall_backoff_config_t, retry_after_margin_ns),
    WORD(seawall_backoff_config_t, jitter, JITTERS), END };
static seawall_backoff_config_t backoff;

static seawall_status_t begin_backoff(const struct json *config) {
    backoff = (seawall_backoff_config_t)SEAWALL_BACKOFF_CONFIG_INIT;
    set(&backoff, BACKOFF_CONFIG, config);
    return seawall_backoff_validate(&backoff, &error);
}

static seawall_status_t step_backoff(const struct json *step, const char *verb, uint64_t now) {
    uint64_t delay = 0;
    seawall_status_t status = seawall_backoff_delay(&backoff, (uint32_t)json_number(step, "attempt", 1),
        (uint64_t)json_number(step, "previous_ns", 0), strtoull(json_text(step, "random", "0"), NULL, 10),
        (uint64_t)json_number(step, "retry_after_ns", 0), &delay);
    same_text("the verb", "delay", verb);
    same("delay_ns", json_number(step, "delay_ns", (int64_t)delay), delay);
    (void)now;
    return status;
}

static uint64_t deadline;

static seawall_status_t begin_deadline(const struct json *config) {
    (void)config;
    deadline = UINT64_MAX;
    return SEAWALL_OK;
}

static seawall_status_t step_deadline(const struct json *step, const char *verb, uint64_t now) {
    if (IS("after")) {
        deadline = seawall_deadline_after(now, (uint64_t)json_number(step, "duration_ns", 0));
    } else if (IS("nearer")) {
        deadline = seawall_deadline_nearer(deadline, (uint64_t)json_number(step, "at_other_ns", 0));
    } else if (IS("keep")) {
        deadline = seawall_deadline_keep(deadline, now, (uint32_t)json_number(step, "reserve_permille", 0));
    } else if (IS("attempt_timeout")) {
        uint64_t timeout = seawall_deadline_attempt_timeout(deadline, (uint64_t)json_number(step, "timeout_ns", 0), now);
        same("attempt_ns", json_number(step, "attempt_ns", (int64_t)timeout), timeout);
    } else if (!IS("remaining")) {
        wrong("a verb", "one of a deadline", verb);
    }
    uint64_t remaining = seawall_deadline_remaining(deadline, now);
    uint32_t expired = seawall_deadline_is_expired(deadline, now);
    same("remaining_ns", json_number(step, "remaining_ns", (int64_t)remaining), remaining);
    same("expired", json_number(step, "expired", expired), expired);
    return SEAWALL_OK;
}

static seawall_histogram_t *histogram;

static seawall_status_t begin_histogram(const struct json *config) {
    (void)config;
    return seawall_histogram_init(memory, sizeof memory, &histogram);
}

static seawall_status_t step_histogram(const struct json *step, const char *verb, uint64_t now) {
    uint64_t number = 0;
    seawall_status_t status = SEAWALL_OK;
    (void)now;
    if (IS("record")) {
        status = seawall_histogram_record(histogram, (uint64_t)json_number(step, "value_ns", 0));
    } else if (IS("quantile")) {
        status = seawall_histogram_quantile(histogram, (uint32_t)json_number(step, "ppm", 0), &number);
        same("value_ns", json_number(step, "value_ns", -1), number);
    } else if (IS("look")) {
        status = seawall_histogram_total(histogram, &number);
        same("total", json_number(step, "total", -1), number);
    } else {
        wrong("a verb", "one of a histogram", verb);
    }
    return status;
}

static const struct primitive {
    const char *name;
    seawall_status_t (*begin)(const struct json *config);
    seawall_status_t (*step)(const struct json *step, const char *verb, uint64_t now);
} PRIMITIVES[] = {
    { "breaker", begin_breaker, step_breaker }, { "bulkhead", begin_bulkhead, step_bulkhead },
    { "limiter", begin_limiter, step_limiter }, { "retry_budget", begin_retry_budget, step_retry_budget },
    { "backoff", begin_backoff, step_backoff }, { "deadline", begin_deadline, step_deadline },
    { "histogram", begin_histogram, step_histogram }, { "http", begin_http, step_http },
    { "policy", NULL, step_policy },
};

static void tell(const struct json *story, const char *of) {
    const struct primitive *primitive = PRIMITIVES;
    while (strcmp(primitive->name, of) != 0) {
        primitive++;
    }
    at.name = json_text(story, "name", "a story without a name");
    at.step = 0;
    at.is_wrong = false;
    memset(things, 0, sizeof things);
    memset(memory, 0xA5, sizeof memory); /* init must not rely on what was there */

    const struct json *refusal = json_get(story, "error");
    const bool is_policy = primitive->begin == NULL;
    seawall_status_t status = is_policy ? define_policy(story) : primitive->begin(json_get(story, "config"));
    same_text("the answer to the settings", refusal == NULL ? "ok" : "config", seawall_status_name(status));
    if (refusal != NULL && is_policy) {
        same_key(json_text(refusal, "key", "?"));
    } else if (refusal != NULL) {
        same_text("the field named", json_text(refusal, "field", ""), error.field);
    }
    const struct json *steps = json_get(story, "steps");
    for (const struct json *step = steps == NULL ? NULL : steps->child; step != NULL && !at.is_wrong; step = step->next) {
        at.step++;
        for (int64_t times = json_number(step, "repeat", 1); times > 0 && !at.is_wrong; times--) {
            status = primitive->step(step, json_text(step, "do", ""), (uint64_t)json_number(step, "at_ns", 0));
            same_text("the answer", json_text(step, "expect", "ok"), seawall_status_name(status));
        }
    }
    if (is_policy) {
        seawall_wall_close(wall);
    }
    if (at.is_wrong) {
        failed_count++;
    } else {
        passed_count++;
    }
}

static void tell_all(const char *file) {
    char path[512];
    void *bytes = NULL;
    const char *folder = getenv("SEAWALL_VECTORS");
    (void)snprintf(path, sizeof path, "%s/%s.json", folder == NULL ? "tests/vectors" : folder, file);
    const struct json *root = json_load(path, &bytes);
    if (root == NULL || json_get(root, "cases") == NULL) {
        printf("cannot read %s\n", path);
        failed_count++;
    } else {
        for (const struct json *story = json_get(root, "cases")->child; story != NULL; story = story->next) {
            tell(story, json_text(story, "primitive", json_text(root, "primitive", file)));
        }
    }
    free(bytes);
}

int main(void) {
    for (size_t index = 0; index < sizeof PRIMITIVES / sizeof PRIMITIVES[0]; index++) {
        tell_all(PRIMITIVES[index].name);
    }
    printf("vectors passed: %u\n", passed_count);
    unsigned before = passed_count;
    tell_all("owners");
    printf("stories of several owners: %u\n", passed_count - before);
    return check_end();
}
