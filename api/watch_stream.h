/* A watch under way: an exchange and a watcher, for hours perhaps and by the thousand. The request
 * that began it is over, and its memory is released: what the watcher needs of it is copied.
 * Flow: h_watch.c -> watch_stream_begin -> the hub (api/watch.h) writes -> the hub ends it, or the
 * client goes. Owns: its memory, until one of the two. */
#ifndef WEFT_API_WATCH_STREAM_H
#define WEFT_API_WATCH_STREAM_H

struct request;

/* Answers 200, writes the first BOOKMARK and starts request->watcher, which is filled and checked.
 * The request is over. */
void watch_stream_begin(struct request *request, const char *content_type);

#endif
