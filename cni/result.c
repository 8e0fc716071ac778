#include "cni/result.h"

/* prevResult's list of that name; NULL when there is none. */
static const struct json *previous_list(const struct cni_config *config, const char *name) {
    const struct json *list = json_find(config->prev_result, name);
    return list != NULL && json_type_of(list) == JSON_LIST ? list : NULL;
}

/* Opens a list that begins with prevResult's items; how many they were. */
static unsigned open_list(const struct cni_config *config, const char *name,
                          struct json_writer *writer) {
    unsigned count = 0;
    json_key(writer, name);
    json_open_list(writer);
    const struct json *list = previous_list(config, name);
    const struct json *item = list != NULL ? json_first(list) : NULL;
    for (; item != NULL; item = json_next(item)) {
        json_put_value(writer, item);
        count++;
    }
    return count;
}

/* `netns` NULL: the host's end. */
static void write_interface(const struct cni_config *config, const char *name,
                            const struct mac_address *mac, uint64_t mtu, const char *netns,
                            struct json_writer *writer) {
    char mac_text[MAC_TEXT_SIZE];
    mac_format(mac, mac_text);
    json_open_object(writer);
    json_member_text(writer, "name", name);
    json_member_text(writer, "mac", mac_text);
    if (config->version >= CNI_VERSION_1_1_0) {
        json_member_number(writer, "mtu", mtu);
    }
    if (netns != NULL) {
        json_member_text(writer, "sandbox", netns);
    }
    json_close_object(writer);
}

static void write_ip(const struct cni_config *config, const struct ip_address *ip,
                     const struct ip_address *gateway, unsigned interface_index,
                     struct json_writer *writer) {
    char text[IP_PREFIX_TEXT_SIZE];
    if (ip->family == IP_NONE) {
        return;
    }
    struct ip_prefix prefix = {.address = *ip, .length = (uint8_t)ip_address_bits(ip)};
    json_open_object(writer);
    if (config->version < CNI_VERSION_1_0_0) {
        json_member_text(writer, "version", ip->family == IP_V4 ? "4" : "6");
    }
    ip_prefix_format(&prefix, '/', text);
    json_member_text(writer, "address", text);
    ip_address_format(gateway, text);
    json_member_text(writer, "gateway", text);
    json_member_number(writer, "interface", interface_index);
    json_close_object(writer);
}

static void write_route(const struct ip_address *ip, const struct ip_address *gateway,
                        struct json_writer *writer) {
    char text[IP_TEXT_SIZE];
    if (ip->family == IP_NONE) {
        return;
    }
    ip_address_format(gateway, text);
    json_open_object(writer);
    json_member_text(writer, "dst", ip->family == IP_V4 ? "0.0.0.0/0" : "::/0");
    json_member_text(writer, "gw", text);
    json_close_object(writer);
}

static void write_dns(const struct cni_config *config, struct json_writer *writer) {
    const struct json *dns =
        config->dns != NULL ? config->dns : json_find(config->prev_result, "dns");
    json_key(writer, "dns");
    if (dns != NULL) {
        json_put_value(writer, dns);
    } else {
        json_put_raw(writer, slice_of_text("{}"));
    }
}

void cni_result_write(const struct cni_config *config, const struct attachment *attachment,
                      const char *netns, struct buf *out) {
    const struct attachment *a = attachment;
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    json_member_text(&writer, "cniVersion", config->version_text);
    unsigned before = open_list(config, "interfaces", &writer);
    write_interface(config, a->host_ifname, &a->host_mac, a->mtu, NULL, &writer);
    write_interface(config, a->ifname, &a->mac, a->mtu, netns, &writer);
    json_close_list(&writer);
    open_list(config, "ips", &writer);
    write_ip(config, &a->ip, &a->gateway, before + 1, &writer);
    write_ip(config, &a->ip_v6, &a->gateway_v6, before + 1, &writer);
    json_close_list(&writer);
    open_list(config, "routes", &writer);
    write_route(&a->ip, &a->gateway, &writer);
    write_route(&a->ip_v6, &a->gateway_v6, &writer);
    json_close_list(&writer);
    write_dns(config, &writer);
    json_close_object(&writer);
    buf_append_char(out, '\n');
}
