#include "client/cursor.h"

#include "util/check.h"

void cursor_set(struct cursor *cursor, uint64_t revision) {
    *cursor = (struct cursor){.revision = revision, .is_first_line = true};
}

void cursor_resume(struct cursor *cursor) {
    cursor->skip_count = cursor->open_count;
    cursor->is_first_line = true;
}

bool cursor_take_change(struct cursor *cursor, uint64_t revision) {
    cursor->is_first_line = false;
    if (revision <= cursor->revision || revision < cursor->open_revision) {
        return false;
    }
    if (revision > cursor->open_revision) {
        cursor->revision = MAX_OF(cursor->revision, cursor->open_revision);
        cursor->open_revision = revision;
        cursor->open_count = 0;
        cursor->skip_count = 0;
    }
    if (cursor->skip_count > 0) {
        cursor->skip_count--;
        return false;
    }
    cursor->open_count++;
    return true;
}

void cursor_take_bookmark(struct cursor *cursor, uint64_t revision) {
    bool was_first_line = cursor->is_first_line;
    cursor->is_first_line = false;
    if (!was_first_line && revision >= MAX_OF(cursor->revision, cursor->open_revision)) {
        cursor_set(cursor, revision);
        cursor->is_first_line = false;
    }
}
