/* HTTP over plain sockets, as a C program would do it: every wait ends with the attempt. */
#ifndef SEAWALL_TESTS_SOCKET_H
#define SEAWALL_TESTS_SOCKET_H

#include <seawall.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct http_answer {
    unsigned status;
    uint64_t retry_after_ns;
    size_t body_bytes;
    char body[4096]; /* its beginning */
};

static inline int http_is_ready(int one, short events, uint64_t deadline_ns) {
    struct pollfd descriptor = { one, events, 0 };
    const uint64_t left_ms = (seawall_deadline_remaining(deadline_ns, 0) + 999999) / 1000000;
    return poll(&descriptor, 1, left_ms > 60000 ? 60000 : (int)left_ms) == 1;
}

static inline uint32_t http_connect(int one, int port, uint64_t deadline_ns) {
    struct sockaddr_in address;
    int error = 0;
    socklen_t length = sizeof error;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)fcntl(one, F_SETFL, O_NONBLOCK);
    if (connect(one, (const struct sockaddr *)&address, sizeof address) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return SEAWALL_TROUBLE_NOT_CONNECTED;
    }
    if (!http_is_ready(one, POLLOUT, deadline_ns)) {
        return SEAWALL_TROUBLE_CONNECT_TIMEOUT;
    }
    const int asked = getsockopt(one, SOL_SOCKET, SO_ERROR, &error, &length);
    return asked == 0 && error == 0 ? 0 : SEAWALL_TROUBLE_NOT_CONNECTED;
}

/* The value of a header within a head that ends with NUL; null when it is not there. */
static inline const char *http_header(const char *head, const char *name) {
    const size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            const char *value = line + 3 + length;
            return value + strspn(value, " \t");
        }
    }
    return NULL;
}

/* What the head says; answers how long the body will be, or SIZE_MAX when only its end will tell. */
static inline size_t http_read_head(const char *head, struct http_answer *answer) {
    const char *asked = http_header(head, "Retry-After");
    const char *length = http_header(head, "Content-Length");
    if (asked != NULL
        && seawall_retry_after(asked, strcspn(asked, "\r"), (uint64_t)time(NULL) * 1000, &answer->retry_after_ns) != SEAWALL_OK) {
        answer->retry_after_ns = 0;
    }
    return length == NULL ? SIZE_MAX : (size_t)strtoull(length, NULL, 10);
}

/* Sends a request and reads the whole answer; answers SEAWALL_TROUBLE_* or 0. */
static inline uint32_t http_exchange(int port, const char *request, uint64_t deadline_ns, struct http_answer *answer) {
    char head[4096], piece[16384];
    size_t head_bytes = 0, wanted = 0, sent = 0;
    int has_head = 0;
    int one = socket(AF_INET, SOCK_STREAM, 0);
    memset(answer, 0, sizeof *answer);
    uint32_t trouble = http_connect(one, port, deadline_ns);
    while (trouble == 0 && sent < strlen(request)) {
        const ssize_t now = send(one, request + sent, strlen(request) - sent, MSG_NOSIGNAL);
        if (now > 0) {
            sent += (size_t)now;
        } else if (errno != EAGAIN && errno != EWOULDBLOCK) {
            trouble = SEAWALL_TROUBLE_RESET;
        } else if (!http_is_ready(one, POLLOUT, deadline_ns)) {
            trouble = SEAWALL_TROUBLE_READ_TIMEOUT;
        }
    }
    while (trouble == 0 && !(has_head && answer->body_bytes >= wanted)) {
        if (!http_is_ready(one, POLLIN, deadline_ns)) {
            trouble = SEAWALL_TROUBLE_READ_TIMEOUT;
            break;
        }
        const ssize_t got = recv(one, piece, sizeof piece, 0);
        if (got <= 0) {
            const int is_end = got == 0 && has_head && wanted == SIZE_MAX;
            trouble = is_end ? 0 : SEAWALL_TROUBLE_RESET;
            break;
        }
        const char *body = piece;
        size_t body_bytes = (size_t)got;
        if (!has_head) {
            const size_t before = head_bytes;
            const size_t room = sizeof head - 1 - head_bytes;
            const size_t taken = body_bytes < room ? body_bytes : room;
            memcpy(head + head_bytes, piece, taken);
            head_bytes += taken;
            head[head_bytes] = '\0';
            char *end = strstr(head, "\r\n\r\n");
            if (end == NULL) {
                trouble = taken < body_bytes ? SEAWALL_TROUBLE_PROTOCOL : 0;
                continue;
            }
            has_head = 1;
            end[2] = '\0';
            const size_t of_head = (size_t)(end + 4 - head) - before;
            body += of_head;
            body_bytes -= of_head;
            wanted = http_read_head(head, answer);
            if (sscanf(head, "HTTP/1.%*1d %3u", &answer->status) != 1) {
                trouble = SEAWALL_TROUBLE_PROTOCOL;
            }
        }
        if (answer->body_bytes < sizeof answer->body - 1) {
            const size_t room = sizeof answer->body - 1 - answer->body_bytes;
            memcpy(answer->body + answer->body_bytes, body, body_bytes < room ? body_bytes : room);
        }
        answer->body_bytes += body_bytes;
    }
    (void)close(one);
    return trouble;
}

#endif
