/* Several processes and one piece of memory: what one sees, all see; what a dead one held comes back. */
#define _DEFAULT_SOURCE
#include <seawall.h>

#include "check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* A word for the tests themselves and the storage of each object, each on lines of its own. */
struct shared {
    SEAWALL_STORAGE(words, 64);
    SEAWALL_STORAGE(breaker, SEAWALL_BREAKER_BYTES);
    SEAWALL_STORAGE(bulkhead, SEAWALL_BULKHEAD_BYTES(8));
    SEAWALL_STORAGE(limiter, SEAWALL_LIMITER_BYTES);
    SEAWALL_STORAGE(histogram, SEAWALL_HISTOGRAM_BYTES);
};

static struct shared *shared;

static uint64_t *word(int index) { return (uint64_t *)(void *)shared->words + index; }
static void add(int index, uint64_t number) { (void)__atomic_add_fetch(word(index), number, __ATOMIC_SEQ_CST); }
static uint64_t read_of(int index) { return __atomic_load_n(word(index), __ATOMIC_SEQ_CST); }

static struct shared *map(int file) {
    int flags = file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, flags, file, 0);
    if (memory == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return memory;
}

/* Runs `body` in a process of its own; its answer is the child's exit status. */
static pid_t begin(int (*body)(void)) {
    pid_t child = fork();
    if (child == 0) {
        _exit(body());
    }
    if (child < 0) {
        perror("fork");
        exit(1);
    }
    return child;
}

static int end_of(pid_t child) {
    int how = 0;
    return waitpid(child, &how, 0) == child ? how : -1;
}

static seawall_breaker_t *breaker;

static int fail_five_times(void) {
    seawall_breaker_t *own = NULL;
    if (seawall_breaker_attach(shared->breaker, sizeof shared->breaker, &own) != SEAWALL_OK) {
        return 1;
    }
    for (int call = 0; call < 5; call++) {
        seawall_permit_t permit = SEAWALL_PERMIT_INIT;
        if (seawall_breaker_try_acquire_as(own, 2, 0, &permit) != SEAWALL_OK
            || seawall_breaker_record(own, &permit, SEAWALL_OUTCOME_FAILURE, 0, 0) != SEAWALL_OK) {
            return 2;
        }
    }
    return seawall_breaker_state(own) == SEAWALL_STATE_OPEN ? 0 : 3;
}

static void a_breaker_that_one_process_trips_is_open_for_all(void) {
    seawall_permit_t permit = SEAWALL_PERMIT_INIT;
    SAME(seawall_breaker_init(shared->breaker, sizeof shared->breaker, NULL, NULL, &breaker), SEAWALL_OK);
    SAME(seawall_breaker_try_acquire_as(breaker, 1, 0, &permit), SEAWALL_OK);
    SAME(end_of(begin(fail_five_times)), 0);
    SAME(seawall_breaker_record(breaker, &permit, SEAWALL_OUTCOME_SUCCESS, 0, 0), SEAWALL_NOTE_LATE);
    SAME(seawall_breaker_try_acquire_as(breaker, 1, 0, &permit), SEAWALL_REFUSED_BREAKER_OPEN);
    CHECK(permit.retry_after_ns > UINT64_C(20000000000));
    seawall_breaker_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    SAME(seawall_breaker_snapshot(breaker, 0, &seen), SEAWALL_OK);
    SAME(seen.failure, 5);
}

static seawall_bulkhead_t *bulkhead;

static int wait_for_the_end(void) {
    while (pause() != 0) {
    }
    return 1;
}

static int hold_three_and_sleep(void) {
    for (int place = 0; place < 3; place++) {
        seawall_permit_t permit = SEAWALL_PERMIT_INIT;
        if (seawall_bulkhead_try_acquire_as(bulkhead, 7, SEAWALL_PRIORITY_ORDINARY, 0, &permit) != SEAWALL_OK) {
            return 1;
        }
        add(0, 1);
    }
    return wait_for_the_end();
}

static int probe_and_sleep(void) {
    seawall_permit_t permit = SEAWALL_PERMIT_INIT;
    seawall_status_t status = seawall_breaker_try_acquire_as(breaker, 7, UINT64_C(100000000000), &permit);
    add(0, status == SEAWALL_OK ? 1 : 1000);
    return wait_for_the_end();
}

