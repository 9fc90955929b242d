/* Walls: files and policies from code, what is wrong with them, and dependencies by name. */
#define _POSIX_C_SOURCE 200809L
#include <seawall.h>

#include "check.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static char message[4096];

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    if (file != NULL) {
        CHECK(fwrite(text, 1, strlen(text), file) == strlen(text));
        CHECK(fclose(file) == 0);
    }
}

static bool says(const char *words) {
    const bool is_said = strstr(message, words) != NULL;
    if (!is_said) {
        printf("not said: %s\nbut: %s\n", words, message);
    }
    return is_said;
}

static const char GOOD[] = "service = \"checkout\"\n"
                           "[dependency.payments]\n"
                           "criticality = \"critical\"\n"
                           "timeout = \"2s\"\n"
                           "connect_timeout = \"250ms\"\n"
                           "deadline = \"5s\"\n"
                           "retry = { attempts = 2 }\n"
                           "bulkhead = { max_concurrent = 2, max_wait = \"1s\" }\n"
                           "rate_limit = [{ name = \"requests\", rate = \"100/s\" }, { name = \"tokens\", rate = \"1000/minute\" }]\n"
                           "[dependency.ledger]\n"
                           "timeout = \"500ms\"\n";

static char path[256];

static void a_file_is_opened_and_read_again(void) {
    seawall_wall_t *wall = NULL;
    const seawall_dependency_t *payments = NULL, *again = NULL;
    seawall_dependency_about_t about = SEAWALL_SNAPSHOT_INIT(about);
    char names[64] = "", name[32] = "";
    write_file(path, GOOD);
    SAME(seawall_wall_open(path, &wall, message, sizeof message), SEAWALL_OK);
    SAME(seawall_wall_names(wall, NULL, 0), strlen("ledger\npayments") + 1);
    SAME(seawall_wall_names(wall, names, sizeof names), strlen("ledger\npayments") + 1);
    SAME_TEXT(names, "ledger\npayments");
    SAME(seawall_wall_names(wall, names, 7), strlen("ledger\npayments") + 1);
    SAME_TEXT(names, "ledger");

    SAME(seawall_wall_dependency(wall, "payments", &payments, NULL, 0), SEAWALL_OK);
    SAME(seawall_dependency_about(payments, &about), SEAWALL_OK);
    SAME(about.criticality, SEAWALL_CRITICALITY_CRITICAL);
    SAME(about.fallback, SEAWALL_FALLBACK_FORBIDDEN);
    SAME(about.attempts, 2);
    SAME(about.limiters, 2);
    SAME(about.max_concurrent, 2);
    SAME(about.idempotent, 1);
    SAME(about.timeout_ns, 2 * SECOND);
    SAME(about.connect_timeout_ns, 250 * MS);
    SAME(about.deadline_ns, 5 * SECOND);
    SAME(about.max_wait_ns, SECOND);
    SAME(seawall_dependency_limiter_name(payments, 0, name, sizeof name), strlen("requests") + 1);
    SAME_TEXT(name, "requests");
    SAME(seawall_dependency_limiter_name(payments, 1, name, sizeof name), strlen("tokens") + 1);
    SAME(seawall_dependency_limiter_name(payments, 2, name, sizeof name), 0);
    CHECK(seawall_dependency_limiter(payments, 1) != NULL);
    CHECK(seawall_dependency_limiter(payments, 2) == NULL);
    CHECK(seawall_dependency_breaker(payments) != NULL);
    CHECK(seawall_dependency_bulkhead(payments) != NULL);
    CHECK(seawall_dependency_retry_budget(payments) != NULL);

    /* What is wrong changes nothing; what is right keeps the state. */
    SAME(seawall_dependency_force_open(payments, NULL), SEAWALL_OK);
    write_file(path, "[dependency.payments]\ntimeout = \"1s\"\n[dependency.ledger]\ntimeuot = \"1s\"\n");
    SAME(seawall_wall_reload(wall, 0, message, sizeof message), SEAWALL_ERROR_CONFIG);
    CHECK(says(":4:1: dependency.ledger.timeuot: "));
    CHECK(says("did you mean \"timeout\"?"));
    SAME(seawall_dependency_about(payments, &about), SEAWALL_OK);
    SAME(about.timeout_ns, 2 * SECOND);
    write_file(path, "[dependency.payments]\ntimeout = \"1s\"\n[dependency.mail]\ntimeout = \"1s\"\n");
    SAME(seawall_wall_reload(wall, 0, message, sizeof message), SEAWALL_OK);
    SAME(seawall_wall_dependency(wall, "payments", &again, NULL, 0), SEAWALL_OK);
    CHECK(again == payments);
    SAME(seawall_dependency_about(payments, &about), SEAWALL_OK);
    SAME(about.timeout_ns, SECOND);
    SAME(seawall_breaker_state(seawall_dependency_breaker(payments)), SEAWALL_STATE_FORCED_OPEN);
    SAME(seawall_wall_dependency(wall, "ledger", &again, message, sizeof message), SEAWALL_ERROR_UNKNOWN);
    CHECK(unlink(path) == 0);
    CHECK(seawall_wall_reload(wall, 0, message, sizeof message) < 0);
    seawall_wall_close(wall);
}

