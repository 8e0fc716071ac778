#include "api/lease_id.h"

#include <inttypes.h>
#include <stdio.h>

void lease_id_format(uint64_t id, char out[LEASE_ID_SIZE]) {
    snprintf(out, LEASE_ID_SIZE, "%016" PRIx64, id);
}

static int hex_value(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool lease_id_parse(const char *text, uint64_t *out_id) {
    uint64_t id = 0;
    for (unsigned i = 0; i < LEASE_ID_SIZE - 1; i++) {
        int value = hex_value(text[i]);
        if (value < 0) {
            return false; /* the end of a shorter text, too */
        }
        id = id * 16 + (uint64_t)value;
    }
    *out_id = id;
    return text[LEASE_ID_SIZE - 1] == 0 && id != 0;
}
