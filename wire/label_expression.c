/* Calico's selector grammar (wire/label.h): a scanner with two states, an operand is due or an
 * operator is due. Only the form is checked, so that precedence needs no tree and parentheses only
 * a count. */
#include "util/limits.h"
#include "wire/label.h"

#include <string.h>

static const char name_characters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-";

struct scan {
    const char *at;
    unsigned depth;       /* of open parentheses */
    const char *expected; /* NULL while nothing is wrong */
};

static bool fail(struct scan *scan, const char *expected) {
    scan->expected = expected;
    return false;
}

static void skip_spaces(struct scan *scan) {
    scan->at += strspn(scan->at, " \t\r\n");
}

static bool take(struct scan *scan, const char *token) {
    skip_spaces(scan);
    size_t size = strlen(token);
    if (strncmp(scan->at, token, size) != 0) {
        return false;
    }
    scan->at += size;
    return true;
}

/* A token of letters: nothing of a longer name. */
static bool take_word(struct scan *scan, const char *word) {
    skip_spaces(scan);
    return strspn(scan->at, name_characters) == strlen(word) && take(scan, word);
}

/* "name(": a label may have the same name, so that both count or neither. */
static bool take_call(struct scan *scan, const char *name) {
    const char *start = scan->at;
    if (take_word(scan, name) && take(scan, "(")) {
        return true;
    }
    scan->at = start;
    return false;
}

static bool take_name(struct scan *scan) {
    char name[LIMIT_LABEL_NAME_SIZE_MAX + 1];
    skip_spaces(scan);
    size_t size = strspn(scan->at, name_characters);
    if (size < sizeof name) {
        memcpy(name, scan->at, size);
        name[size] = 0;
        if (field_format_label_name.is_valid(name)) {
            scan->at += size;
            return true;
        }
    }
    return fail(scan, "all(), has(NAME) or a label's name");
}

static bool take_value(struct scan *scan) {
    char value[LIMIT_LABEL_VALUE_SIZE_MAX + 1];
    skip_spaces(scan);
    const char *end =
        *scan->at == '\'' || *scan->at == '"' ? strchr(scan->at + 1, *scan->at) : NULL;
    size_t size = end != NULL ? (size_t)(end - scan->at) - 1 : sizeof value;
    if (size < sizeof value) {
        memcpy(value, scan->at + 1, size);
        value[size] = 0;
        if (field_format_label_value.is_valid(value)) {
            scan->at = end + 1;
            return true;
        }
    }
    return fail(scan, "a label's value in quotes");
}

static bool take_set(struct scan *scan) {
    if (!take(scan, "{")) {
        return fail(scan, "{");
    }
    if (take(scan, "}")) {
        return true;
    }
    do {
        if (!take_value(scan)) {
            return false;
        }
    } while (take(scan, ","));
    return take(scan, "}") || fail(scan, ", or }");
}

static bool take_comparison(struct scan *scan) {
    if (!take_name(scan)) {
        return false;
    }
    if (take(scan, "==") || take(scan, "!=")) {
        return take_value(scan);
    }
    if (take_word(scan, "in") || (take_word(scan, "not") && take_word(scan, "in"))) {
        return take_set(scan);
    }
    return fail(scan, "==, !=, in or not in");
}

static bool take_operand(struct scan *scan) {
    if (take_call(scan, "all")) {
        return take(scan, ")") || fail(scan, ")");
    }
    if (take_call(scan, "has")) {
        return take_name(scan) && (take(scan, ")") || fail(scan, ")"));
    }
    return take_comparison(scan);
}

/* What may stand before an operand. */
static bool take_openings(struct scan *scan) {
    for (;;) {
        if (take(scan, "(")) {
            scan->depth++;
        } else if (!take(scan, "!")) {
            return true;
        }
        if (scan->depth > LIMIT_SELECTOR_DEPTH_MAX) {
            return fail(scan, "fewer parentheses inside one another");
        }
    }
}

static bool take_expression(struct scan *scan) {
    do {
        if (!take_openings(scan) || !take_operand(scan)) {
            return false;
        }
        while (scan->depth > 0 && take(scan, ")")) {
            scan->depth--;
        }
    } while (take(scan, "&&") || take(scan, "||"));
    skip_spaces(scan);
    if (*scan->at != 0) {
        return fail(scan, "&& or ||");
    }
    return scan->depth == 0 || fail(scan, ")");
}

void label_expression_check(const char *text, const char *pointer, struct problem *problem) {
    struct scan scan = {.at = text};
    if (!take_expression(&scan)) {
        problem_add(problem, pointer, "is no selector: at byte %zu, where %s should stand",
                    (size_t)(scan.at - text), scan.expected);
    }
}