static void what_is_wrong_is_said_line_by_line(void) {
    static const struct {
        const char *text;
        const char *words;
    } bad[] = {
        { "[dependency.payments]\ntimeout = \"2 s", "bad.toml:2:" },
        { "[dependency.payments\n", "bad.toml:1:" },
        { "[dependency.payments]\ntimeout = \"1s\"\n[dependency.payments]\ntimeout = \"2s\"\n", "bad.toml:3:" },
        { "[dependency.payments]\n", "bad.toml:1:13: dependency.payments.timeout: " },
        { "[dependency.payments]\ntimeout = 250\n", "bad.toml:2:11: dependency.payments.timeout: " },
        { "[dependency.payments]\ntimeout = \"2 fortnights\"\n", "bad.toml:2:11: dependency.payments.timeout: " },
        { "[dependency.payments]\ntimeout = \"-1s\"\n", "dependency.payments.timeout: " },
        { "[dependency.payments]\ntimeout = nan\n", "dependency.payments.timeout: " },
        { "[dependency.payments]\ntimeout = \"1s\"\nretry = { tries = 3 }\n", "dependency.payments.retry.tries: " },
        { "[dependency.payments]\ntimeout = \"1s\"\nbulkhead = { max_concurrent = 0 }\n",
            "dependency.payments.bulkhead.max_concurrent: " },
        { "[dependency.\"pay ments\"]\ntimeout = \"1s\"\n", "bad.toml:1:" },
        { "dependency = 5\n", "bad.toml:1:" },
    };
    for (size_t index = 0; index < sizeof bad / sizeof bad[0]; index++) {
        seawall_wall_t *wall = NULL;
        memset(message, 'x', sizeof message);
        SAME(seawall_wall_parse(bad[index].text, "bad.toml", &wall, message, sizeof message), SEAWALL_ERROR_CONFIG);
        CHECK(wall == NULL);
        CHECK(memchr(message, '\0', sizeof message) != NULL);
        CHECK(says(bad[index].words));
        SAME(seawall_wall_parse(bad[index].text, "bad.toml", &wall, NULL, 0), SEAWALL_ERROR_CONFIG);
    }

    /* What is no text at all. */
    seawall_wall_t *none = NULL;
    memset(message, 'x', sizeof message);
    SAME(seawall_wall_parse("\xFF\xFE", "bad.toml", &none, message, sizeof message), SEAWALL_ERROR_ARGUMENT);
    SAME_TEXT(message, seawall_status_text(SEAWALL_ERROR_ARGUMENT));

    /* All of it at once, one problem a line; and cut where the buffer ends. */
    seawall_wall_t *wall = NULL;
    char small[24];
    memset(small, 'x', sizeof small);
    const char *three = "[dependency.a]\n[dependency.b]\ntimeout = 5\n[dependency.c]\ntimeout = \"1s\"\nmode = \"on\"\n";
    SAME(seawall_wall_parse(three, "bad.toml", &wall, message, sizeof message), SEAWALL_ERROR_CONFIG);
    CHECK(says("dependency.a.timeout: ") && says("dependency.b.timeout: ") && says("dependency.c.mode: "));
    SAME(seawall_wall_parse(three, "bad.toml", &wall, small, sizeof small), SEAWALL_ERROR_CONFIG);
    SAME(strlen(small), sizeof small - 1);
    small[0] = 'x';
    SAME(seawall_wall_parse(three, "bad.toml", &wall, small, 1), SEAWALL_ERROR_CONFIG);
    SAME_TEXT(small, "");
}

