#include "util/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct slice bytes, struct buf *out) {
    buf_reserve(out, (bytes.size + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size; i += 3) {
        size_t left = bytes.size - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[i + 2] : 0;
        const char quad[4] = {
            alphabet[group >> 18],
            alphabet[group >> 12 & 63],
            left > 1 ? alphabet[group >> 6 & 63] : '=',
            left > 2 ? alphabet[group & 63] : '=',
        };
        buf_append(out, quad, 4);
    }
}

static int digit(uint8_t c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

enum err base64_decode(struct slice text, struct buf *out) {
    size_t before = out->size;
    if (text.size % 4 != 0) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < text.size; i += 4) {
        bool is_last = i + 4 == text.size;
        unsigned padding = 0;
        if (is_last) {
            padding = text.data[i + 3] != '=' ? 0 : text.data[i + 2] != '=' ? 1 : 2;
        }
        uint32_t group = 0;
        for (unsigned k = 0; k < 4; k++) {
            int value = k >= 4 - padding ? 0 : digit(text.data[i + k]);
            if (value < 0) {
                out->size = before;
                return ERR_INVALID;
            }
            group = group << 6 | (uint32_t)value;
        }
        if ((group & ((UINT32_C(1) << (8 * padding)) - 1)) != 0) { /* RFC 4648 section 3.5 */
            out->size = before;
            return ERR_INVALID;
        }
        const uint8_t bytes[3] = {(uint8_t)(group >> 16), (uint8_t)(group >> 8), (uint8_t)group};
        buf_append(out, bytes, 3 - padding);
    }
    return ERR_OK;
}
