/* A policy of tests/vectors, which is written in JSON there, as the TOML that the library reads. In C and C++. */
#ifndef SEAWALL_TESTS_TOML_H
#define SEAWALL_TESTS_TOML_H

#include "json.h"

struct toml_text {
    char bytes[4096];
    size_t length;
};

static inline void toml_add(struct toml_text *text, const char *piece) {
    const size_t room = sizeof text->bytes - text->length;
    const int length = snprintf(text->bytes + text->length, room, "%s", piece);
    text->length += (size_t)length < room ? (size_t)length : room - 1;
}

static inline void toml_add_value(struct toml_text *text, const struct json *value) {
    const bool is_object = value->kind == JSON_OBJECT;
    char number[32];
    if (is_object || value->kind == JSON_ARRAY) {
        toml_add(text, is_object ? "{ " : "[ ");
        for (const struct json *one = value->child; one != NULL; one = one->next) {
            if (is_object) {
                toml_add(text, one->key);
                toml_add(text, " = ");
            }
            toml_add_value(text, one);
            toml_add(text, one->next == NULL ? " " : ", ");
        }
        toml_add(text, is_object ? "}" : "]");
    } else if (value->kind == JSON_TEXT) {
        toml_add(text, "\"");
        toml_add(text, value->text);
        toml_add(text, "\"");
    } else if (value->kind == JSON_BOOL) {
        toml_add(text, value->number != 0 ? "true" : "false");
    } else {
        (void)snprintf(number, sizeof number, "%.15g", value->real);
        toml_add(text, number);
    }
}

/* The table of one dependency, a key a line. */
static inline void toml_of_policy(struct toml_text *text, const struct json *policy) {
    text->length = 0;
    text->bytes[0] = '\0';
    for (const struct json *one = policy == NULL ? NULL : policy->child; one != NULL; one = one->next) {
        toml_add(text, one->key);
        toml_add(text, " = ");
        toml_add_value(text, one);
        toml_add(text, "\n");
    }
}

#endif
