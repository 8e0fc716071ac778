/* Lists that are streamed (limit=all): one view of the store is kept open over several turns of the
 * loop and written out in chunks, as fast as the client reads. */
#ifndef WEFT_API_H_LIST_H
#define WEFT_API_H_LIST_H

#include "util/check.h"

#include <stdbool.h>

struct api;
struct request;

/* The range of keys that a list or watch of this request covers: "networks/" with ?prefix= behind.
 * Owns: the request's arena. */
MUST_USE const char *list_key_prefix(struct request *request);
/* Writes one chunk of every stream that has room. True when some want to go on. */
MUST_USE bool list_streams_turn(struct api *api);
/* Ends the request's stream, if it has one: its view is closed. */
void list_stream_release(struct request *request);

#endif
