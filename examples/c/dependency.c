/* A dependency called over real sockets: time limits, retries, Retry-After and a fallback, all by its policy.
 *
 *     cc -std=c99 examples/c/dependency.c $(pkg-config --cflags --libs seawall) -pthread -o dependency && ./dependency
 *
 * The server at the end of the file is one that a service has to live with: it throttles, breaks connections, and at
 * last is gone. */
#define _POSIX_C_SOURCE 200809L
#include <seawall.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* What would stand in seawall.toml, for seawall_wall_open. */
static const char POLICIES[] = "[dependency.prices]\n"
                               "timeout = \"500ms\"\n"
                               "deadline = \"3s\"\n"
                               "retry = { attempts = 4, base = \"5ms\", budget = { min_per_second = 10 } }\n"
                               "bulkhead = { max_concurrent = 8 }\n";

static struct sockaddr_in server_address(void);
static void start_server(void);
static void stop_server(void);

/* Waits until the socket is ready, or the attempt's time is over. */
static int is_ready(int socket, short events, uint64_t deadline_ns) {
    struct pollfd one = { socket, events, 0 };
    uint64_t left_ms = (seawall_deadline_remaining(deadline_ns, 0) + 999999) / 1000000;
    return poll(&one, 1, left_ms > 60000 ? 60000 : (int)left_ms) == 1;
}

static uint32_t connect_in_time(int socket, uint64_t deadline_ns) {
    const struct sockaddr_in address = server_address();
    int error = 0;
    socklen_t length = sizeof error;
    if (connect(socket, (const struct sockaddr *)&address, sizeof address) == 0) {
        return 0;
    }
    if (errno == EINPROGRESS) {
        if (!is_ready(socket, POLLOUT, deadline_ns)) {
            return SEAWALL_TROUBLE_CONNECT_TIMEOUT;
        }
        if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0) {
            return 0;
        }
    }
    return SEAWALL_TROUBLE_NOT_CONNECTED;
}

