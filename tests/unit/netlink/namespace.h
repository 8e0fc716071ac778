/* A fresh network namespace for a test, and short ways to fill it. A test that has no right to make
 * one is skipped, with the reason printed. */
#ifndef WEFT_TESTS_NETLINK_NAMESPACE_H
#define WEFT_TESTS_NETLINK_NAMESPACE_H

#include "netlink/addr.h"
#include "netlink/link.h"
#include "netlink/neigh.h"
#include "netlink/route.h"
#include "netlink/socket.h"
#include "util/ip.h"

struct world {
    struct netlink netlink; /* in the fresh namespace, where the calling thread now is too */
    struct netlink_batch batch;
};

/* Enters a fresh namespace with loopback up. Lifetime: until world_leave. */
struct world *world_enter(void);
void world_leave(struct world *world);
/* Sends the batch, fails the test unless all of it worked, and begins a new one. */
void world_send(struct world *world);
/* Sends the batch, which is expected to fail, and begins a new one. */
enum err world_send_error(struct world *world, struct netlink_error *out_error);
/* A veth pair "up0"/"up1", both up, with the address (10.9.0.1/24 style) on up0; up0's index. */
unsigned world_add_uplink(struct world *world, const char *address);
/* A VXLAN device of VNI 1 above `parent`; its index. */
unsigned world_add_vxlan(struct world *world, const char *name, unsigned parent, const char *local);
unsigned world_index(struct world *world, const char *name);

struct ip_address ip(const char *text);
struct ip_prefix prefix(const char *text);
struct mac_address mac(const char *text);

#endif
