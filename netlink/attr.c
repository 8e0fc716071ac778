#include "netlink/attr.h"

#include "netlink/socket.h"
#include "util/check.h"

#include <endian.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

static_assert(LINK_NAME_SIZE == IFNAMSIZ, "the kernel's bound on link names");

void attr_put(struct nlmsghdr *message, uint16_t type, const void *data, size_t size) {
    CHECK(mnl_attr_put_check(message, NETLINK_MESSAGE_SIZE_MAX, type, size, data));
}

void attr_put_u8(struct nlmsghdr *message, uint16_t type, uint8_t value) {
    attr_put(message, type, &value, sizeof value);
}

void attr_put_u32(struct nlmsghdr *message, uint16_t type, uint32_t value) {
    attr_put(message, type, &value, sizeof value);
}

void attr_put_text(struct nlmsghdr *message, uint16_t type, const char *text) {
    attr_put(message, type, text, strlen(text) + 1);
}

void attr_put_address(struct nlmsghdr *message, uint16_t type, const struct ip_address *address) {
    attr_put(message, type, address->bytes, ip_address_size(address));
}

void attr_put_mac(struct nlmsghdr *message, uint16_t type, const struct mac_address *mac) {
    attr_put(message, type, mac->bytes, sizeof mac->bytes);
}

struct nlattr *attr_open(struct nlmsghdr *message, uint16_t type) {
    struct nlattr *nest = mnl_attr_nest_start_check(message, NETLINK_MESSAGE_SIZE_MAX, type);
    CHECK(nest != NULL);
    return nest;
}

void attr_close(struct nlmsghdr *message, struct nlattr *nest) {
    mnl_attr_nest_end(message, nest);
}

static void clear_rows(const struct nlattr **rows, uint16_t max) {
    for (unsigned i = 0; i <= max; i++) {
        rows[i] = NULL;
    }
}

/* libmnl's own loop macros do not compile under -Wconversion. */
static void file_attrs(const struct nlattr *attr, int size, const struct nlattr **rows,
                       uint16_t max) {
    while (mnl_attr_ok(attr, size)) {
        if (mnl_attr_get_type(attr) <= max) {
            rows[mnl_attr_get_type(attr)] = attr;
        }
        size -= (int)MNL_ALIGN(attr->nla_len);
        attr = mnl_attr_next(attr);
    }
}

bool attr_parse(const struct nlmsghdr *message, size_t body_size, const struct nlattr **rows,
                uint16_t max) {
    size_t skip = MNL_ALIGN(body_size);
    size_t size = mnl_nlmsg_get_payload_len(message);
    clear_rows(rows, max);
    if (size < skip) {
        return false;
    }
    const uint8_t *payload = mnl_nlmsg_get_payload(message);
    file_attrs((const struct nlattr *)(const void *)(payload + skip), (int)(size - skip), rows,
               max);
    return true;
}

void attr_parse_nested(const struct nlattr *nest, const struct nlattr **rows, uint16_t max) {
    clear_rows(rows, max);
    if (nest != NULL) {
        file_attrs(mnl_attr_get_payload(nest), (int)mnl_attr_get_payload_len(nest), rows, max);
    }
}

static bool has_size(const struct nlattr *attr, size_t size) {
    return attr != NULL && mnl_attr_get_payload_len(attr) == size;
}

uint8_t attr_u8(const struct nlattr *attr) {
    return has_size(attr, sizeof(uint8_t)) ? mnl_attr_get_u8(attr) : 0;
}

uint16_t attr_u16_be(const struct nlattr *attr) {
    return has_size(attr, sizeof(uint16_t)) ? be16toh(mnl_attr_get_u16(attr)) : 0;
}

uint32_t attr_u32(const struct nlattr *attr) {
    return has_size(attr, sizeof(uint32_t)) ? mnl_attr_get_u32(attr) : 0;
}

void attr_name(const struct nlattr *attr, char out_name[LINK_NAME_SIZE]) {
    out_name[0] = 0;
    if (attr == NULL) {
        return;
    }
    size_t size = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
    if (size < LINK_NAME_SIZE) {
        memcpy(out_name, mnl_attr_get_payload(attr), size);
        out_name[size] = 0;
    }
}

bool attr_is_text(const struct nlattr *attr, const char *text) {
    if (attr == NULL) {
        return false;
    }
    size_t size = strnlen(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
    return size == strlen(text) && memcmp(mnl_attr_get_payload(attr), text, size) == 0;
}

struct ip_address attr_address(const struct nlattr *attr, int family) {
    if (family == AF_INET && has_size(attr, 4)) {
        return ip_from_bytes(IP_V4, mnl_attr_get_payload(attr));
    }
    if (family == AF_INET6 && has_size(attr, 16)) {
        return ip_from_bytes(IP_V6, mnl_attr_get_payload(attr));
    }
    return (struct ip_address){0};
}

struct mac_address attr_mac(const struct nlattr *attr) {
    struct mac_address mac = {0};
    if (has_size(attr, sizeof mac.bytes)) {
        memcpy(mac.bytes, mnl_attr_get_payload(attr), sizeof mac.bytes);
    }
    return mac;
}

int family_of(const struct ip_address *address) {
    return address->family == IP_V4 ? AF_INET : address->family == IP_V6 ? AF_INET6 : AF_UNSPEC;
}
