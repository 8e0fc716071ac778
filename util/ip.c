#include "util/ip.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned ip_address_size(const struct ip_address *address) {
    return address->family == IP_V4 ? 4 : address->family == IP_V6 ? 16 : 0;
}

unsigned ip_address_bits(const struct ip_address *address) {
    return ip_address_size(address) * 8;
}

static int system_family(uint8_t family) {
    return family == IP_V4 ? AF_INET : AF_INET6;
}

enum err ip_address_parse(const char *text, struct ip_address *out_address) {
    struct ip_address address = {.family = strchr(text, ':') != NULL ? IP_V6 : IP_V4};
    if (inet_pton(system_family(address.family), text, address.bytes) != 1) {
        return ERR_INVALID;
    }
    *out_address = address;
    return ERR_OK;
}

static bool parse_length(const char *text, unsigned bits, uint8_t *out_length) {
    size_t size = strspn(text, "0123456789");
    if (size == 0 || size > 3 || text[size] != 0 || (text[0] == '0' && size > 1)) {
        return false;
    }
    unsigned long length = strtoul(text, NULL, 10);
    *out_length = (uint8_t)length;
    return length <= bits;
}

enum err ip_prefix_parse(const char *text, char separator, struct ip_prefix *out_prefix) {
    char address[IP_TEXT_SIZE];
    const char *at = strchr(text, separator);
    if (at == NULL || (size_t)(at - text) >= sizeof address) {
        return ERR_INVALID;
    }
    memcpy(address, text, (size_t)(at - text));
    address[at - text] = 0;
    struct ip_prefix prefix;
    if (ip_address_parse(address, &prefix.address) != ERR_OK ||
        !parse_length(at + 1, ip_address_bits(&prefix.address), &prefix.length)) {
        return ERR_INVALID;
    }
    struct ip_prefix masked = ip_prefix_around(&prefix.address, prefix.length);
    if (ip_prefix_compare(&masked, &prefix) != 0) {
        return ERR_INVALID;
    }
    *out_prefix = prefix;
    return ERR_OK;
}

void ip_address_format(const struct ip_address *address, char out[IP_TEXT_SIZE]) {
    if (address->family == IP_NONE) {
        out[0] = 0;
        return;
    }
    CHECK(inet_ntop(system_family(address->family), address->bytes, out, IP_TEXT_SIZE) != NULL);
}

void ip_prefix_format(const struct ip_prefix *prefix, char separator,
                      char out[IP_PREFIX_TEXT_SIZE]) {
    char address[IP_TEXT_SIZE];
    ip_address_format(&prefix->address, address);
    if (prefix->address.family == IP_NONE) {
        out[0] = 0;
        return;
    }
    snprintf(out, IP_PREFIX_TEXT_SIZE, "%s%c%u", address, separator, prefix->length);
}

struct ip_address ip_from_bytes(enum ip_family family, const void *bytes) {
    struct ip_address address = {.family = (uint8_t)family};
    if (family != IP_NONE) {
        memcpy(address.bytes, bytes, ip_address_size(&address));
    }
    return address;
}

int ip_address_compare(const struct ip_address *a, const struct ip_address *b) {
    if (a->family != b->family) {
        return a->family < b->family ? -1 : 1;
    }
    return memcmp(a->bytes, b->bytes, ip_address_size(a));
}

int ip_prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b) {
    int order = ip_address_compare(&a->address, &b->address);
    return order != 0 ? order : (int)a->length - (int)b->length;
}

struct ip_prefix ip_prefix_around(const struct ip_address *address, uint8_t length) {
    CHECK(length <= ip_address_bits(address));
    struct ip_prefix prefix = {.address = *address, .length = length};
    for (unsigned i = 0; i < ip_address_size(address); i++) {
        unsigned kept = length > i * 8 ? MIN_OF(length - i * 8, 8u) : 0;
        prefix.address.bytes[i] &= (uint8_t)(0xff00u >> kept);
    }
    return prefix;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address) {
    if (prefix->address.family != address->family || address->family == IP_NONE) {
        return false;
    }
    struct ip_prefix around = ip_prefix_around(address, prefix->length);
    return ip_prefix_compare(&around, prefix) == 0;
}

bool ip_prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner) {
    return outer->length <= inner->length && ip_prefix_contains(outer, &inner->address);
}

bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b) {
    return ip_prefix_covers(a, b) || ip_prefix_covers(b, a);
}

/* bytes += count << shift; false on overflow past the first byte. */
static bool add_shifted(struct ip_address *address, uint64_t count, unsigned shift) {
    unsigned size = ip_address_size(address);
    unsigned byte_shift = shift / 8;
    unsigned __int128 carry = (unsigned __int128)count << (shift % 8);
    for (unsigned i = byte_shift; i < size; i++) {
        uint8_t *byte = &address->bytes[size - 1 - i];
        carry += *byte;
        *byte = (uint8_t)carry;
        carry >>= 8;
    }
    return carry == 0;
}

bool ip_address_add(const struct ip_address *address, uint64_t count,
                    struct ip_address *out_address) {
    struct ip_address sum = *address;
    if (!add_shifted(&sum, count, 0)) {
        return false;
    }
    *out_address = sum;
    return true;
}

bool ip_prefix_next(const struct ip_prefix *prefix, uint64_t count, struct ip_prefix *out_prefix) {
    struct ip_prefix next = *prefix;
    if (!add_shifted(&next.address, count, ip_address_bits(&prefix->address) - prefix->length)) {
        return false;
    }
    *out_prefix = next;
    return true;
}

uint64_t ip_address_distance(const struct ip_address *low, const struct ip_address *high) {
    if (low->family != high->family || ip_address_compare(low, high) > 0) {
        return 0;
    }
    unsigned __int128 from = 0;
    unsigned __int128 to = 0;
    for (unsigned i = 0; i < ip_address_size(low); i++) {
        from = from << 8 | low->bytes[i];
        to = to << 8 | high->bytes[i];
    }
    return to - from > UINT64_MAX ? UINT64_MAX : (uint64_t)(to - from);
}

struct ip_address ip_prefix_last(const struct ip_prefix *prefix) {
    struct ip_address last = prefix->address;
    for (unsigned i = 0; i < ip_address_size(&last); i++) {
        unsigned kept = prefix->length > i * 8 ? MIN_OF(prefix->length - i * 8, 8u) : 0;
        last.bytes[i] |= (uint8_t)(0xffu >> kept);
    }
    return last;
}

enum err mac_parse(const char *text, struct mac_address *out_mac) {
    struct mac_address mac;
    if (strlen(text) != MAC_TEXT_SIZE - 1) {
        return ERR_INVALID;
    }
    for (unsigned i = 0; i < 6; i++) {
        const char *at = text + i * 3;
        if (strspn(at, "0123456789abcdefABCDEF") != 2 || (i < 5 && at[2] != ':')) {
            return ERR_INVALID;
        }
        mac.bytes[i] = (uint8_t)strtoul(at, NULL, 16);
    }
    *out_mac = mac;
    return ERR_OK;
}

void mac_format(const struct mac_address *mac, char out[MAC_TEXT_SIZE]) {
    const uint8_t *b = mac->bytes;
    snprintf(out, MAC_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
             b[5]);
}

bool mac_is_zero(const struct mac_address *mac) {
    static const struct mac_address zero = {{0}};
    return memcmp(mac, &zero, sizeof zero) == 0;
}
