#include "store/pages.h"

#include "store/meta.h"
#include "store/txn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define META_COUNT    2u
#define META_MAGIC    0xBEEFC0DEu
#define DATA_VERSION  1u
#define PAGE_SIZE_MAX 0x8000u /* the largest that LMDB chooses by itself */
#define HEADER_SIZE   16u     /* of a page */
#define NODE_SIZE     8u      /* of a node, before key and data */
#define TREE_SIZE     48u     /* struct MDB_db */
#define NO_PAGE       UINT64_MAX
#define DEPTH_MAX     32u
#define PAGE_BRANCH   0x01u
#define PAGE_LEAF     0x02u
#define PAGE_OVERFLOW 0x04u
#define PAGE_META     0x08u
#define NODE_BIG      0x01u /* the data is the number of an overflow page */
#define NODE_TREE     0x02u /* the data is a tree's struct */
#define FLAG_NUMBERS  0x08u /* MDB_INTEGERKEY */
#define FREE_KEY_SIZE 8u

/* struct MDB_db, without what nothing depends on. */
struct tree {
    uint16_t flags;
    uint16_t depth;
    uint64_t row_count;
    uint64_t root;
};

struct audit {
    struct slice file;
    size_t page_size;
    uint64_t page_count;
    uint64_t txn_number;
    uint8_t *claimed; /* a bit a page: somebody uses it */
    struct tree free_tree, main_tree;
    struct tally tally;
    uint64_t event_count;
    struct meta meta;
    bool has_meta;
};

struct node {
    struct slice key;
    uint16_t flags;
    uint32_t data_size; /* of the row; in the node unless NODE_BIG */
    uint64_t child;     /* in a branch */
    struct slice data;  /* in a leaf, in the node */
};

/* What a row is for. False: it is wrong. */
typedef bool (*row_cb)(struct audit *audit, unsigned table, const struct node *node,
                       struct slice value);

/* A tree's walk. */
struct walk {
    struct audit *audit;
    const struct tree *tree;
    bool has_number_keys; /* of the machine's byte order: the free pages' */
    uint16_t node_flags;  /* that a leaf's node may have, beside NODE_BIG */
    unsigned table;
    row_cb row;
    uint64_t row_count;
    unsigned depth;
    struct level {
        const uint8_t *page;
        unsigned index, count;      /* children */
        struct slice least, beyond; /* keys: least <= all in here < beyond; data NULL: no bound */
    } levels[DEPTH_MAX];
};

