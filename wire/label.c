#include "wire/label.h"

#include "util/limits.h"

#include <string.h>

static bool is_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Letters and digits at both ends; - _ . between them. */
static bool is_label_text(const char *text, size_t size) {
    if (size == 0 || size > LIMIT_LABEL_VALUE_SIZE_MAX || !is_alnum(text[0]) ||
        !is_alnum(text[size - 1])) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!is_alnum(text[i]) && strchr("-_.", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool is_label_name(const char *text) {
    char prefix[LIMIT_NAME_SIZE_MAX + 1];
    const char *slash = strchr(text, '/');
    if (slash != NULL) {
        size_t size = (size_t)(slash - text);
        if (size > LIMIT_NAME_SIZE_MAX) {
            return false;
        }
        memcpy(prefix, text, size);
        prefix[size] = 0;
        if (!field_format_dns_subdomain.is_valid(prefix)) {
            return false;
        }
        text = slash + 1;
    }
    return is_label_text(text, strlen(text));
}

static bool is_label_value(const char *text) {
    return *text == 0 || is_label_text(text, strlen(text));
}

const struct field_format field_format_label_name = {
    "a label's name: letters, digits, - _ . (63 characters at most), a DNS name and / before them",
    is_label_name};
const struct field_format field_format_label_value = {
    "a label's value: letters, digits, - _ . (63 characters at most)", is_label_value};

static const char *const operators[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};

/* clang-format off: a row a field */
static const struct field requirement_fields[] = {
    {.name = "key",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct label_requirement, key),
     .flags = FIELD_REQUIRED,
     .max = LIMIT_LABEL_NAME_SIZE_MAX,
     .format = &field_format_label_name,
     .help = "a label's name"},
    {.name = "operator",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct label_requirement, operator),
     .flags = FIELD_REQUIRED,
     .choices = operators,
     .help = "how the label is compared"},
    {.name = "values",
     .number = 3,
     .type = FIELD_TEXTS,
     .offset = offsetof(struct label_requirement, values),
     .flags = FIELD_EMPTY,
     .max = LIMIT_SELECTOR_VALUES_MAX,
     .format = &field_format_label_value,
     .help = "for In and NotIn, at least one; for the others none"},
};
static const struct field selector_fields[] = {
    {.name = "matchLabels",
     .number = 1,
     .type = FIELD_MAP,
     .offset = offsetof(struct label_selector, match_labels),
     .flags = FIELD_EMPTY,
     .format = &field_format_label_value,
     .name_format = &field_format_label_name,
     .help = "labels that must be there with these values"},
    {.name = "matchExpressions",
     .number = 2,
     .type = FIELD_OBJECTS,
     .offset = offsetof(struct label_selector, match_expressions),
     .flags = FIELD_EMPTY,
     .shape = &shape_label_requirement,
     .help = "further requirements; all must hold"},
};
/* clang-format on */
SHAPE(shape_label_requirement, label_requirement, requirement_fields);
SHAPE(shape_label_selector, label_selector, selector_fields);

void label_selector_check(const struct label_selector *selector, const char *pointer,
                          struct arena *arena, struct problem *problem) {
    const struct label_requirement *items =
        selector != NULL ? selector->match_expressions.items : NULL;
    for (size_t i = 0; items != NULL && i < selector->match_expressions.count; i++) {
        bool takes_values =
            strcmp(items[i].operator, "In") == 0 || strcmp(items[i].operator, "NotIn") == 0;
        if (takes_values != (items[i].values.count > 0)) {
            problem_add(problem, arena_printf(arena, "%s/matchExpressions/%zu/values", pointer, i),
                        "%s %s", items[i].operator,
                        takes_values ? "needs at least one" : "takes none");
        }
    }
}
