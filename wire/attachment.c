#include "wire/attachment.h"

#include <stdio.h>
#include <string.h>

#define HOST_NAME_START "weft"

static_assert(sizeof HOST_NAME_START - 1 + 11 == LIMIT_IFNAME_SIZE_MAX, "11 hex digits fit");

bool attachment_is_container_id(const char *text) {
    return strchr("_.-", text[0]) == NULL && field_format_token.is_valid(text);
}

bool attachment_is_ifname(const char *text) {
    size_t size = strlen(text);
    return size > 0 && size <= LIMIT_IFNAME_SIZE_MAX && strcspn(text, "/: \t\n\v\f\r") == size &&
           strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

uint64_t attachment_hash(const char *container_id, const char *ifname) {
    const char *parts[] = {container_id, "/", ifname};
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        for (const char *c = parts[i]; *c != 0; c++) {
            hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
        }
    }
    return hash;
}

void attachment_host_ifname(const char *container_id, const char *ifname,
                            char out[LIMIT_IFNAME_SIZE_MAX + 1]) {
    snprintf(out, LIMIT_IFNAME_SIZE_MAX + 1, HOST_NAME_START "%011llx",
             (unsigned long long)(attachment_hash(container_id, ifname) >> 20));
}

static const struct field_format format_container_id = {
    "a container's id: letters, digits, _ . and -, a letter or digit first",
    attachment_is_container_id};
static const struct field_format format_ifname = {
    "an interface's name: 15 bytes at most, without '/', ':' and white space",
    attachment_is_ifname};

static bool is_absolute(const char *text) {
    return text[0] == '/';
}
static const struct field_format format_path = {"an absolute path", is_absolute};

/* clang-format off: a row a field */
static const struct field fields[] = {
    {.name = "container_id",
     .number = 1,
     .type = FIELD_TEXT,
     .offset = offsetof(struct attachment, container_id),
     .flags = FIELD_REQUIRED,
     .format = &format_container_id,
     .help = "CNI_CONTAINERID"},
    {.name = "ifname",
     .number = 2,
     .type = FIELD_TEXT,
     .offset = offsetof(struct attachment, ifname),
     .flags = FIELD_REQUIRED,
     .format = &format_ifname,
     .help = "CNI_IFNAME"},
    {.name = "netns",
     .number = 3,
     .type = FIELD_TEXT,
     .offset = offsetof(struct attachment, netns),
     .flags = FIELD_REQUIRED,
     .max = LIMIT_NETNS_PATH_SIZE_MAX,
     .format = &format_path,
     .help = "path of the pod's network namespace"},
    {.name = "cni_network",
     .number = 4,
     .type = FIELD_TEXT,
     .offset = offsetof(struct attachment, cni_network),
     .flags = FIELD_REQUIRED,
     .format = &field_format_token,
     .help = "name of the CNI configuration"},
    {.name = "pod",
     .number = 5,
     .type = FIELD_OBJECT,
     .offset = offsetof(struct attachment, pod),
     .shape = &shape_endpoint_pod,
     .help = "which pod it is"},
    {.name = "network",
     .number = 6,
     .type = FIELD_TEXT,
     .offset = offsetof(struct attachment, network),
     .flags = FIELD_READONLY,
     .help = "the network that the addresses belong to"},
    {.name = "ip",
     .number = 7,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct attachment, ip),
     .flags = FIELD_READONLY,
     .help = "the pod's IPv4 address"},
    {.name = "ip_v6",
     .number = 8,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct attachment, ip_v6),
     .flags = FIELD_READONLY,
     .help = "the pod's IPv6 address"},
    {.name = "gateway",
     .number = 9,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct attachment, gateway),
     .flags = FIELD_READONLY,
     .help = "next hop of the pod's IPv4 default route"},
    {.name = "gateway_v6",
     .number = 10,
     .type = FIELD_ADDRESS,
     .offset = offsetof(struct attachment, gateway_v6),
     .flags = FIELD_READONLY,
     .help = "next hop of the pod's IPv6 default route"},
    {.name = "mac",
     .number = 11,
     .type = FIELD_MAC,
     .offset = offsetof(struct attachment, mac),
     .flags = FIELD_READONLY,
     .help = "of the pod's interface"},
    {.name = "host_ifname",
     .number = 12,
     .type = FIELD_TEXT,
     .offset = offsetof(struct attachment, host_ifname),
     .flags = FIELD_READONLY,
     .format = &format_ifname,
     .help = "the host's end of the veth pair"},
    {.name = "host_mac",
     .number = 13,
     .type = FIELD_MAC,
     .offset = offsetof(struct attachment, host_mac),
     .flags = FIELD_READONLY,
     .help = "of the host's end: where the gateway answers"},
    {.name = "mtu",
     .number = 14,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct attachment, mtu),
     .flags = FIELD_READONLY,
     .help = "of both ends"},
    {.name = "state",
     .number = 15,
     .type = FIELD_TEXT,
     .offset = offsetof(struct attachment, state),
     .flags = FIELD_READONLY,
     .help = "reserved or ready"},
    {.name = "boot_id",
     .number = 16,
     .type = FIELD_TEXT,
     .offset = offsetof(struct attachment, boot_id),
     .flags = FIELD_READONLY,
     .help = "of the node, when the address was given"},
    {.name = "epoch",
     .number = 17,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct attachment, epoch),
     .flags = FIELD_READONLY,
     .help = "of the subnet lease that the address was given from"},
    {.name = "reserved_ms",
     .number = 18,
     .type = FIELD_NUMBER,
     .offset = offsetof(struct attachment, reserved_ms),
     .flags = FIELD_READONLY,
     .help = "when it was asked for last: milliseconds since that boot"},
};
/* clang-format on */
SHAPE(shape_attachment, attachment, fields);