static void missing_files_and_pointers_are_refused(void) {
    seawall_wall_t *wall = NULL;
    const seawall_dependency_t *some = NULL;
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next;
    seawall_dependency_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    CHECK(seawall_wall_open("/no/such/folder/seawall.toml", &wall, message, sizeof message) < 0);
    CHECK(says("/no/such/folder/seawall.toml"));
    CHECK(seawall_wall_open("/", &wall, message, sizeof message) < 0);
    CHECK(wall == NULL);
    SAME(seawall_wall_open(NULL, &wall, NULL, 0), SEAWALL_ERROR_NULL);
    SAME(seawall_wall_open(path, NULL, NULL, 0), SEAWALL_ERROR_NULL);
    SAME(seawall_wall_parse(NULL, "x", &wall, NULL, 0), SEAWALL_ERROR_NULL);
    SAME(seawall_wall_new(NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_wall_define(NULL, "a", "timeout = '1s'", 0, &some, NULL, 0), SEAWALL_ERROR_NULL);
    SAME(seawall_wall_dependency(NULL, "a", &some, NULL, 0), SEAWALL_ERROR_NULL);
    SAME(seawall_wall_reload(NULL, 0, NULL, 0), SEAWALL_ERROR_NULL);
    SAME(seawall_wall_names(NULL, NULL, 0), 0);
    SAME(seawall_dependency_begin(NULL, NULL, 0, &call, &next), SEAWALL_ERROR_NULL);
    SAME(seawall_dependency_about(NULL, NULL), SEAWALL_ERROR_NULL);
    SAME(seawall_dependency_snapshot(NULL, &seen), SEAWALL_ERROR_NULL);
    SAME(seawall_dependency_reset(NULL, NULL), SEAWALL_ERROR_NULL);
    CHECK(seawall_dependency_breaker(NULL) == NULL);
    CHECK(seawall_dependency_limiter(NULL, 0) == NULL);
    seawall_wall_close(NULL);

    SAME(seawall_wall_new(&wall), SEAWALL_OK);
    SAME(seawall_wall_names(wall, message, sizeof message), 1);
    SAME_TEXT(message, "");
    SAME(seawall_wall_define(wall, NULL, "timeout = '1s'", 0, &some, NULL, 0), SEAWALL_ERROR_NULL);
    SAME(seawall_wall_define(wall, "a", NULL, 0, &some, NULL, 0), SEAWALL_ERROR_NULL);
    CHECK(seawall_wall_define(wall, "", "timeout = '1s'", 0, &some, message, sizeof message) < 0);
    CHECK(seawall_wall_define(wall, "a b", "timeout = '1s'", 0, &some, message, sizeof message) < 0);
    CHECK(seawall_wall_define(wall, "a", "[other]\ntimeout = '1s'", 0, &some, message, sizeof message) < 0);
    CHECK(seawall_wall_define(wall, "\xC3\x28", "timeout = '1s'", 0, &some, message, sizeof message) < 0);
    CHECK(seawall_wall_reload(wall, 0, message, sizeof message) <= 0); /* there is no file */
    SAME(seawall_wall_names(wall, NULL, 0), 1);
    seawall_wall_close(wall);
}

static void policies_from_code_are_checked_alike(void) {
    seawall_wall_t *wall = NULL;
    const seawall_dependency_t *ledger = NULL, *found = NULL;
    seawall_dependency_about_t about = SEAWALL_SNAPSHOT_INIT(about);
    SAME(seawall_wall_new(&wall), SEAWALL_OK);
    SAME(seawall_wall_define(wall, "ledger", "timeout = '1s'\nretry = { attempts = 2 }", 0, &ledger, NULL, 0), SEAWALL_OK);
    SAME(seawall_wall_define(wall, "ledger", "timeout = '1s'", 0, &found, message, sizeof message), SEAWALL_ERROR_ARGUMENT);
    SAME(seawall_wall_define(wall, "mail", "timout = '1s'", 0, &found, message, sizeof message), SEAWALL_ERROR_CONFIG);
    CHECK(says("timout: ") && says("did you mean \"timeout\"?"));
    /* Three attempts of two seconds do not fit into five: the check refuses, with its arithmetic. */
    SAME(seawall_wall_define(wall, "slow", "timeout = '2s'\ndeadline = '5s'\nretry = { attempts = 3 }", 0, &found, message,
             sizeof message),
        SEAWALL_ERROR_CONFIG);
    CHECK(says("SW001"));
    SAME(seawall_wall_dependency(wall, "leger", &found, message, sizeof message), SEAWALL_ERROR_UNKNOWN);
    CHECK(says("ledger"));
    SAME(seawall_wall_dependency(wall, "ledger", &found, NULL, 0), SEAWALL_OK);
    CHECK(found == ledger);
    SAME(seawall_wall_redefine(wall, "ledger", "timeout = '0s'", 0, message, sizeof message), SEAWALL_ERROR_CONFIG);
    SAME(seawall_wall_redefine(wall, "leger", "timeout = '1s'", 0, message, sizeof message), SEAWALL_ERROR_UNKNOWN);
    SAME(seawall_dependency_about(ledger, &about), SEAWALL_OK);
    SAME(about.attempts, 2);
    SAME(seawall_wall_redefine(wall, "ledger", "timeout = '1s'\nretry = { attempts = 4 }", 0, message, sizeof message),
        SEAWALL_OK);
    SAME_TEXT(message, "");
    SAME(seawall_dependency_about(ledger, &about), SEAWALL_OK);
    SAME(about.attempts, 4);
    SAME(seawall_wall_findings(wall, NULL, 0), 1);
    SAME(seawall_wall_define(wall, "herd", "timeout = '1s'\nretry = { jitter = 'none' }", 0, &found, NULL, 0), SEAWALL_OK);
    CHECK(seawall_wall_findings(wall, message, sizeof message) > 1);
    CHECK(says("SW005"));
    seawall_wall_close(wall);
}

static void a_kept_place_is_given_back_when_the_work_has_ended(void) {
    seawall_wall_t *wall = NULL;
    const seawall_dependency_t *ledger = NULL;
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next;
    seawall_permit_t place = SEAWALL_PERMIT_INIT, copy;
    seawall_bulkhead_snapshot_t held = SEAWALL_SNAPSHOT_INIT(held);
    seawall_attempt_t timeout = SEAWALL_ATTEMPT_INIT;
    SAME(seawall_http_trouble(SEAWALL_TROUBLE_READ_TIMEOUT, &timeout), SEAWALL_OK);
    SAME(seawall_wall_new(&wall), SEAWALL_OK);
    SAME(seawall_wall_define(wall, "ledger", "timeout = '1s'\nbulkhead = { max_concurrent = 1 }", 1, &ledger, NULL, 0),
        SEAWALL_OK);
    SAME(seawall_dependency_begin(ledger, NULL, SECOND, &call, &next), SEAWALL_OK);
    SAME(seawall_call_keep(&call, &place), SEAWALL_OK);
    SAME(seawall_call_keep(&call, &copy), SEAWALL_ERROR_SPENT);
    SAME(seawall_call_ended(&call, &timeout, 2 * SECOND, &next), SEAWALL_OK);
    SAME(next.kind, SEAWALL_ACTION_FINISH);
    SAME(next.may_fall_back, 1);
    SAME(seawall_dependency_begin(ledger, NULL, 2 * SECOND, &call, &next), SEAWALL_OK);
    SAME(next.status, SEAWALL_REFUSED_BULKHEAD_FULL);
    copy = place;
    SAME(seawall_dependency_release(ledger, &place), SEAWALL_OK);
    SAME(seawall_dependency_release(ledger, &place), SEAWALL_NOTE_STALE);
    SAME(seawall_dependency_release(ledger, &copy), SEAWALL_NOTE_STALE);
    SAME(seawall_bulkhead_snapshot(seawall_dependency_bulkhead(ledger), SECOND, &held), SEAWALL_OK);
    SAME(held.in_use, 0);
    SAME(held.stale, 2);
    SAME(seawall_dependency_adjust(ledger, 0, 5, 0), SEAWALL_ERROR_ARGUMENT);
    seawall_wall_close(wall);
}

/* Many threads, one dependency: never more at once than there are places, and nothing is left behind. */
static seawall_wall_t *busy_wall;
static const seawall_dependency_t *busy;

static void *call_busily(void *counts) {
    unsigned *made = counts;
    for (int round = 0; round < 300; round++) {
        seawall_call_t call = SEAWALL_CALL_INIT;
        seawall_action_t next;
        seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT;
        seawall_status_t status = seawall_dependency_begin(busy, NULL, 0, &call, &next);
        while (status == SEAWALL_OK && next.kind != SEAWALL_ACTION_FINISH) {
            if (next.kind == SEAWALL_ACTION_RUN) {
                made[0]++;
                status = round % 7 == 0 ? seawall_call_cancelled(&call, 0, &next)
                                        : seawall_call_ended(&call, &attempt, 0, &next);
            } else {
                const struct timespec tick = { 0, 50000 };
                (void)nanosleep(&tick, NULL);
                status = seawall_call_woke(&call, 0, &next);
            }
        }
        made[1] += status != SEAWALL_OK;
    }
    return NULL;
}

static void threads_share_a_dependency(void) {
    pthread_t threads[4];
    unsigned counts[4][2] = { { 0, 0 } };
    unsigned made = 0, wrong = 0;
    seawall_dependency_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    seawall_bulkhead_snapshot_t held = SEAWALL_SNAPSHOT_INIT(held);
    SAME(seawall_wall_new(&busy_wall), SEAWALL_OK);
    SAME(seawall_wall_define(busy_wall, "busy", "timeout = '1s'\nbulkhead = { max_concurrent = 2, max_wait = '10s' }", 0, &busy,
             NULL, 0),
        SEAWALL_OK);
    for (int one = 0; one < 4; one++) {
        CHECK(pthread_create(&threads[one], NULL, call_busily, counts[one]) == 0);
    }
    for (int round = 0; round < 20; round++) {
        SAME(seawall_wall_redefine(busy_wall, "busy",
                 round % 2 == 0 ? "timeout = '2s'\nbulkhead = { max_concurrent = 3, max_wait = '10s' }"
                                : "timeout = '1s'\nbulkhead = { max_concurrent = 2, max_wait = '10s' }",
                 0, NULL, 0),
            SEAWALL_OK);
    }
    for (int one = 0; one < 4; one++) {
        CHECK(pthread_join(threads[one], NULL) == 0);
        made += counts[one][0];
        wrong += counts[one][1];
    }
    SAME(wrong, 0);
    SAME(seawall_dependency_snapshot(busy, &seen), SEAWALL_OK);
    SAME(seen.calls, 1200);
    SAME(seen.successes + seen.cancelled + seen.refused, 1200);
    SAME(made, 1200 - seen.refused);
    SAME(seawall_bulkhead_snapshot(seawall_dependency_bulkhead(busy), 0, &held), SEAWALL_OK);
    SAME(held.in_use, 0);
    SAME(held.waiting, 0);
    seawall_wall_close(busy_wall);
}

int main(void) {
    const char *folder = getenv("TMPDIR");
    (void)snprintf(path, sizeof path, "%s/seawall-test-%ld.toml", folder == NULL ? "/tmp" : folder, (long)getpid());
    a_file_is_opened_and_read_again();
    what_is_wrong_is_said_line_by_line();
    missing_files_and_pointers_are_refused();
    policies_from_code_are_checked_alike();
    a_kept_place_is_given_back_when_the_work_has_ended();
    threads_share_a_dependency();
    return check_end();
}
