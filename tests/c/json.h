/* A reader, in C and C++, for the JSON of tests/vectors: numbers without exponents, no \u escapes. One allocation
 * for a whole file; texts stay where they are in it, and are ended in place. */
#ifndef SEAWALL_TESTS_JSON_H
#define SEAWALL_TESTS_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    const char *key;    /* in an object */
    const char *text;   /* of a text */
    int64_t number;     /* of a number, cut to a whole one; 0 or 1 of a bool */
    double real;        /* of a number */
    struct json *child; /* first of an array or object */
    struct json *next;  /* next of the same array or object */
};

struct json_reader {
    char *at;
    struct json *free_node;
    bool is_wrong;
};

static inline void json_skip(struct json_reader *reader) {
    while (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\t' || *reader->at == '\r') {
        reader->at++;
    }
}

static inline bool json_take(struct json_reader *reader, const char *word) {
    size_t length = strlen(word);
    json_skip(reader);
    if (strncmp(reader->at, word, length) != 0) {
        return false;
    }
    reader->at += length;
    return true;
}

/* The text behind an opening quote, ended in place. */
static inline const char *json_read_text(struct json_reader *reader) {
    char *start = reader->at;
    char *end = start;
    while (*reader->at != '"') {
        if (*reader->at == '\\') {
            reader->at++;
        }
        if (*reader->at == '\0') {
            reader->is_wrong = true;
            return "";
        }
        *end++ = *reader->at++;
    }
    reader->at++;
    *end = '\0';
    return start;
}

static inline struct json *json_read(struct json_reader *reader) {
    struct json *node = reader->free_node++;
    memset(node, 0, sizeof *node);
    if (json_take(reader, "{") || json_take(reader, "[")) {
        bool is_object = reader->at[-1] == '{';
        const char *end = is_object ? "}" : "]";
        struct json **place = &node->child;
        node->kind = is_object ? JSON_OBJECT : JSON_ARRAY;
        if (json_take(reader, end)) {
            return node;
        }
        do {
            const char *key = NULL;
            if (is_object) {
                reader->is_wrong |= !json_take(reader, "\"");
                key = json_read_text(reader);
                reader->is_wrong |= !json_take(reader, ":");
            }
            if (reader->is_wrong) {
                return node;
            }
            *place = json_read(reader);
            (*place)->key = key;
            place = &(*place)->next;
        } while (json_take(reader, ","));
        reader->is_wrong |= !json_take(reader, end);
    } else if (json_take(reader, "\"")) {
        node->kind = JSON_TEXT;
        node->text = json_read_text(reader);
    } else if (json_take(reader, "true")) {
        node->kind = JSON_BOOL;
        node->number = 1;
    } else if (json_take(reader, "false")) {
        node->kind = JSON_BOOL;
    } else if (!json_take(reader, "null")) {
        char *end = reader->at;
        node->kind = JSON_NUMBER;
        node->number = strtoll(reader->at, &end, 10);
        node->real = (double)node->number;
        if (*end == '.') {
            node->real = strtod(reader->at, &end);
        }
        reader->is_wrong |= end == reader->at;
        reader->at = end;
    }
    return node;
}

/* Reads a whole file. Free *memory when done; null when the file is not there or is no JSON. */
static inline const struct json *json_load(const char *path, void **memory) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    (void)fseek(file, 0, SEEK_END);
    long size = ftell(file);
    (void)fseek(file, 0, SEEK_SET);
    /* Every value takes at least two characters, itself and what parts it from the next. */
    size_t nodes = ((size_t)size / 2 + 2) * sizeof(struct json);
    struct json_reader reader = { NULL, NULL, size < 0 };
    *memory = size < 0 ? NULL : malloc(nodes + (size_t)size + 1);
    const struct json *root = NULL;
    if (*memory != NULL) {
        reader.free_node = (struct json *)*memory;
        reader.at = (char *)*memory + nodes;
        reader.at[fread(reader.at, 1, (size_t)size, file)] = '\0';
        root = json_read(&reader);
        json_skip(&reader);
    }
    (void)fclose(file);
    return root != NULL && !reader.is_wrong && *reader.at == '\0' ? root : NULL;
}

static inline const struct json *json_get(const struct json *object, const char *key) {
    const struct json *child = object == NULL ? NULL : object->child;
    while (child != NULL && strcmp(child->key, key) != 0) {
        child = child->next;
    }
    return child;
}

static inline int64_t json_number(const struct json *object, const char *key, int64_t otherwise) {
    const struct json *child = json_get(object, key);
    return child == NULL ? otherwise : child->number;
}

static inline const char *json_text(const struct json *object, const char *key, const char *otherwise) {
    const struct json *child = json_get(object, key);
    return child == NULL || child->text == NULL ? otherwise : child->text;
}

#endif
