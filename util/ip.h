/* IP addresses and prefixes of both families, by value. Text forms: RFC 5952 for IPv6, dotted quad
 * for IPv4; a prefix is "10.244.0.0/16"; as a key segment the slash is a dash ("10.244.7.0-24").
 * Parsing is strict: no host bits set in a prefix, no leading zeros, no zone. */
#ifndef WEFT_UTIL_IP_H
#define WEFT_UTIL_IP_H

#include "util/check.h"
#include "util/err.h"

#include <stdbool.h>
#include <stdint.h>

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

struct ip_address {
    uint8_t family;    /* enum ip_family; IP_NONE is "absent" */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four */
};

struct ip_prefix {
    struct ip_address address; /* host bits are zero */
    uint8_t length;
};

#define IP_TEXT_SIZE        48u /* an address */
#define IP_PREFIX_TEXT_SIZE 52u /* a prefix */

MUST_USE enum err ip_address_parse(const char *text, struct ip_address *out_address);
/* Takes "10.0.0.0/8" and, with separator '-', "10.0.0.0-8". ERR_INVALID also when host bits are
 * set. */
MUST_USE enum err ip_prefix_parse(const char *text, char separator, struct ip_prefix *out_prefix);
void ip_address_format(const struct ip_address *address, char out[IP_TEXT_SIZE]);
void ip_prefix_format(const struct ip_prefix *prefix, char separator,
                      char out[IP_PREFIX_TEXT_SIZE]);

/* 4 or 16; 0 for IP_NONE. */
unsigned ip_address_size(const struct ip_address *address);
/* 32 or 128; 0 for IP_NONE. */
unsigned ip_address_bits(const struct ip_address *address);
struct ip_address ip_from_bytes(enum ip_family family, const void *bytes);
/* Family first, then network order. */
int ip_address_compare(const struct ip_address *a, const struct ip_address *b);
int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address);
bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner);
bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b);
/* The prefix of `length` bits around an address, host bits cleared. */
struct ip_prefix ip_prefix_around(const struct ip_address *address, uint8_t length);
/* address + count; false when it leaves the family's range. */
bool ip_address_add(const struct ip_address *address, uint64_t count,
                    struct ip_address *out_address);
/* The prefix `count` places after this one; false when it leaves the family's range. */
bool ip_prefix_next(const struct ip_prefix *prefix, uint64_t count, struct ip_prefix *out_prefix);
/* How many addresses from `low` to `high`, high - low, saturating at UINT64_MAX; 0 when high < low.
 */
uint64_t ip_address_distance(const struct ip_address *low, const struct ip_address *high);
/* The last address of the prefix (broadcast in IPv4). */
struct ip_address ip_prefix_last(const struct ip_prefix *prefix);

#define MAC_TEXT_SIZE 18u
struct mac_address {
    uint8_t bytes[6];
};
/* "02:00:5e:10:00:01", either case. */
MUST_USE enum err mac_parse(const char *text, struct mac_address *out_mac);
void mac_format(const struct mac_address *mac, char out[MAC_TEXT_SIZE]);
bool mac_is_zero(const struct mac_address *mac);

#endif
