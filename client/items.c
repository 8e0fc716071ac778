#include "client/items.h"

#include "util/limits.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_SIZE_MAX (64u * 1024u)
#define ITEMS_DEPTH    2u /* of what stands directly in the "items" list */

void items_init(struct items *items) {
    memset(items, 0, sizeof *items);
    buf_init(&items->frame_text);
    buf_init(&items->item_text);
}

void items_deinit(struct items *items) {
    for (size_t i = 0; i < items->count; i++) {
        json_free(items->parsed[i]);
    }
    free(items->parsed);
    json_free(items->frame);
    buf_deinit(&items->frame_text);
    buf_deinit(&items->item_text);
}

static enum err end_item(struct items *items) {
    struct json *json;
    struct json_fault fault;
    if (items->count == LIMIT_FOLLOW_ITEMS_MAX) {
        return ERR_TOO_LARGE;
    }
    enum err err = json_parse(buf_slice(&items->item_text), &json, &fault);
    if (err != ERR_OK) {
        return err;
    }
    if (items->count == items->capacity) {
        items->capacity = MAX_OF(items->capacity * 2, (size_t)64);
        items->parsed = must_realloc(items->parsed, items->capacity * sizeof(struct json *));
    }
    items->parsed[items->count++] = json;
    buf_clear(&items->item_text);
    return ERR_OK;
}

/* Strings at the top level are members' names or values; the last one counts when a list opens. */
static void take_string_char(struct items *items, char c) {
    if (items->is_escaped) {
        items->is_escaped = false;
    } else if (c == '\\') {
        items->is_escaped = true;
    } else if (c == '"') {
        items->is_in_string = false;
        return;
    }
    if (items->depth == 1 && items->word_size < sizeof items->word) {
        items->word[items->word_size++] = c;
    }
}

static bool is_word(const struct items *items, const char *word) {
    return items->word_size == strlen(word) && memcmp(items->word, word, items->word_size) == 0;
}

/* An empty list has no item; only white space stands in it. */
static bool has_item_text(const struct items *items) {
    const struct buf *text = &items->item_text;
    for (size_t i = 0; i < text->size; i++) {
        if (strchr(" \t\r\n", text->data[i]) == NULL) {
            return true;
        }
    }
    return false;
}

static enum err close_bracket(struct items *items) {
    if (items->depth == 0) {
        return ERR_BAD_JSON;
    }
    if (items->is_in_items && items->depth == ITEMS_DEPTH) {
        items->is_in_items = false;
        enum err err = items->count > 0 || has_item_text(items) ? end_item(items) : ERR_OK;
        if (err != ERR_OK) {
            return err;
        }
    }
    items->depth--;
    return ERR_OK;
}

static void open_bracket(struct items *items, char c) {
    if (items->depth == 1 && c == '[' && is_word(items, "items")) {
        items->is_in_items = true;
    }
    items->depth++;
}

static void keep_char(struct items *items, bool is_item, char c) {
    buf_append_char(is_item ? &items->item_text : &items->frame_text, c);
}

static enum err take_char(struct items *items, char c) {
    bool was_in_items = items->is_in_items;
    enum err err = ERR_OK;
    if (items->is_in_string) {
        take_string_char(items, c);
    } else if (c == '"') {
        items->is_in_string = true;
        items->word_size = items->depth == 1 ? 0 : items->word_size;
    } else if (c == '{' || c == '[') {
        open_bracket(items, c);
    } else if (c == '}' || c == ']') {
        err = close_bracket(items);
    } else if (c == ',' && was_in_items && items->depth == ITEMS_DEPTH) {
        return end_item(items);
    }
    keep_char(items, was_in_items && items->is_in_items, c);
    return err;
}

enum err items_feed(struct items *items, struct slice bytes) {
    for (size_t i = 0; i < bytes.size; i++) {
        enum err err = take_char(items, (char)bytes.data[i]);
        if (err != ERR_OK) {
            return err;
        }
        if (items->item_text.size > LIMIT_CLIENT_LINE_SIZE_MAX ||
            items->frame_text.size > FRAME_SIZE_MAX) {
            return ERR_TOO_LARGE;
        }
    }
    return ERR_OK;
}

enum err items_finish(struct items *items) {
    struct json_fault fault;
    enum err err = json_parse(buf_slice(&items->frame_text), &items->frame, &fault);
    if (err != ERR_OK) {
        return err;
    }
    const struct json *list = json_find(items->frame, "items");
    return list != NULL && json_type_of(list) == JSON_LIST ? ERR_OK : ERR_BAD_JSON;
}
