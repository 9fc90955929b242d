/* How a story is told in C: what was expected, what was found, and where. Shared by the tellers of vectors.c. */
#ifndef SEAWALL_TESTS_STORY_H
#define SEAWALL_TESTS_STORY_H

#include <seawall.h>

#include "check.h"
#include "json.h"

/* Where the story is, for what is said when it goes wrong. */
static struct { const char *name; int step; bool is_wrong; } at;

static void wrong(const char *what, const char *wanted, const char *found) {
    at.is_wrong = true;
    printf("%s, step %d: %s is %s, wanted %s\n", at.name, at.step, what, found, wanted);
}

static void same_text(const char *what, const char *wanted, const char *found) {
    if (strcmp(wanted, found) != 0) {
        wrong(what, wanted, found);
    }
}

static void same(const char *what, int64_t wanted, uint64_t found) {
    char texts[2][24];
    (void)snprintf(texts[0], sizeof texts[0], "%" PRId64, wanted);
    (void)snprintf(texts[1], sizeof texts[1], "%" PRIu64, found);
    same_text(what, texts[0], texts[1]);
}

/* The number of a word in a list that ends with null. */
static uint32_t number_of(const char *const *words, const char *word) {
    uint32_t number = 0;
    for (; words[number] != NULL; number++) {
        if (strcmp(words[number], word) == 0) {
            return number;
        }
    }
    wrong("a word", "one of the list", word);
    return 0;
}

static const char *const MODES[] = { "enforce", "shadow", "off", NULL };
static const char *const OUTCOMES[] = { "success", "failure", "ignored", NULL };
static const char *const STATES[] = { "closed", "open", "half_open", "forced_open", "disabled", NULL };
static const char *const PROFILES[] = { "bucket", "finagle", "grpc", "aws_standard", "aws_legacy", NULL };
static const char *const CAUSES[] = { "failure", "throttled", "timeout", NULL };
static const char *const JITTERS[] = { "full", "equal", "decorrelated", "none", NULL };

/* A field of a struct that a key of a story names: a setting to write, or a value to compare. */
struct field { const char *key; size_t offset; size_t size; const char *const *words; };
#define FIELD(type, name) { #name, offsetof(type, name), sizeof(((type *)0)->name), NULL }
#define NAMED(type, name, key) { key, offsetof(type, name), sizeof(((type *)0)->name), NULL }
#define WORD(type, name, words) { #name, offsetof(type, name), sizeof(((type *)0)->name), words }
#define END { NULL, 0, 0, NULL }

static const struct field *field_of(const struct field *fields, const char *key) {
    while (fields->key != NULL && strcmp(fields->key, key) != 0) {
        fields++;
    }
    return fields->key == NULL ? NULL : fields;
}

static void set(void *config, const struct field *fields, const struct json *values) {
    for (const struct json *value = values->child; value != NULL; value = value->next) {
        const struct field *field = field_of(fields, value->key);
        if (field == NULL) {
            if (strcmp(value->key, "capacity") != 0 && strcmp(value->key, "now_ns") != 0) {
                wrong("a setting", "one that C has", value->key);
            }
            continue;
        }
        uint64_t wide = field->words != NULL ? number_of(field->words, value->text)
            : value->text != NULL            ? strtoull(value->text, NULL, 10)
                                             : (uint64_t)value->number;
        uint32_t narrow = (uint32_t)wide;
        void *place = (char *)config + field->offset;
        memcpy(place, field->size == 4 ? (void *)&narrow : (void *)&wide, field->size);
    }
}

/* Compares what an object says with the fields it names; answers whether the key was known. */
static bool compare(const void *seen, const struct field *fields, const struct json *wanted) {
    const struct field *field = field_of(fields, wanted->key);
    if (field == NULL) {
        return false;
    }
    uint32_t narrow = 0;
    uint64_t wide = 0;
    memcpy(field->size == 4 ? (void *)&narrow : (void *)&wide, (const char *)seen + field->offset, field->size);
    wide += narrow;
    if (field->words != NULL) {
        same_text(wanted->key, wanted->text, field->words[wide]);
    } else {
        same(wanted->key, wanted->number, wide);
    }
    return true;
}

/* Compares every key of a step but those that told the verb what to do. */
static void look(const struct json *step, const char *const *told, const void *seen, const struct field *fields) {
    for (const struct json *wanted = step->child; wanted != NULL; wanted = wanted->next) {
        bool is_told = false;
        for (const char *const *word = told; *word != NULL; word++) {
            is_told |= strcmp(*word, wanted->key) == 0;
        }
        if (is_told) {
            continue;
        }
        const bool is_group = wanted->kind == JSON_OBJECT;
        bool is_known = !is_group && compare(seen, fields, wanted);
        for (const struct json *inner = is_group ? wanted->child : NULL; inner != NULL; inner = inner->next) {
            char key[64];
            (void)snprintf(key, sizeof key, "%s.%s", wanted->key, inner->key);
            struct json renamed = *inner;
            renamed.key = key;
            is_known = compare(seen, fields, &renamed);
        }
        if (!is_known) {
            wrong("a key", "one that C can check", wanted->key);
        }
    }
}

#define IS(word) (strcmp(verb, word) == 0)

#endif
