/* Why a call failed, as CNI reports it: JSON on stdout, and a non-zero exit. Filled where the fault
 * is found, printed once, by main. */
#ifndef WEFT_CNI_ERROR_H
#define WEFT_CNI_ERROR_H

#include "util/buf.h"
#include "util/check.h"
#include "util/err.h"

/* Source: CNI 1.1.0, "Error"; 50 and 51 are STATUS's. From 100 on they are ours. */
enum cni_code {
    CNI_CODE_OK = 0,
    CNI_CODE_VERSION = 1,
    CNI_CODE_UNSUPPORTED_FIELD = 2,
    CNI_CODE_UNKNOWN_CONTAINER = 3,
    CNI_CODE_ENVIRONMENT = 4,
    CNI_CODE_IO = 5,
    CNI_CODE_DECODE = 6,
    CNI_CODE_CONFIG = 7,
    CNI_CODE_NETNS = 8,
    CNI_CODE_TRY_AGAIN = 11,
    CNI_CODE_NOT_AVAILABLE = 50,
    CNI_CODE_NO_ADDRESS = 100,    /* the node's subnet is used up */
    CNI_CODE_IFNAME_IN_USE = 101, /* the pod has an interface of that name */
    CNI_CODE_KERNEL = 102,        /* a device, address or route could not be made */
    CNI_CODE_DIFFERS = 103,       /* CHECK: what is there is not what ADD made */
    CNI_CODE_AGENT = 104,         /* the agent refused */
    CNI_CODE_INTERNAL = 999
};

struct cni_error {
    enum cni_code code;
    char msg[320];
    char details[640];
};

/* Fills the error (msg; details become empty); returns ERR_INVALID, for `return cni_fail(...)`. */
enum err cni_fail(struct cni_error *error, enum cni_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);
void cni_set_details(struct cni_error *error, const char *format, ...) PRINTF_LIKE(2, 3);
/* The error object, with a line feed. `version`: the request's cniVersion, or ours. */
void cni_error_write(const struct cni_error *error, const char *version, struct buf *out);

#endif
