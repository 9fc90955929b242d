/* Stories of whole calls: the engine's events, at the times of the story, under a policy from code. */
#ifndef SEAWALL_TESTS_STORY_POLICY_H
#define SEAWALL_TESTS_STORY_POLICY_H

#include "story.h"
#include "toml.h"

static const char *const ENDS[] = { "success", "failure", "ignored", "refused", NULL };
static const char *const STOPS[] = { "done", "cancelled", "refused", "attempts_used", "not_retryable", "breaker_open",
    "bulkhead_full", "budget_exhausted", "rate_limited", "deadline_too_near", NULL };
static const char *const KINDS[] = { "nothing", "run", "sleep", "wait", "finish", NULL };

/* The wall of a story, its one dependency, and the calls and places that steps speak of by name. */
static seawall_wall_t *wall;
static const seawall_dependency_t *subject;
static char message[4096];
#define NAMES 2048
static struct { const char *name; seawall_call_t call; } calls[NAMES];
static struct { const char *name; seawall_permit_t permit; } places[NAMES];

static seawall_call_t *call_of(const char *name) {
    int place = 0;
    while (place < NAMES - 1 && calls[place].name != NULL && strcmp(calls[place].name, name) != 0) {
        place++;
    }
    calls[place].name = name;
    return &calls[place].call;
}

static seawall_permit_t *place_of(const char *name) {
    int place = 0;
    while (place < NAMES - 1 && places[place].name != NULL && strcmp(places[place].name, name) != 0) {
        place++;
    }
    places[place].name = name;
    return &places[place].permit;
}

/* Whether the message says what is wrong with this key, by its path within the table. */
static void same_key(const char *key) {
    char said[160];
    (void)snprintf(said, sizeof said, "%s: ", key);
    if (strstr(message, said) == NULL) {
        wrong("the key that the message names", key, message);
    }
}

static seawall_status_t define_policy(const struct json *story) {
    struct toml_text policy;
    memset(calls, 0, sizeof calls);
    memset(places, 0, sizeof places);
    memset(message, 0, sizeof message);
    toml_of_policy(&policy, json_get(story, "policy"));
    seawall_status_t status = seawall_wall_new_seeded(1, &wall);
    return status != SEAWALL_OK ? status
                                : seawall_wall_define(wall, "subject", policy.bytes, 1, &subject, message, sizeof message);
}

static void same_action(const struct json *step, const seawall_action_t *action) {
    const struct json *wanted = json_get(step, KINDS[action->kind]);
    if (wanted == NULL) {
        wrong("the action", "another one", KINDS[action->kind]);
        return;
    }
    if (action->kind == SEAWALL_ACTION_RUN) {
        same("attempt", json_number(wanted, "attempt", action->attempt), action->attempt);
        same("timeout_ns", json_number(wanted, "timeout_ns", (int64_t)action->span_ns), action->span_ns);
    } else if (action->kind != SEAWALL_ACTION_FINISH) {
        same("span_ns", json_number(wanted, "span_ns", (int64_t)action->span_ns), action->span_ns);
    } else {
        same_text("end", json_text(wanted, "end", ""), ENDS[action->end]);
        same_text("stop", json_text(wanted, "stop", ""), STOPS[action->stop]);
        same("attempts", json_number(wanted, "attempts", -1), action->attempt);
        same_text("status", json_text(wanted, "status", seawall_status_name(action->status)),
            seawall_status_name(action->status));
        same("retry_after_ns", json_number(wanted, "retry_after_ns", (int64_t)action->retry_after_ns),
            action->retry_after_ns);
        same("may_fall_back", json_number(wanted, "may_fall_back", action->may_fall_back), action->may_fall_back);
        same("limiter", json_number(wanted, "limiter", action->limiter), action->limiter);
    }
    char transition[32] = "none";
    if (action->transition != 0) {
        (void)snprintf(transition, sizeof transition, "%s->%s", STATES[action->transition & 0xFF],
            STATES[action->transition >> 8 & 0xFF]);
    }
    same_text("transition", json_text(step, "transition", transition), transition);
    same("freed", json_number(step, "freed", action->freed), action->freed);
    same("late", json_number(step, "late", action->is_late), action->is_late);
}

static void same_counters(const struct json *wanted) {
#define COUNTER(name) FIELD(seawall_dependency_snapshot_t, name)
    static const struct field counters[] = { COUNTER(calls), COUNTER(successes), COUNTER(failures), COUNTER(ignored),
        COUNTER(cancelled), COUNTER(refused), COUNTER(retries), COUNTER(timeouts), COUNTER(late),
        COUNTER(stopped_by_budget), END };
#undef COUNTER
    seawall_dependency_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    seawall_status_t status = seawall_dependency_snapshot(subject, &seen);
    same_text("the answer to a look", "ok", seawall_status_name(status));
    for (const struct json *one = wanted == NULL ? NULL : wanted->child; one != NULL; one = one->next) {
        if (!compare(&seen, counters, one)) {
            wrong("a counter", "one that C has", one->key);
        }
    }
}

