/* The server of the end-to-end tests, and the faults before it. SEAWALL_RIG names the program (tests/rig). In C and C++. */
#ifndef SEAWALL_TESTS_RIG_H
#define SEAWALL_TESTS_RIG_H

#include "check.h"
#include "socket.h"

#include <stdbool.h>
#include <sys/wait.h>

static int api_port, upstream_port, proxy_port;
static int rig_input = -1;

/* Starts the program and reads the one line that it says. */
static inline bool launch_rig(const char *program) {
    int in[2], out[2];
    char line[256] = "";
    if (pipe(in) != 0 || pipe(out) != 0) {
        return false;
    }
    if (fork() == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)close(in[1]);
        (void)close(out[0]);
        (void)execl(program, program, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    rig_input = in[1];
    for (size_t length = 0; length < sizeof line - 1 && strchr(line, '\n') == NULL; length++) {
        if (read(out[0], line + length, 1) != 1) {
            break;
        }
    }
    (void)close(out[0]);
    const char *form = "{\"toxiproxy\":\"http://127.0.0.1:%d\",\"upstream\":\"127.0.0.1:%d\"}";
    return sscanf(line, form, &api_port, &upstream_port) == 2;
}

/* Asks the rig for something; its answer's body is in `answer`. */
static inline void rig(const char *method, const char *path, const char *body, struct http_answer *answer) {
    char request[512];
    (void)snprintf(request, sizeof request,
        "%s %s HTTP/1.1\r\nHost: rig\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method, path, strlen(body), body);
    const uint32_t trouble = http_exchange(api_port, request, seawall_deadline_after(0, UINT64_C(5000000000)), answer);
    if (trouble != 0 || answer->status >= 300) {
        printf("the rig: %s %s: trouble %u, status %u %s\n", method, path, trouble, answer->status, answer->body);
    }
    CHECK(trouble == 0 && answer->status < 300);
}

static inline void add_fault(const char *kind, const char *attribute, int value) {
    struct http_answer answer;
    char body[160];
    (void)snprintf(body, sizeof body, "{\"name\":\"t\",\"type\":\"%s\",\"attributes\":{\"%s\":%d}}", kind, attribute, value);
    rig("POST", "/proxies/c/toxics", body, &answer);
}

static inline void end_fault(void) {
    struct http_answer answer;
    rig("DELETE", "/proxies/c/toxics/t", "", &answer);
}

static inline void switch_server(bool is_on) {
    struct http_answer answer;
    rig("POST", "/proxies/c", is_on ? "{\"enabled\":true}" : "{\"enabled\":false}", &answer);
}

/* The server, and a proxy before it at proxy_port; false, and the test is over, when there is none. */
static inline bool start_rig(void) {
    const char *program = getenv("SEAWALL_RIG");
    struct http_answer answer;
    char body[160];
    if (program == NULL || *program == '\0') {
        return false;
    }
    CHECK(launch_rig(program));
    const char *form = "{\"name\":\"c\",\"listen\":\"127.0.0.1:0\",\"upstream\":\"127.0.0.1:%d\"}";
    (void)snprintf(body, sizeof body, form, upstream_port);
    rig("POST", "/proxies", body, &answer);
    const char *listen_at = strstr(answer.body, "\"listen\":\"127.0.0.1:");
    CHECK(listen_at != NULL && sscanf(listen_at, "\"listen\":\"127.0.0.1:%d", &proxy_port) == 1);
    return failed_count == 0;
}

/* Ends the server, if there is one; the program's last line and its exit status. */
static inline int stop_rig(void) {
    if (rig_input >= 0) {
        (void)close(rig_input); /* it ends with its input */
        (void)wait(NULL);
        return check_end();
    }
    const char *must = getenv("REQUIRE_ALL");
    const bool is_wrong = must != NULL && strcmp(must, "1") == 0;
    printf("SEAWALL_RIG names no server with faults\n0 passed, %d failed, 1 skipped\n", is_wrong ? 1 : 0);
    return is_wrong ? 1 : 0;
}

#endif
