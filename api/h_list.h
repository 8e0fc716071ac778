/* Lists, and the range of keys that lists and watches share. */
#ifndef WEFT_API_H_LIST_H
#define WEFT_API_H_LIST_H

#include "util/check.h"

struct request;

/* The range of keys that a list or watch of this request covers: "networks/" with ?prefix= behind.
 * Owns: the request's arena. */
MUST_USE const char *list_key_prefix(struct request *request);
#endif
