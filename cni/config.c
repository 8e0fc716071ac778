#include "cni/config.h"

#include <string.h>
#include <sys/un.h>

static const char *const versions[] = {"0.3.0", "0.3.1", "0.4.0", "1.0.0", CNI_VERSION_NEWEST};

#define VERSIONS_TEXT "0.3.0, 0.3.1, 0.4.0, 1.0.0, " CNI_VERSION_NEWEST

const char *cni_version_text(enum cni_version version) {
    CHECK((unsigned)version < ARRAY_COUNT(versions));
    return versions[version];
}

void cni_versions_write(const char *requested, struct buf *out) {
    struct json_writer writer = json_writer_to(out);
    json_open_object(&writer);
    json_member_text(&writer, "cniVersion", requested);
    json_key(&writer, "supportedVersions");
    json_open_list(&writer);
    for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
        json_put_text(&writer, versions[i]);
    }
    json_close_list(&writer);
    json_close_object(&writer);
    buf_append_char(out, '\n');
}

/* NULL when absent, or null: that is how Go's runtimes write what they do not have. */
static const struct json *find_member(const struct cni_config *config, const char *name) {
    const struct json *member = json_find(config->tree, name);
    return member != NULL && json_type_of(member) != JSON_NULL ? member : NULL;
}

/* A known key that is there must have its type. */
static enum err check_type(const struct cni_config *config, const char *name, enum json_type type,
                           struct cni_error *error) {
    const struct json *member = find_member(config, name);
    if (member == NULL || json_type_of(member) == type) {
        return ERR_OK;
    }
    return cni_fail(error, CNI_CODE_DECODE, "the configuration's \"%s\" must be %s, not %s", name,
                    json_type_name(type), json_type_name(json_type_of(member)));
}

