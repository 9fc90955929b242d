/* Worker processes that share one breaker: as soon as one of them sees payment fail, none of them calls it any more.
 * A real server on 127.0.0.1 and real processes; Linux and other systems with fork and mmap.
 *
 *     cc -std=c99 examples/c/workers.c $(pkg-config --cflags --libs seawall) -o workers && ./workers
 */
#define _DEFAULT_SOURCE
#include <seawall.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
#define ORDERS 50

/* What the processes share: mapped once before the fork, so the breaker lies at the same address in all of them. */
struct shared {
    SEAWALL_STORAGE(breaker, SEAWALL_BREAKER_BYTES);
    SEAWALL_STORAGE(latencies, SEAWALL_HISTOGRAM_BYTES);
};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* A payment server that answers every request with 503. Ends when its connections' other side is gone. */
static pid_t serve(int listener) {
    pid_t server = fork();
    if (server != 0) {
        return server;
    }
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    (void)alarm(30);
    for (;;) {
        char request[512];
        int client = accept(listener, NULL, NULL);
        if (client >= 0 && read(client, request, sizeof request) > 0 && request[0] == 'Q') {
            _exit(0);
        }
        if (client >= 0) {
            (void)!write(client, answer, sizeof answer - 1);
            (void)close(client);
        }
    }
}

/* Sends one request; answers the HTTP status, 0 when there was none. */
static int ask(const struct sockaddr_in *server, const char *request) {
    char answer[64] = "";
    int code = 0;
    int line = socket(AF_INET, SOCK_STREAM, 0);
    if (line >= 0 && connect(line, (const struct sockaddr *)server, sizeof *server) == 0
        && write(line, request, strlen(request)) > 0 && read(line, answer, sizeof answer - 1) > 0) {
        (void)sscanf(answer, "HTTP/1.1 %d", &code);
    }
    if (line >= 0) {
        (void)close(line);
    }
    return code;
}

/* A worker: every order asks the shared breaker first. Its exit status is how often it called payment. */
static int work(
    seawall_breaker_t *breaker, seawall_histogram_t *latencies, uint32_t owner, const struct sockaddr_in *server) {
    int calls = 0;
    for (int order = 0; order < ORDERS; order++) {
        seawall_permit_t permit = SEAWALL_PERMIT_INIT;
        /* In its own name, so that a supervisor could take back what a killed worker held. */
        if (seawall_breaker_try_acquire_as(breaker, owner, 0, &permit) != SEAWALL_OK) {
            continue; /* pending: answered at once, without payment */
        }
        uint64_t start = seawall_now_ns();
        int code = ask(server, "POST /charge HTTP/1.1\r\nhost: payments\r\ncontent-length: 0\r\n\r\n");
        (void)seawall_histogram_record(latencies, seawall_now_ns() - start);
        bool is_failure = code == 0 || code >= 500;
        (void)seawall_breaker_record(
            breaker, &permit, is_failure ? SEAWALL_OUTCOME_FAILURE : SEAWALL_OUTCOME_SUCCESS, 0, 0);
        calls++;
    }
    return calls;
}

int main(void) {
    struct sockaddr_in address = { 0 };
    socklen_t length = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 || listen(listener, 16) != 0
        || getsockname(listener, (struct sockaddr *)&address, &length) != 0) {
        fail("cannot listen on 127.0.0.1");
    }
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        fail("cannot map memory");
    }
    seawall_breaker_t *breaker = NULL;
    seawall_histogram_t *latencies = NULL;
    if (seawall_breaker_init(shared->breaker, sizeof shared->breaker, NULL, NULL, &breaker) != SEAWALL_OK
        || seawall_histogram_init(shared->latencies, sizeof shared->latencies, &latencies) != SEAWALL_OK) {
        return 1;
    }

    pid_t server = serve(listener);
    pid_t workers[WORKERS];
    for (uint32_t number = 0; number < WORKERS; number++) {
        workers[number] = fork();
        if (workers[number] == 0) {
            _exit(work(breaker, latencies, number + 2, &address));
        }
    }
    int calls = 0;
    for (int number = 0; number < WORKERS; number++) {
        int how = 0;
        (void)waitpid(workers[number], &how, 0);
        calls += WEXITSTATUS(how);
        printf("worker %d called payment %d times for %d orders\n", number + 1, WEXITSTATUS(how), ORDERS);
    }
    (void)ask(&address, "QUIT");
    (void)waitpid(server, NULL, 0);

    uint64_t median = 0;
    seawall_breaker_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    if (seawall_breaker_snapshot(breaker, 0, &seen) != SEAWALL_OK
        || seawall_histogram_quantile(latencies, 500000, &median) != SEAWALL_OK) {
        return 1;
    }
    printf("together %d calls, %d orders answered at once; half of the calls took up to %.2f ms\n", calls,
        (int)seen.refused, (double)median / 1e6);
    printf("without sharing it would have been %d calls at least\n", WORKERS * 5);
    (void)munmap(shared, sizeof *shared);
    (void)close(listener);
    /* Five failures open it; calls that were under way at that moment come on top. */
    return seen.state == SEAWALL_STATE_OPEN && calls >= 5 && calls < 5 + WORKERS ? 0 : 1;
}
