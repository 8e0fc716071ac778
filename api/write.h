/* A write's way: from the command that a handler made to what the state machine decided, or to the
 * leader where that is another server. */
#ifndef WEFT_API_WRITE_H
#define WEFT_API_WRITE_H

#include "api/request.h"

/* Proposes a command here, or forwards the request to the leader; a dry run is tried instead, and
 * what does not fit into the store is refused before it is proposed. `reply` gets the outcome of a
 * command that did what it was asked; all else is answered before. `arguments` is the command's
 * struct and needed only for the call. */
void request_write(struct request *request, enum command_id command, const void *arguments,
                   request_resume_cb reply);
/* Its time is up and it never entered the log. */
void write_fail_unsent(struct request *request);

#endif
