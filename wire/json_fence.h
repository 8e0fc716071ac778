/* The fence before cJSON: a strict, iterative check of a JSON text. Seen on cJSON 1.7.15: it takes
 * `01` and `1.`, control characters and invalid UTF-8, cuts strings at \u0000 and grows 1 MB to 33
 * MB; none of that passes here. Bounds: depth LIMIT_JSON_DEPTH_MAX, LIMIT_JSON_VALUES_MAX values.
 */
#ifndef WEFT_WIRE_JSON_FENCE_H
#define WEFT_WIRE_JSON_FENCE_H

#include "wire/json.h"

/* Checks a whole text. Errors: ERR_BAD_JSON with *out_fault filled. Source: RFC 8259, RFC 3629. */
MUST_USE enum err json_fence_check(struct slice text, struct json_fault *out_fault);
/* Size of the UTF-8 sequence that `data` begins with, 0 when it is not one (RFC 3629 section 4).
 * Shape: size > 0. */
size_t utf8_sequence(const uint8_t *data, size_t size);
/* Whether the bytes are UTF-8 without surrogates and overlong forms (RFC 3629). */
bool utf8_is_valid(struct slice text);

#endif
