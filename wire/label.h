/* Labels and what chooses by them: the syntax of names and values, Kubernetes' label selector, and
 * Calico's selector as a text. Pure: checks only; who chooses evaluates. */
#ifndef WEFT_WIRE_LABEL_H
#define WEFT_WIRE_LABEL_H

#include "wire/field.h"

/* "app", "kubernetes.io/metadata.name": at most 63 characters behind a DNS subdomain and a slash.
 * Source: Kubernetes, "Labels and Selectors", Syntax and character set. */
extern const struct field_format field_format_label_name;
extern const struct field_format field_format_label_value; /* 63 at most; may be empty */

/* {"matchLabels", "matchExpressions"}: all of them hold; without any it chooses everything. */
struct label_selector {
    struct text_map match_labels;
    struct object_list match_expressions; /* struct label_requirement */
};

struct label_requirement {
    const char *key;
    const char *operator;    /* "In", "NotIn", "Exists", "DoesNotExist" */
    struct text_list values; /* for In and NotIn, at least one */
};

extern const struct shape shape_label_selector;
extern const struct shape shape_label_requirement;

/* Checks what the fields alone do not say: which operator takes values. NULL is fine. Faults are
 * added to `problem` with pointers below `pointer`. Source: NETWORK.md 8, rule 12. */
void label_selector_check(const struct label_selector *selector, const char *pointer,
                          struct arena *arena, struct problem *problem);

/* Checks a selector in Calico's grammar:
 *     all()   has(NAME)   NAME == 'VALUE'   NAME != "VALUE"   NAME in {'A', 'B'}   NAME not in
 * {'A'} !x   x && y   x || y   (x) with && binding closer than ||. Shape: at most
 * LIMIT_SELECTOR_DEPTH_MAX open parentheses. A fault is added to `problem` at `pointer`, with its
 * byte. Source: NETWORK.md 8, the paragraph on Calico. */
void label_expression_check(const char *text, const char *pointer, struct problem *problem);

#endif
