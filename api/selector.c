#include "api/selector.h"

#include <string.h>

static enum err parse_term(char *text, struct selector_term *out_term, struct problem *problem) {
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || (equals == text + 1 && text[0] == '!')) {
        return problem_set(problem, ERR_BAD_REQUEST,
                           "a selector is name=value or name!=value, with commas between; '%.60s' "
                           "is not",
                           text);
    }
    out_term->is_negated = equals[-1] == '!';
    *(out_term->is_negated ? equals - 1 : equals) = 0;
    out_term->name = text;
    out_term->value = equals[1] == '=' && !out_term->is_negated ? equals + 2 : equals + 1;
    return ERR_OK;
}

enum err selector_parse(const char *text, struct arena *arena, struct selector *out_selector,
                        struct problem *problem) {
    char *rest = arena_strdup(arena, text);
    out_selector->count = 0;
    while (rest != NULL) {
        char *term = strsep(&rest, ",");
        if (out_selector->count == SELECTOR_TERMS_MAX) {
            return problem_set(problem, ERR_BAD_REQUEST, "a selector has %u terms at most",
                               SELECTOR_TERMS_MAX);
        }
        enum err err = parse_term(term, &out_selector->terms[out_selector->count], problem);
        if (err != ERR_OK) {
            return err;
        }
        out_selector->count++;
    }
    return ERR_OK;
}

static const char *find_label(const struct text_map *labels, const char *name) {
    for (size_t i = 0; labels != NULL && i < labels->count; i++) {
        if (strcmp(labels->items[i].name, name) == 0) {
            return labels->items[i].value;
        }
    }
    return NULL;
}

bool selector_matches(const struct selector *selector, const struct text_map *labels) {
    for (unsigned i = 0; i < selector->count; i++) {
        const struct selector_term *term = &selector->terms[i];
        const char *value = find_label(labels, term->name);
        bool is_equal = value != NULL && strcmp(value, term->value) == 0;
        if (is_equal == term->is_negated) {
            return false;
        }
    }
    return true;
}

static const struct field *find_labels_field(const struct shape *shape) {
    for (size_t i = 0; i < shape->field_count; i++) {
        if (shape->fields[i].type == FIELD_MAP && strcmp(shape->fields[i].name, "labels") == 0) {
            return &shape->fields[i];
        }
    }
    return NULL;
}

const struct text_map *selector_labels(const struct shape *shape, const void *object) {
    const char *base = object;
    const struct field *field = find_labels_field(shape);
    for (size_t i = 0; field == NULL && i < shape->field_count; i++) {
        const struct field *part = &shape->fields[i];
        if (part->type == FIELD_OBJECT && find_labels_field(part->shape) != NULL) {
            field = find_labels_field(part->shape);
            base = *(const char *const *)(const void *)((const char *)object + part->offset);
        }
    }
    if (field == NULL || base == NULL) {
        return NULL;
    }
    return (const struct text_map *)(const void *)(base + field->offset);
}