/* Compares what the gates say at the time of the step. */
static void same_gates(const struct json *step, uint64_t now) {
    const seawall_breaker_t *breaker = seawall_dependency_breaker(subject);
    const seawall_bulkhead_t *bulkhead = seawall_dependency_bulkhead(subject);
    const seawall_retry_budget_t *budget = seawall_dependency_retry_budget(subject);
    if (json_get(step, "state") != NULL) {
        same_text("state", json_text(step, "state", ""), STATES[seawall_breaker_state(breaker)]);
    }
    seawall_bulkhead_snapshot_t held = SEAWALL_SNAPSHOT_INIT(held);
    if (bulkhead != NULL && seawall_bulkhead_snapshot(bulkhead, now, &held) == SEAWALL_OK) {
        same("in_use", json_number(step, "in_use", held.in_use), held.in_use);
        same("waiting", json_number(step, "waiting", held.waiting), held.waiting);
    }
    seawall_retry_budget_snapshot_t left = SEAWALL_SNAPSHOT_INIT(left);
    if (budget != NULL && seawall_retry_budget_snapshot(budget, now, &left) == SEAWALL_OK) {
        same("tokens_milli", json_number(step, "tokens_milli", (int64_t)left.tokens_milli), left.tokens_milli);
        same("retries_in_flight", json_number(step, "retries_in_flight", left.retries_in_flight), left.retries_in_flight);
    }
    const struct json *remaining = json_get(step, "remaining");
    uint32_t number = 0;
    for (const struct json *one = remaining == NULL ? NULL : remaining->child; one != NULL; one = one->next) {
        seawall_limiter_snapshot_t rate = SEAWALL_SNAPSHOT_INIT(rate);
        seawall_status_t status =
            seawall_limiter_snapshot(seawall_dependency_limiter(subject, number), now, &rate);
        same_text("the answer to a look", "ok", seawall_status_name(status));
        same("remaining", one->number, rate.remaining);
        number++;
    }
}

static uint32_t choice_of(const struct json *step, const char *key) {
    return json_get(step, key) == NULL ? SEAWALL_AS_POLICY : json_number(step, key, 0) != 0 ? SEAWALL_YES : SEAWALL_NO;
}

static seawall_status_t begin_call(const struct json *step, uint64_t now, seawall_call_t *call, seawall_action_t *action) {
    seawall_call_options_t options = SEAWALL_CALL_OPTIONS_INIT;
    const struct json *costs = json_get(step, "costs");
    uint32_t number = 0;
    for (const struct json *one = costs == NULL ? NULL : costs->child; one != NULL; one = one->next) {
        options.costs[number++] = (uint32_t)one->number;
    }
    if (json_get(step, "deadline_ns") != NULL) {
        options.deadline_ns = (uint64_t)json_number(step, "deadline_ns", 0);
    }
    options.critical = choice_of(step, "critical");
    options.idempotent = choice_of(step, "idempotent");
    return seawall_dependency_begin(subject, &options, now, call, action);
}

static seawall_status_t end_attempt(const struct json *step, uint64_t now, seawall_call_t *call, seawall_action_t *action) {
    seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT;
    attempt.outcome = number_of(OUTCOMES, json_text(step, "outcome", ""));
    attempt.is_retryable = (uint32_t)json_number(step, "retryable", 1);
    attempt.was_not_sent = (uint32_t)json_number(step, "not_sent", 0);
    attempt.cause = number_of(CAUSES, json_text(step, "cause", "failure"));
    attempt.retry_after_ns = (uint64_t)json_number(step, "retry_after_ns", 0);
    attempt.random = strtoull(json_text(step, "random", "1"), NULL, 10);
    return seawall_call_ended(call, &attempt, now, action);
}

static seawall_status_t step_policy(const struct json *step, const char *verb, uint64_t now) {
    seawall_call_t *call = json_get(step, "call") == NULL ? NULL : call_of(json_text(step, "call", ""));
    seawall_action_t action;
    seawall_status_t status = SEAWALL_OK;
    memset(&action, 0, sizeof action);
    if (IS("begin")) {
        status = begin_call(step, now, call, &action);
    } else if (IS("ended")) {
        status = end_attempt(step, now, call, &action);
    } else if (IS("woke")) {
        status = seawall_call_woke(call, now, &action);
    } else if (IS("cancelled")) {
        status = seawall_call_cancelled(call, now, &action);
    } else if (IS("keep")) {
        status = seawall_call_keep(call, place_of(json_text(step, "as", "")));
    } else if (IS("release")) {
        /* By a copy, so that a second release reaches the library's state. */
        seawall_permit_t copy = *place_of(json_text(step, "place", ""));
        status = seawall_dependency_release(subject, &copy);
    } else if (IS("force_open")) {
        status = seawall_dependency_force_open(subject, NULL);
    } else if (IS("disable")) {
        status = seawall_dependency_disable(subject, NULL);
    } else if (IS("reset")) {
        status = seawall_dependency_reset(subject, NULL);
    } else if (IS("adjust")) {
        status = seawall_dependency_adjust(subject, (uint32_t)json_number(step, "limit", 0),
            json_number(step, "tokens", 0), now);
    } else if (IS("reload")) {
        struct toml_text policy;
        toml_of_policy(&policy, json_get(step, "policy"));
        status = seawall_wall_redefine(wall, "subject", policy.bytes, now, message, sizeof message);
        if (status == SEAWALL_ERROR_CONFIG) {
            same_key(json_text(step, "key", "?"));
        }
    } else if (!IS("look")) {
        wrong("a verb", "one of a policy", verb);
    }
    if (action.kind != 0) {
        same_action(step, &action);
    }
    same_counters(json_get(step, "counters"));
    same_gates(step, now);
    return status;
}

#endif
