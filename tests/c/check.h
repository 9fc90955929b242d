/* What the C tests share: facts that are counted, and the closing line that the suite reads. */
#ifndef SEAWALL_TESTS_CHECK_H
#define SEAWALL_TESTS_CHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static unsigned passed_count;
static unsigned failed_count;

/* Counts a fact. Prints it only when it is wrong, with the place. */
#define CHECK(fact) check_fact((fact) ? 1 : 0, #fact, __FILE__, __LINE__)

/* As CHECK, and says what was found. */
#define SAME(found, wanted) \
    check_same((int64_t)(found), (int64_t)(wanted), #found " == " #wanted, __FILE__, __LINE__)

#define SAME_TEXT(found, wanted) check_text((found), (wanted), #found, __FILE__, __LINE__)

static inline void check_fact(int is_true, const char *fact, const char *file, int line) {
    if (is_true) {
        passed_count++;
    } else {
        failed_count++;
        printf("%s:%d: not so: %s\n", file, line, fact);
    }
}

static inline void check_same(int64_t found, int64_t wanted, const char *fact, const char *file, int line) {
    check_fact(found == wanted, fact, file, line);
    if (found != wanted) {
        printf("    found %" PRId64 ", wanted %" PRId64 "\n", found, wanted);
    }
}

static inline void check_text(const char *found, const char *wanted, const char *fact, const char *file, int line) {
    check_fact(strcmp(found, wanted) == 0, fact, file, line);
    if (strcmp(found, wanted) != 0) {
        printf("    found \"%s\", wanted \"%s\"\n", found, wanted);
    }
}

/* The program's last line and its exit status. */
static inline int check_end(void) {
    printf("%u passed, %u failed\n", passed_count, failed_count);
    return failed_count == 0 ? 0 : 1;
}

#endif