static void kill_once_it_holds(pid_t child, uint64_t count) {
    while (read_of(0) < count) {
        (void)usleep(1000);
    }
    SAME(kill(child, SIGKILL), 0);
    int how = end_of(child);
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}

static void permits_of_a_killed_process_come_back(void) {
    seawall_bulkhead_config_t config = SEAWALL_BULKHEAD_CONFIG_INIT;
    seawall_permit_t permits[5] = { SEAWALL_PERMIT_INIT };
    uint32_t freed = 0;
    config.max_concurrent = 4;
    *word(0) = 0;
    SAME(seawall_bulkhead_init(shared->bulkhead, sizeof shared->bulkhead, 8, &config, NULL, &bulkhead), SEAWALL_OK);
    kill_once_it_holds(begin(hold_three_and_sleep), 3);
    SAME(seawall_bulkhead_try_acquire_as(bulkhead, 1, 0, 0, &permits[0]), SEAWALL_OK);
    SAME(seawall_bulkhead_try_acquire_as(bulkhead, 1, 0, 0, &permits[1]), SEAWALL_REFUSED_BULKHEAD_FULL);
    SAME(seawall_bulkhead_reclaim(bulkhead, 8, &freed), SEAWALL_OK);
    SAME(freed, 0);
    SAME(seawall_bulkhead_reclaim(bulkhead, 7, &freed), SEAWALL_OK);
    SAME(freed, 3);
    for (int place = 1; place < 4; place++) {
        SAME(seawall_bulkhead_try_acquire_as(bulkhead, 1, 0, 0, &permits[place]), SEAWALL_OK);
    }
    SAME(seawall_bulkhead_try_acquire_as(bulkhead, 1, 0, 0, &permits[4]), SEAWALL_REFUSED_BULKHEAD_FULL);
    SAME(seawall_bulkhead_reclaim(bulkhead, 7, &freed), SEAWALL_OK);
    SAME(freed, 0);
}

static void the_probe_of_a_killed_process_can_be_taken_again(void) {
    seawall_permit_t permit = SEAWALL_PERMIT_INIT;
    uint32_t freed = 0;
    const uint64_t opened = UINT64_C(1000000000), later = UINT64_C(100000000000);
    *word(0) = 0;
    SAME(seawall_breaker_init(shared->breaker, sizeof shared->breaker, NULL, NULL, &breaker), SEAWALL_OK);
    for (int call = 0; call < 5; call++) {
        SAME(seawall_breaker_try_acquire(breaker, opened, &permit), SEAWALL_OK);
        SAME(seawall_breaker_record(breaker, &permit, SEAWALL_OUTCOME_FAILURE, 0, opened), SEAWALL_OK);
    }
    kill_once_it_holds(begin(probe_and_sleep), 1);
    SAME(read_of(0), 1);
    SAME(seawall_breaker_try_acquire_as(breaker, 1, later, &permit), SEAWALL_REFUSED_BREAKER_HALF_OPEN);
    SAME(permit.retry_after_ns, UINT64_C(30000000000)); /* the lease, for those who cannot know that it died */
    SAME(seawall_breaker_reclaim(breaker, 7, &freed), SEAWALL_OK);
    SAME(freed, 1);
    SAME(seawall_breaker_try_acquire_as(breaker, 1, later, &permit), SEAWALL_OK);
    SAME(seawall_breaker_record(breaker, &permit, SEAWALL_OUTCOME_SUCCESS, 0, later), SEAWALL_OK);
    SAME(seawall_breaker_state(breaker), SEAWALL_STATE_CLOSED);
}

static int work_in_the_crowd(void) {
    for (int round = 0; round < 4000; round++) {
        seawall_permit_t permit = SEAWALL_PERMIT_INIT;
        if (seawall_bulkhead_try_acquire_as(bulkhead, (uint32_t)(getpid() % 1000000) + 1, 0, 0, &permit) == SEAWALL_OK) {
            uint64_t inside = __atomic_add_fetch(word(1), 1, __ATOMIC_SEQ_CST);
            add(2, inside > 2);
            if (round % 16 == 0) {
                (void)usleep(10);
            }
            add(1, UINT64_MAX);
            add(4, seawall_bulkhead_release(bulkhead, &permit) != SEAWALL_OK);
        } else {
            add(3, 1);
        }
        seawall_limiter_t *limiter = (seawall_limiter_t *)(void *)shared->limiter;
        add(5, seawall_limiter_try_acquire(limiter, 1, 9, NULL) == SEAWALL_OK);
        (void)seawall_histogram_record((seawall_histogram_t *)(void *)shared->histogram, 1000);
    }
    return 0;
}

