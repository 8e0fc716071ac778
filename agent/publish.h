/* Publishes this node's pods as endpoints, and takes the dead ones back: asynchronous and
 * level-triggered, so that ADD and DEL never wait for the store. What remains to be done is in the
 * records themselves (ipam.h: is_published, needs_retract) and survives a restart.
 *
 * One object at a time, through ensure.h. An endpoint that shows another node's pod is left alone:
 * this node has lost the subnet that the address came from. */
#ifndef WEFT_AGENT_PUBLISH_H
#define WEFT_AGENT_PUBLISH_H

#include "agent/ensure.h"
#include "agent/ipam.h"
#include "agent/pause.h"

struct publish {
    struct ipam *ipam;
    const char *node;
    const char *network;
    struct ensure ensure;
    struct alarm alarm;
    struct pause pause;
    bool is_pausing; /* the alarm is set */
    struct rand rand;
    struct ip_address at;         /* the address that is on its way */
    bool is_retract;              /* which way it goes */
    void (*settled)(void *owner); /* a rest was taken back: its line in the file is out of date */
    void *owner;
};

void publish_init(struct publish *publish, struct call_pool *pool, struct server_list *servers,
                  struct ipam *ipam, const char *node, const char *network,
                  void (*settled)(void *owner), void *owner);
void publish_deinit(struct publish *publish);
/* Something changed: look for work. */
void publish_hint(struct publish *publish);
/* The store may have forgotten: compare everything again. */
void publish_again(struct publish *publish);

#endif
