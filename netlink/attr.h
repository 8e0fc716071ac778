/* Attributes of netlink messages, in the house's types: appending with a bound, reading with a
 * check of the size. libmnl walks attributes safely but leaves both to its callers. */
#ifndef WEFT_NETLINK_ATTR_H
#define WEFT_NETLINK_ATTR_H

#include "util/ip.h"
#include "util/limits.h"

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

/* A link's name, NUL included. Source: IFNAMSIZ in linux/if.h. */
#define LINK_NAME_SIZE (LIMIT_IFNAME_SIZE_MAX + 1u)

/* Appending to a message of a batch. A message that would outgrow NETLINK_MESSAGE_SIZE_MAX is a
 * programmer's error. */
void attr_put(struct nlmsghdr *message, uint16_t type, const void *data, size_t size);
void attr_put_u8(struct nlmsghdr *message, uint16_t type, uint8_t value);
void attr_put_u32(struct nlmsghdr *message, uint16_t type, uint32_t value);
/* With its NUL. */
void attr_put_text(struct nlmsghdr *message, uint16_t type, const char *text);
void attr_put_address(struct nlmsghdr *message, uint16_t type, const struct ip_address *address);
void attr_put_mac(struct nlmsghdr *message, uint16_t type, const struct mac_address *mac);
/* What follows is inside, until attr_close. */
struct nlattr *attr_open(struct nlmsghdr *message, uint16_t type);
void attr_close(struct nlmsghdr *message, struct nlattr *nest);

/* Collects the attributes behind a message's fixed part of `body_size` bytes, or inside `nest`, by
 * type. Shape: rows[0..max], NULL where absent; unknown types are passed over. False when the
 * message is shorter than its fixed part. */
MUST_USE bool attr_parse(const struct nlmsghdr *message, size_t body_size,
                         const struct nlattr **rows, uint16_t max);
void attr_parse_nested(const struct nlattr *nest, const struct nlattr **rows, uint16_t max);

/* Reading: the fallback (zero, "", IP_NONE) for NULL and for a wrong size. */
uint8_t attr_u8(const struct nlattr *attr);
uint16_t attr_u16_be(const struct nlattr *attr); /* network order in the message */
uint32_t attr_u32(const struct nlattr *attr);
/* "" when absent or longer than the bound. */
void attr_name(const struct nlattr *attr, char out_name[LINK_NAME_SIZE]);
bool attr_is_text(const struct nlattr *attr, const char *text);
/* `family` is AF_INET or AF_INET6. */
struct ip_address attr_address(const struct nlattr *attr, int family);
struct mac_address attr_mac(const struct nlattr *attr);

/* AF_INET, AF_INET6, AF_UNSPEC. */
int family_of(const struct ip_address *address);

#endif