static void processes_together_stay_within_the_limits(void) {
    pid_t children[4];
    seawall_limiter_t *limiter = NULL;
    seawall_bulkhead_config_t config = SEAWALL_BULKHEAD_CONFIG_INIT;
    config.max_concurrent = 2;
    uint64_t total = 0;
    memset(shared->words, 0, sizeof shared->words);
    SAME(seawall_bulkhead_init(shared->bulkhead, sizeof shared->bulkhead, 8, &config, NULL, &bulkhead), SEAWALL_OK);
    SAME(seawall_limiter_init(shared->limiter, sizeof shared->limiter, NULL, NULL, &limiter), SEAWALL_OK);
    for (int child = 0; child < 4; child++) {
        children[child] = begin(work_in_the_crowd);
    }
    for (int child = 0; child < 4; child++) {
        SAME(end_of(children[child]), 0);
    }
    SAME(read_of(2), 0); /* never more inside than permits */
    CHECK(read_of(3) > 0); /* they really met */
    SAME(read_of(4), 0);
    SAME(read_of(5), 100); /* one burst for all of them */
    SAME(seawall_histogram_total((seawall_histogram_t *)(void *)shared->histogram, &total), SEAWALL_OK);
    SAME(total, 16000);
    seawall_bulkhead_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    SAME(seawall_bulkhead_snapshot(bulkhead, 0, &seen), SEAWALL_OK);
    SAME(seen.in_use, 0);
    SAME(seen.rejected, read_of(3));
}

/* Two mappings of one file are at two addresses: nothing in an object points anywhere. */
static void an_object_works_at_any_address(void) {
    char path[] = "/tmp/seawall-test-XXXXXX";
    int file = mkstemp(path);
    CHECK(file >= 0 && unlink(path) == 0 && ftruncate(file, (off_t)sizeof(struct shared)) == 0);
    struct shared *here = map(file), *there = map(file);
    CHECK(here != there);
    seawall_bulkhead_t *one = NULL, *two = NULL;
    seawall_permit_t permit = SEAWALL_PERMIT_INIT;
    SAME(seawall_bulkhead_attach(there->bulkhead, sizeof there->bulkhead, &two), SEAWALL_ERROR_UNINITIALISED);
    SAME(seawall_bulkhead_init(here->bulkhead, sizeof here->bulkhead, 8, NULL, NULL, &one), SEAWALL_ERROR_CONFIG);
    seawall_bulkhead_config_t config = SEAWALL_BULKHEAD_CONFIG_INIT;
    config.max_concurrent = 1;
    SAME(seawall_bulkhead_init(here->bulkhead, sizeof here->bulkhead, 8, &config, NULL, &one), SEAWALL_OK);
    SAME(seawall_bulkhead_attach(there->bulkhead, sizeof there->bulkhead, &two), SEAWALL_OK);
    SAME(seawall_bulkhead_try_acquire(one, 0, 0, &permit), SEAWALL_OK);
    seawall_permit_t second = SEAWALL_PERMIT_INIT;
    SAME(seawall_bulkhead_try_acquire(two, 0, 0, &second), SEAWALL_REFUSED_BULKHEAD_FULL);
    SAME(seawall_bulkhead_release(one, &permit), SEAWALL_OK);
    SAME(seawall_bulkhead_try_acquire(two, 0, 0, &second), SEAWALL_OK);
    SAME(munmap(here, sizeof *here) + munmap(there, sizeof *there) + close(file), 0);
}

int main(void) {
    shared = map(-1);
    (void)alarm(60); /* a test that hangs is a test that fails */
    a_breaker_that_one_process_trips_is_open_for_all();
    permits_of_a_killed_process_come_back();
    the_probe_of_a_killed_process_can_be_taken_again();
    processes_together_stay_within_the_limits();
    an_object_works_at_any_address();
    SAME(munmap(shared, sizeof *shared), 0);
    return check_end();
}