/* LMDB writes its numbers in the machine's byte order. */
static uint16_t u16_at(const uint8_t *at) {
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t u32_at(const uint8_t *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint64_t u64_at(const uint8_t *at) {
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* ---- pages ---- */

static const uint8_t *page_at(const struct audit *audit, uint64_t number) {
    return audit->file.data + number * audit->page_size;
}

/* Takes pages for one use; false when they are not there or in use. */
static bool claim(struct audit *audit, uint64_t number, uint64_t count) {
    if (number < META_COUNT || number >= audit->page_count || count > audit->page_count - number) {
        return false;
    }
    for (uint64_t i = number; i < number + count; i++) {
        uint8_t bit = (uint8_t)(1u << i % 8);
        if ((audit->claimed[i / 8] & bit) != 0) {
            return false;
        }
        audit->claimed[i / 8] |= bit;
    }
    return true;
}

static unsigned node_count(const uint8_t *page) {
    return (u16_at(page + 12) - HEADER_SIZE) / 2;
}

/* Whether the page is one of a tree, with sane bounds: header, then offsets of nodes up to `lower`,
 * then room, then nodes from `upper` on. */
static bool is_tree_page(const struct audit *audit, const uint8_t *page, uint64_t number,
                         uint16_t flags) {
    uint16_t lower = u16_at(page + 12);
    uint16_t upper = u16_at(page + 14);
    return u64_at(page) == number && u16_at(page + 10) == flags && lower > HEADER_SIZE &&
           lower % 2 == 0 && lower <= upper && upper <= audit->page_size;
}

/* The node at a place of the page; false when it does not lie within its nodes. Adds up the bytes
 * that nodes take. */
static bool read_node(const struct audit *audit, const uint8_t *page, unsigned index,
                      struct node *out_node, size_t *out_used) {
    bool is_leaf = u16_at(page + 10) == PAGE_LEAF;
    size_t at = u16_at(page + HEADER_SIZE + (size_t)index * 2);
    if (at < u16_at(page + 14) || at % 2 != 0 || at + NODE_SIZE > audit->page_size) {
        return false;
    }
    const uint8_t *node = page + at;
    size_t key_size = u16_at(node + 6);
    *out_node = (struct node){.key = slice_of(node + NODE_SIZE, key_size),
                              .flags = u16_at(node + 4),
                              .data_size = u32_at(node)};
    size_t data_size = 0;
    if (is_leaf) {
        data_size = (out_node->flags & NODE_BIG) != 0 ? sizeof(uint64_t) : out_node->data_size;
        out_node->data = slice_of(node + NODE_SIZE + key_size, data_size);
    } else {
        out_node->child = out_node->data_size | (uint64_t)out_node->flags << 32;
    }
    size_t size = NODE_SIZE + key_size + data_size;
    *out_used += size + size % 2;
    return size <= audit->page_size - at;
}

/* ---- rows ---- */

/* The data of a row, wherever it lies. */
static bool read_value(struct audit *audit, const struct node *node, struct slice *out_value) {
    *out_value = node->data;
    if ((node->flags & NODE_BIG) == 0) {
        return true;
    }
    uint64_t number = u64_at(node->data.data);
    uint64_t needed = (HEADER_SIZE - 1 + (uint64_t)node->data_size) / audit->page_size + 1;
    if (number >= audit->page_count) {
        return false;
    }
    const uint8_t *page = page_at(audit, number);
    uint64_t count = u32_at(page + 12);
    *out_value = slice_of(page + HEADER_SIZE, node->data_size);
    return count >= needed && u64_at(page) == number && u16_at(page + 10) == PAGE_OVERFLOW &&
           claim(audit, number, count);
}

/* A list of pages that became free in one transaction: count, numbers in falling order. */
static bool take_free(struct audit *audit, unsigned table, const struct node *node,
                      struct slice value) {
    (void)table;
    if (node->key.size != FREE_KEY_SIZE || u64_at(node->key.data) > audit->txn_number ||
        value.size < sizeof(uint64_t)) {
        return false;
    }
    uint64_t count = u64_at(value.data);
    if (count > value.size / sizeof(uint64_t) - 1) {
        return false;
    }
    uint64_t last = NO_PAGE;
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t number = u64_at(value.data + i * sizeof(uint64_t));
        if (number >= last || !claim(audit, number, 1)) {
            return false;
        }
        last = number;
    }
    return true;
}

static bool take_record(struct audit *audit, unsigned table, const struct node *node,
                        struct slice value) {
    if (table != TABLE_META) {
        tally_add(&audit->tally, table, node->key, value);
        audit->event_count += table == TABLE_EVENTS ? 1 : 0;
        return true;
    }
    bool is_first = !audit->has_meta;
    audit->has_meta = true;
    return is_first && slice_equal(node->key, slice_of_text(META_KEY)) &&
           meta_decode(value, &audit->meta) == ERR_OK;
}

/* ---- trees ---- */

static int compare_keys(const struct walk *walk, struct slice a, struct slice b) {
    if (!walk->has_number_keys || a.size != FREE_KEY_SIZE || b.size != FREE_KEY_SIZE) {
        return slice_compare(a, b);
    }
    uint64_t number_a = u64_at(a.data);
    uint64_t number_b = u64_at(b.data);
    return number_a < number_b ? -1 : number_a > number_b;
}

/* Whether the key follows the one before it on its page and lies within the page's bounds. */
static bool is_in_order(const struct walk *walk, const struct level *level, struct slice before,
                        struct slice key) {
    return (before.data == NULL || compare_keys(walk, before, key) < 0) &&
           (level->least.data == NULL || compare_keys(walk, level->least, key) <= 0) &&
           (level->beyond.data == NULL || compare_keys(walk, key, level->beyond) < 0);
}

static bool visit_leaf(struct walk *walk, const struct level *level) {
    struct audit *audit = walk->audit;
    struct slice before = slice_of(NULL, 0);
    size_t used = 0;
    for (unsigned i = 0; i < level->count; i++) {
        struct node node;
        struct slice value;
        if (!read_node(audit, level->page, i, &node, &used) || node.key.size == 0 ||
            !is_in_order(walk, level, before, node.key) ||
            (node.flags & ~NODE_BIG) != walk->node_flags || !read_value(audit, &node, &value) ||
            !walk->row(audit, walk->table, &node, value)) {
            return false;
        }
        before = node.key;
    }
    walk->row_count += level->count;
    return used == audit->page_size - u16_at(level->page + 14);
}

/* The keys of a branch part its children; the first child's is not used. */
static bool check_branch(const struct walk *walk, const struct level *level) {
    struct slice before = slice_of(NULL, 0);
    size_t used = 0;
    for (unsigned i = 0; i < level->count; i++) {
        struct node node;
        if (!read_node(walk->audit, level->page, i, &node, &used) ||
            (i > 0 && !is_in_order(walk, level, before, node.key))) {
            return false;
        }
        before = i > 0 ? node.key : before;
    }
    return used == walk->audit->page_size - u16_at(level->page + 14);
}

/* Goes down to a page. */
static bool enter(struct walk *walk, uint64_t number, struct slice least, struct slice beyond) {
    bool is_leaf = walk->depth + 1u == walk->tree->depth;
    if (!claim(walk->audit, number, 1)) {
        return false;
    }
    const uint8_t *page = page_at(walk->audit, number);
    if (!is_tree_page(walk->audit, page, number, is_leaf ? PAGE_LEAF : PAGE_BRANCH)) {
        return false;
    }
    struct level *level = &walk->levels[walk->depth];
    *level =
        (struct level){.page = page, .count = node_count(page), .least = least, .beyond = beyond};
    if (is_leaf) {
        return visit_leaf(walk, level);
    }
    walk->depth++;
    return check_branch(walk, level);
}

/* The next child of the branch at the bottom, or up again. */
static bool step(struct walk *walk) {
    struct level *level = &walk->levels[walk->depth - 1];
    if (level->index == level->count) {
        walk->depth--;
        return true;
    }
    struct node node;
    struct node next;
    size_t ignored = 0;
    struct slice least = level->least;
    struct slice beyond = level->beyond;
    bool is_read = read_node(walk->audit, level->page, level->index, &node, &ignored);
    if (level->index > 0) {
        least = node.key;
    }
    if (is_read && level->index + 1 < level->count) {
        is_read = read_node(walk->audit, level->page, level->index + 1, &next, &ignored);
        beyond = next.key;
    }
    level->index++;
    return is_read && enter(walk, node.child, least, beyond);
}

static bool check_tree(struct walk *walk) {
    const struct tree *tree = walk->tree;
    if (tree->root == NO_PAGE) {
        return tree->depth == 0 && tree->row_count == 0;
    }
    const struct slice unbounded = slice_of(NULL, 0);
    bool is_whole =
        tree->depth > 0 && tree->depth < DEPTH_MAX && enter(walk, tree->root, unbounded, unbounded);
    while (is_whole && walk->depth > 0) {
        is_whole = step(walk);
    }
    return is_whole && walk->row_count == tree->row_count;
}

static struct tree tree_at(const uint8_t *at) {
    return (struct tree){.flags = u16_at(at + 4),
                         .depth = u16_at(at + 6),
                         .row_count = u64_at(at + 32),
                         .root = u64_at(at + 40)};
}

/* A row of the main tree: a table. */
static bool take_table(struct audit *audit, unsigned ignored, const struct node *node,
                       struct slice value) {
    (void)ignored;
    unsigned table = 0;
    while (table < TABLE_COUNT &&
           !slice_equal(node->key, slice_of_text(txn_table_name((enum table)table)))) {
        table++;
    }
    if (table == TABLE_COUNT || value.size != TREE_SIZE) {
        return false;
    }
    struct tree tree = tree_at(value.data);
    struct walk walk = {.audit = audit, .tree = &tree, .table = table, .row = take_record};
    return tree.flags == 0 && check_tree(&walk);
}

/* ---- the file ---- */

struct file_meta {
    uint32_t page_size;
    uint64_t last_page;
    uint64_t txn_number;
    struct tree free_tree, main_tree;
};

static bool read_meta(const uint8_t *page, struct file_meta *out_meta) {
    const uint8_t *meta = page + HEADER_SIZE;
    const uint8_t *trees = meta + 24;
    *out_meta = (struct file_meta){.page_size = u32_at(trees),
                                   .free_tree = tree_at(trees),
                                   .main_tree = tree_at(trees + TREE_SIZE),
                                   .last_page = u64_at(trees + 2 * TREE_SIZE),
                                   .txn_number = u64_at(trees + 2 * TREE_SIZE + 8)};
    return (u16_at(page + 10) & PAGE_META) != 0 && u32_at(meta) == META_MAGIC &&
           u32_at(meta + 4) == DATA_VERSION;
}

/* LMDB goes by the newer meta; transaction N writes meta N % 2. */
static bool read_metas(struct audit *audit) {
    struct file_meta metas[META_COUNT];
    if (!read_meta(page_at(audit, 0), &metas[0]) || !read_meta(page_at(audit, 1), &metas[1])) {
        return false;
    }
    unsigned newer = metas[0].txn_number < metas[1].txn_number ? 1 : 0;
    const struct file_meta *meta = &metas[newer];
    audit->page_count = meta->last_page + 1;
    audit->txn_number = meta->txn_number;
    audit->free_tree = meta->free_tree;
    audit->main_tree = meta->main_tree;
    return meta->txn_number % META_COUNT == newer && meta->page_size == audit->page_size &&
           meta->last_page < audit->file.size / audit->page_size &&
           meta->free_tree.flags == FLAG_NUMBERS && meta->main_tree.flags == 0;
}

static bool check_all(struct audit *audit) {
    struct walk free_pages = {
        .audit = audit, .tree = &audit->free_tree, .has_number_keys = true, .row = take_free};
    struct walk tables = {
        .audit = audit, .tree = &audit->main_tree, .node_flags = NODE_TREE, .row = take_table};
    return check_tree(&free_pages) && check_tree(&tables) && audit->has_meta &&
           audit->meta.tally.digest == audit->tally.digest &&
           audit->meta.tally.size == audit->tally.size &&
           audit->meta.event_count == audit->event_count;
}

bool pages_are_whole(struct slice file) {
    struct audit audit = {.file = file, .page_size = (size_t)sysconf(_SC_PAGESIZE)};
    audit.page_size = MIN_OF(audit.page_size, (size_t)PAGE_SIZE_MAX);
    if (file.size < META_COUNT * audit.page_size || !read_metas(&audit)) {
        return false;
    }
    audit.claimed = must_alloc_zeroed(audit.page_count / 8 + 1, 1);
    bool is_whole = check_all(&audit);
    free(audit.claimed);
    return is_whole;
}
