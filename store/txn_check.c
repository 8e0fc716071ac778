#include "store/txn_check.h"

#include "util/limits.h"

#include <stdio.h>
#include <string.h>

#define POINTER_SIZE 64u

/* ---- the form of one ---- */

static void check_compare(const struct txn_compare *compare, size_t index,
                          struct problem *problem) {
    char pointer[POINTER_SIZE];
    snprintf(pointer, sizeof pointer, "/if/%zu", index);
    if (compare->key == NULL) {
        problem_add(problem, pointer, "needs a key");
    }
    if (compare->target < TXN_TARGET_VERSION || compare->target > TXN_TARGET_VALUE) {
        problem_add(problem, pointer,
                    "needs one of version, revision, created_revision, value_b64 and value");
    }
    if (compare->relation < TXN_EQUAL || compare->relation > TXN_GREATER) {
        problem_add(problem, pointer, "op must be one of =, !=, < and >");
    }
}

static void check_operation(const struct txn_operation *operation, const char *pointer,
                            struct problem *problem) {
    bool is_put = operation->type == TXN_PUT;
    if (!is_put && operation->type != TXN_GET && operation->type != TXN_DELETE) {
        problem_add(problem, pointer, "must be one of put, get and delete");
        return;
    }
    if (is_put && (operation->key == NULL || operation->prefix != NULL)) {
        problem_add(problem, pointer, "a put needs a key");
        return;
    }
    if ((operation->key == NULL) == (operation->prefix == NULL)) {
        problem_add(problem, pointer, "needs either a key or a prefix");
    }
}

/* ---- what is written twice ---- */

static const char *type_name(const struct txn_operation *operation) {
    return operation->type == TXN_PUT ? "put" : "delete";
}

static bool is_write(const struct txn_operation *operation) {
    return operation->type == TXN_PUT || operation->type == TXN_DELETE;
}

static bool begins_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether some key is written by both. */
static bool overlaps(const struct txn_operation *a, const struct txn_operation *b) {
    if (a->prefix != NULL && b->prefix != NULL) {
        return begins_with(a->prefix, b->prefix) || begins_with(b->prefix, a->prefix);
    }
    if (a->prefix != NULL) {
        return begins_with(b->key, a->prefix);
    }
    return b->prefix != NULL ? begins_with(a->key, b->prefix) : strcmp(a->key, b->key) == 0;
}

static void check_overlaps(const struct object_list *branch, const char *name,
                           struct problem *problem) {
    const struct txn_operation *operations = branch->items;
    char pointer[POINTER_SIZE];
    for (size_t i = 0; i < branch->count; i++) {
        for (size_t earlier = 0; earlier < i; earlier++) {
            const struct txn_operation *one = &operations[i];
            const struct txn_operation *other = &operations[earlier];
            if (!is_write(one) || !is_write(other) || !overlaps(one, other)) {
                continue;
            }
            snprintf(pointer, sizeof pointer, "/%s/%zu/%s/%s", name, i, type_name(one),
                     one->key != NULL ? "key" : "prefix");
            problem_add(problem, pointer, "/%s/%zu writes the same key: once is the limit", name,
                        earlier);
            break;
        }
    }
}

static void check_branch(const struct object_list *branch, const char *name,
                         struct problem *problem) {
    const struct txn_operation *operations = branch->items;
    char pointer[POINTER_SIZE];
    if (branch->count > LIMIT_TXN_OPERATIONS_MAX) {
        snprintf(pointer, sizeof pointer, "/%s", name);
        problem_add(problem, pointer, "has %zu operations, at most %u are allowed", branch->count,
                    LIMIT_TXN_OPERATIONS_MAX);
        return;
    }
    unsigned faults = problem->error_count;
    for (size_t i = 0; i < branch->count; i++) {
        snprintf(pointer, sizeof pointer, "/%s/%zu", name, i);
        check_operation(&operations[i], pointer, problem);
    }
    if (problem->error_count == faults) {
        check_overlaps(branch, name, problem);
    }
}

enum err txn_check(const struct command_txn *txn, struct problem *problem) {
    const struct txn_compare *compares = txn->compares.items;
    if (txn->compares.count > LIMIT_TXN_COMPARES_MAX) {
        problem_add(problem, "/if", "has %zu compares, at most %u are allowed", txn->compares.count,
                    LIMIT_TXN_COMPARES_MAX);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < txn->compares.count; i++) {
        check_compare(&compares[i], i, problem);
    }
    check_branch(&txn->then_operations, "then", problem);
    check_branch(&txn->else_operations, "else", problem);
    return problem->err;
}