/* Sends the request and reads until the server closes; answers SEAWALL_TROUBLE_* or 0. */
static uint32_t exchange(int socket, const char *request, uint64_t deadline_ns, char *answer, size_t room) {
    size_t length = 0;
    uint32_t trouble = connect_in_time(socket, deadline_ns);
    if (trouble != 0) {
        return trouble;
    }
    if (send(socket, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) {
        return SEAWALL_TROUBLE_RESET; /* a small request fits into an empty buffer */
    }
    while (length < room - 1) {
        if (!is_ready(socket, POLLIN, deadline_ns)) {
            return SEAWALL_TROUBLE_READ_TIMEOUT;
        }
        ssize_t got = recv(socket, answer + length, room - 1 - length, 0);
        if (got <= 0) {
            answer[length] = '\0';
            return got == 0 && length > 0 ? 0 : SEAWALL_TROUBLE_RESET;
        }
        length += (size_t)got;
    }
    return SEAWALL_TROUBLE_PROTOCOL;
}

/* One attempt: what it has to say goes to `attempt`, and a good answer's body to `price`. */
static void ask_price(seawall_call_t *call, uint64_t timeout_ns, seawall_attempt_t *attempt, char *price, size_t room) {
    const uint64_t deadline_ns = seawall_deadline_after(0, timeout_ns);
    char answer[1024], request[512], left[24] = "", key[37] = "";
    unsigned status = 0;
    int socket_ = socket(AF_INET, SOCK_STREAM, 0);
    (void)fcntl(socket_, F_SETFL, O_NONBLOCK);
    (void)seawall_deadline_to_ms(timeout_ns, left);
    (void)!seawall_call_key(call, key);
    (void)snprintf(request, sizeof request,
        "GET /price HTTP/1.1\r\nHost: prices\r\nx-request-timeout-ms: %s\r\nIdempotency-Key: %s\r\n"
        "Connection: close\r\n\r\n", left, key);
    uint32_t trouble = exchange(socket_, request, deadline_ns, answer, sizeof answer);
    (void)close(socket_);
    if (trouble == 0 && sscanf(answer, "HTTP/1.1 %3u", &status) != 1) {
        trouble = SEAWALL_TROUBLE_PROTOCOL;
    }
    if (trouble != 0) {
        (void)seawall_http_trouble(trouble, attempt);
        return;
    }
    const char *asked = strstr(answer, "\r\nRetry-After: ");
    if (asked != NULL) {
        asked += strlen("\r\nRetry-After: ");
        const uint64_t now_ms = (uint64_t)time(NULL) * 1000;
        if (seawall_retry_after(asked, strcspn(asked, "\r"), now_ms, &attempt->retry_after_ns) != SEAWALL_OK) {
            attempt->retry_after_ns = 0; /* as if it were not there */
        }
    }
    (void)seawall_http_classify(status, attempt);
    const char *body = strstr(answer, "\r\n\r\n");
    (void)snprintf(price, room, "%s", body == NULL ? "" : body + 4);
}

static void sleep_ns(uint64_t span_ns) {
    const struct timespec span = { (time_t)(span_ns / 1000000000), (long)(span_ns % 1000000000) };
    (void)nanosleep(&span, NULL);
}

/* The price, or what is shown instead. Answers how many attempts it took, below 0 when the library was misused. */
static int price_of(const seawall_dependency_t *prices, char *price, size_t room) {
    seawall_call_t call = SEAWALL_CALL_INIT;
    seawall_action_t next;
    seawall_status_t status = seawall_dependency_begin(prices, NULL, 0, &call, &next);
    while (status == SEAWALL_OK && next.kind != SEAWALL_ACTION_FINISH) {
        if (next.kind == SEAWALL_ACTION_RUN) {
            seawall_attempt_t attempt = SEAWALL_ATTEMPT_INIT;
            ask_price(&call, next.span_ns, &attempt, price, room);
            status = seawall_call_ended(&call, &attempt, 0, &next);
        } else { /* sleep, or wait for a place, which may come free at any moment */
            const uint64_t tick = 10000000;
            sleep_ns(next.kind == SEAWALL_ACTION_WAIT && next.span_ns > tick ? tick : next.span_ns);
            status = seawall_call_woke(&call, 0, &next);
        }
    }
    if (status != SEAWALL_OK) {
        printf("misused: %s\n", seawall_status_text(status));
        return -1;
    }
    if (next.end != SEAWALL_END_SUCCESS && next.may_fall_back) {
        (void)seawall_dependency_fell_back(prices);
        (void)snprintf(price, room, "the price of yesterday");
    }
    return (int)next.attempt;
}

int main(void) {
    char message[1024], price[64] = "";
    seawall_wall_t *wall = NULL;
    const seawall_dependency_t *prices = NULL;
    if (seawall_wall_parse(POLICIES, "example", &wall, message, sizeof message) != SEAWALL_OK
        || seawall_wall_dependency(wall, "prices", &prices, message, sizeof message) != SEAWALL_OK) {
        printf("%s\n", message);
        return 1;
    }
    start_server();
    int attempts = price_of(prices, price, sizeof price);
    printf("%s, after %d attempts\n", price, attempts);
    bool is_as_promised = attempts == 4 && strcmp(price, "42 shells") == 0;

    stop_server();
    attempts = price_of(prices, price, sizeof price);
    printf("%s, after %d attempts\n", price, attempts);
    is_as_promised &= strcmp(price, "the price of yesterday") == 0;

    seawall_dependency_snapshot_t seen = SEAWALL_SNAPSHOT_INIT(seen);
    (void)seawall_dependency_snapshot(prices, &seen);
    printf("%d calls, %d retries, %d served by the fallback\n", (int)seen.calls, (int)seen.retries, (int)seen.fallbacks);
    seawall_wall_close(wall);
    return is_as_promised ? 0 : 1;
}

/* The server: too busy twice, then a broken connection, then well. */
static int listener;
static pthread_t server;

static void *serve(void *unused) {
    (void)unused;
    for (int request = 1;; request++) {
        char text[1024];
        const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n42 shells";
        int client = accept(listener, NULL, NULL);
        if (client < 0) {
            return NULL; /* shut down */
        }
        (void)!recv(client, text, sizeof text, 0);
        if (request == 3) {
            const struct linger at_once = { 1, 0 }; /* closes with a reset */
            (void)setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        } else {
            if (request < 3) {
                answer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            }
            (void)!send(client, answer, strlen(answer), MSG_NOSIGNAL);
        }
        (void)close(client);
    }
}

static struct sockaddr_in server_address(void) {
    static struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (listener >= 0) {
        (void)getsockname(listener, (struct sockaddr *)&address, &length);
    }
    return address;
}

static void start_server(void) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 8) != 0
        || pthread_create(&server, NULL, serve, NULL) != 0) {
        perror("the server cannot start");
        exit(1);
    }
}

static void stop_server(void) {
    (void)server_address(); /* remembered for those who call it still */
    (void)shutdown(listener, SHUT_RDWR);
    (void)pthread_join(server, NULL);
    (void)close(listener);
    listener = -1;
}