static enum err check_types(const struct cni_config *config, struct cni_error *error) {
    static const struct {
        const char *name;
        enum json_type type;
    } rows[] = {
        {"cniVersion", JSON_TEXT},
        {"name", JSON_TEXT},
        {"type", JSON_TEXT},
        {"agent_socket", JSON_TEXT},
        {"dns", JSON_OBJECT},
        {"prevResult", JSON_OBJECT},
        {"runtimeConfig", JSON_OBJECT},
        {"capabilities", JSON_OBJECT},
        {"args", JSON_OBJECT},
        {"cni.dev/valid-attachments", JSON_LIST},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        enum err err = check_type(config, rows[i].name, rows[i].type, error);
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

static enum err read_version(enum cni_verb verb, struct cni_config *config,
                             struct cni_error *error) {
    static const enum cni_version oldest[] = {
        [CNI_VERB_ADD] = CNI_VERSION_0_3_0,    [CNI_VERB_DEL] = CNI_VERSION_0_3_0,
        [CNI_VERB_CHECK] = CNI_VERSION_0_4_0,  [CNI_VERB_GC] = CNI_VERSION_1_1_0,
        [CNI_VERB_STATUS] = CNI_VERSION_1_1_0, [CNI_VERB_VERSION] = CNI_VERSION_0_3_0,
    };
    const char *text = json_find_text(config->tree, "cniVersion", "0.1.0"); /* the spec's default */
    size_t at = 0;
    while (at < ARRAY_COUNT(versions) && strcmp(versions[at], text) != 0) {
        at++;
    }
    if (at == ARRAY_COUNT(versions)) {
        cni_fail(error, CNI_CODE_VERSION, "cniVersion '%.40s' is not supported", text);
        cni_set_details(error, "supported: " VERSIONS_TEXT);
        return ERR_INVALID;
    }
    config->version = (enum cni_version)at;
    config->version_text = versions[at];
    if (config->version < oldest[verb]) {
        return cni_fail(error, CNI_CODE_VERSION, "%s needs cniVersion %s or newer, not %s",
                        cni_verb_name(verb), versions[oldest[verb]], text);
    }
    return ERR_OK;
}

static enum err read_names(struct cni_config *config, struct cni_error *error) {
    const size_t path_size = sizeof((struct sockaddr_un *)NULL)->sun_path;
    config->name = json_find_text(config->tree, "name", "");
    config->agent_socket = json_find_text(config->tree, "agent_socket", CNI_AGENT_SOCKET_DEFAULT);
    if (!attachment_is_container_id(config->name)) { /* the same rule */
        return cni_fail(error, CNI_CODE_CONFIG,
                        "the configuration's \"name\" '%.60s' is not a letter or digit, then "
                        "letters, digits, _ . and -",
                        config->name);
    }
    if (config->agent_socket[0] != '/' || strlen(config->agent_socket) >= path_size) {
        return cni_fail(error, CNI_CODE_CONFIG,
                        "the configuration's \"agent_socket\" must be an absolute path of at most "
                        "%zu bytes",
                        path_size - 1);
    }
    return ERR_OK;
}

/* An item that cannot be read would let GC take its pod's interface away. */
static enum err check_attachments(const struct cni_config *config, struct cni_error *error) {
    unsigned index = 0;
    for (const struct json *item = json_first(config->valid_attachments); item != NULL;
         item = json_next(item), index++) {
        if (json_find_text(item, "containerID", NULL) == NULL ||
            json_find_text(item, "ifname", NULL) == NULL) {
            return cni_fail(error, CNI_CODE_DECODE,
                            "the configuration's \"cni.dev/valid-attachments\"[%u] must have a "
                            "containerID and an ifname, both strings",
                            index);
        }
    }
    return ERR_OK;
}

static enum err require(enum cni_verb verb, struct cni_config *config, struct cni_error *error) {
    config->dns = find_member(config, "dns");
    config->prev_result = find_member(config, "prevResult");
    /* null is libcni's empty list: no attachment is valid. Absent, nobody said so. */
    config->valid_attachments = json_find(config->tree, "cni.dev/valid-attachments");
    if (verb == CNI_VERB_CHECK && config->prev_result == NULL) {
        return cni_fail(error, CNI_CODE_CONFIG, "CHECK needs the configuration's \"prevResult\"");
    }
    if (verb == CNI_VERB_GC && config->valid_attachments == NULL) {
        return cni_fail(error, CNI_CODE_CONFIG,
                        "GC needs the configuration's \"cni.dev/valid-attachments\"");
    }
    return verb == CNI_VERB_GC ? check_attachments(config, error) : ERR_OK;
}

const char *cni_version_asked_for(struct slice text) {
    struct json *tree;
    struct json_fault fault;
    if (json_parse(text, &tree, &fault) != ERR_OK) {
        return CNI_VERSION_NEWEST;
    }
    const char *asked = json_find_text(tree, "cniVersion", "");
    const char *version = CNI_VERSION_NEWEST;
    for (size_t i = 0; i < ARRAY_COUNT(versions); i++) {
        version = strcmp(versions[i], asked) == 0 ? versions[i] : version;
    }
    json_free(tree);
    return version;
}

enum err cni_config_read(enum cni_verb verb, struct slice text, struct cni_config *out_config,
                         struct cni_error *error) {
    struct json_fault fault;
    *out_config = (struct cni_config){.version_text = CNI_VERSION_NEWEST};
    enum err err = json_parse(text, &out_config->tree, &fault);
    if (verb == CNI_VERB_VERSION) {
        if (err == ERR_OK) {
            out_config->version_text =
                json_find_text(out_config->tree, "cniVersion", CNI_VERSION_NEWEST);
        }
        return ERR_OK;
    }
    if (err != ERR_OK) {
        cni_fail(error, CNI_CODE_DECODE, "the configuration on stdin is not JSON");
        cni_set_details(error, "byte %zu: %s", fault.offset, fault.message);
        return ERR_INVALID;
    }
    if (json_type_of(out_config->tree) != JSON_OBJECT) {
        return cni_fail(error, CNI_CODE_DECODE, "the configuration on stdin is %s, not an object",
                        json_type_name(json_type_of(out_config->tree)));
    }
    err = check_types(out_config, error);
    if (err == ERR_OK) {
        err = read_version(verb, out_config, error);
    }
    if (err == ERR_OK) {
        err = read_names(out_config, error);
    }
    return err == ERR_OK ? require(verb, out_config, error) : err;
}

void cni_config_deinit(struct cni_config *config) {
    json_free(config->tree);
    config->tree = NULL;
}
