/* An intrusive, circular, doubly linked list. The node lives inside its owner (CONTAINER_OF gets
 * back to it); a node that is in no list points to itself, so that list_remove may be called twice.
 */
#ifndef WEFT_UTIL_LIST_H
#define WEFT_UTIL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next;
    struct list *previous;
};

static inline void list_init(struct list *list) {
    list->next = list;
    list->previous = list;
}

static inline bool list_is_empty(const struct list *list) {
    return list->next == list;
}

static inline void list_append(struct list *list, struct list *node) {
    node->previous = list->previous;
    node->next = list;
    list->previous->next = node;
    list->previous = node;
}

static inline void list_remove(struct list *node) {
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

/* Takes the first node out; NULL when the list is empty. */
static inline struct list *list_take_first(struct list *list) {
    if (list_is_empty(list)) {
        return NULL;
    }
    struct list *node = list->next;
    list->next =
        node->next; /* as list_remove, and plain to who cannot know that node->previous is list */
    node->next->previous = list;
    list_init(node);
    return node;
}

/* Moves all nodes of `from` to the end of `to`: what is due is collected first, called back after.
 */
static inline void list_move_all(struct list *from, struct list *to) {
    if (list_is_empty(from)) {
        return;
    }
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

/* Walks; the body may remove `node` itself, nothing else. */
#define LIST_FOR_EACH(head, node)                                                                  \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)

#endif
