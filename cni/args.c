#include "cni/args.h"

#include "util/limits.h"

#include <stdio.h>
#include <string.h>

/* What each verb needs. A verb about no container looks at no variable but CNI_COMMAND: libcni asks
 * for VERSION with "dummy" in the others. */
enum need {
    NEEDS_CONTAINER = 1 << 0, /* CNI_CONTAINERID and CNI_IFNAME */
    NEEDS_NETNS = 1 << 1
};

struct verb_row {
    const char *name;
    enum cni_verb verb;
    unsigned needs;
};

static const struct verb_row verbs[] = {
    {"ADD", CNI_VERB_ADD, NEEDS_CONTAINER | NEEDS_NETNS},
    {"DEL", CNI_VERB_DEL, NEEDS_CONTAINER},
    {"CHECK", CNI_VERB_CHECK, NEEDS_CONTAINER | NEEDS_NETNS},
    {"GC", CNI_VERB_GC, 0},
    {"STATUS", CNI_VERB_STATUS, 0},
    {"VERSION", CNI_VERB_VERSION, 0},
};

static const char *or_empty(const char *text) {
    return text != NULL ? text : "";
}

const char *cni_verb_name(enum cni_verb verb) {
    CHECK((unsigned)verb < ARRAY_COUNT(verbs));
    return verbs[verb].name;
}

static const struct verb_row *find_verb(const char *name) {
    for (size_t i = 0; i < ARRAY_COUNT(verbs); i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

/* All that is missing is named at once: who sets up a runtime mends it in one go. */
static enum err check_missing(const struct verb_row *row, const struct cni_args *args,
                              struct cni_error *error) {
    char missing[80] = "";
    size_t used = 0;
    const struct {
        const char *name;
        const char *value;
        unsigned need;
    } variables[] = {
        {"CNI_CONTAINERID", args->container_id, NEEDS_CONTAINER},
        {"CNI_IFNAME", args->ifname, NEEDS_CONTAINER},
        {"CNI_NETNS", args->netns, NEEDS_NETNS},
    };
    for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
        if ((row->needs & variables[i].need) != 0 && variables[i].value[0] == 0) {
            used += (size_t)snprintf(missing + used, sizeof missing - used, "%s%s",
                                     used > 0 ? ", " : "", variables[i].name);
        }
    }
    if (used > 0) {
        return cni_fail(error, CNI_CODE_ENVIRONMENT, "%s needs %s in the environment", row->name,
                        missing);
    }
    return ERR_OK;
}

static enum err check_values(const struct cni_args *args, struct cni_error *error) {
    if (!attachment_is_container_id(args->container_id)) {
        return cni_fail(error, CNI_CODE_ENVIRONMENT,
                        "CNI_CONTAINERID '%.60s' is not a letter or digit, then letters, digits, "
                        "_ . and -, %u at most",
                        args->container_id, LIMIT_NAME_SIZE_MAX);
    }
    if (!attachment_is_ifname(args->ifname)) {
        return cni_fail(error, CNI_CODE_ENVIRONMENT,
                        "CNI_IFNAME '%.60s' is not an interface name: %u bytes at most, without "
                        "'/', ':' and white space",
                        args->ifname, LIMIT_IFNAME_SIZE_MAX);
    }
    if (args->netns[0] != 0 &&
        (args->netns[0] != '/' || strlen(args->netns) > LIMIT_NETNS_PATH_SIZE_MAX)) {
        return cni_fail(error, CNI_CODE_ENVIRONMENT,
                        "CNI_NETNS '%.60s' is not an absolute path of at most %u bytes",
                        args->netns, LIMIT_NETNS_PATH_SIZE_MAX);
    }
    return ERR_OK;
}

/* ---- CNI_ARGS: "K=V;K=V" ---- */

struct pair {
    const char *key;
    const char *value;
};

#define PAIRS_MAX 32u

struct pairs {
    struct pair items[PAIRS_MAX];
    unsigned count;
};

static enum err split_args(const char *text, struct arena *arena, struct pairs *out_pairs,
                           struct cni_error *error) {
    char *rest = arena_strdup(arena, text);
    while (rest != NULL) {
        char *item = strsep(&rest, ";");
        char *equals = strchr(item, '=');
        if (item[0] == 0) {
            continue;
        }
        if (equals == NULL || equals == item || out_pairs->count == PAIRS_MAX) {
            return cni_fail(error, CNI_CODE_ENVIRONMENT,
                            "CNI_ARGS is not at most %u KEY=VALUE joined by ';': '%.60s'",
                            PAIRS_MAX, item);
        }
        *equals = 0;
        out_pairs->items[out_pairs->count++] = (struct pair){.key = item, .value = equals + 1};
    }
    return ERR_OK;
}

static const char *find_pair(const struct pairs *pairs, const char *key) {
    for (unsigned i = 0; i < pairs->count; i++) {
        if (strcmp(pairs->items[i].key, key) == 0) {
            return pairs->items[i].value;
        }
    }
    return NULL;
}

static enum err check_unknown(const struct pairs *pairs, struct cni_error *error) {
    static const char *const known[] = {"IgnoreUnknown", "K8S_POD_NAMESPACE", "K8S_POD_NAME",
                                        "K8S_POD_INFRA_CONTAINER_ID", "K8S_POD_UID"};
    const char *ignore = or_empty(find_pair(pairs, "IgnoreUnknown"));
    if (strcmp(ignore, "1") == 0 || strcasecmp(ignore, "true") == 0) {
        return ERR_OK;
    }
    for (unsigned i = 0; i < pairs->count; i++) {
        bool is_known = false;
        for (size_t k = 0; k < ARRAY_COUNT(known); k++) {
            is_known = is_known || strcmp(known[k], pairs->items[i].key) == 0;
        }
        if (!is_known) {
            return cni_fail(error, CNI_CODE_ENVIRONMENT,
                            "CNI_ARGS has the unknown key '%.60s'; IgnoreUnknown=1 passes over it",
                            pairs->items[i].key);
        }
    }
    return ERR_OK;
}

/* Names that are no Kubernetes names (podman's have underscores) describe no pod: they are left
 * out, because a pod must not fail to start over its label. */
static struct endpoint_pod *pod_of(const struct pairs *pairs, struct arena *arena) {
    const char *namespace_name = find_pair(pairs, "K8S_POD_NAMESPACE");
    const char *name = find_pair(pairs, "K8S_POD_NAME");
    const char *uid = find_pair(pairs, "K8S_POD_UID");
    if (namespace_name == NULL || !field_format_dns_label.is_valid(namespace_name) ||
        name == NULL || !field_format_dns_subdomain.is_valid(name)) {
        return NULL;
    }
    struct endpoint_pod *pod = arena_alloc(arena, sizeof *pod);
    pod->namespace_name = namespace_name;
    pod->name = name;
    if (uid != NULL && uid[0] != 0 && strlen(uid) <= LIMIT_NAME_SIZE_MAX) {
        pod->uid = uid;
    }
    return pod;
}

enum err cni_args_read(const struct cni_environment *environment, struct arena *arena,
                       struct cni_args *out_args, struct cni_error *error) {
    const struct verb_row *row = find_verb(or_empty(environment->command));
    if (row == NULL) {
        return cni_fail(error, CNI_CODE_ENVIRONMENT,
                        "CNI_COMMAND is '%.60s', not one of ADD, DEL, CHECK, GC, STATUS, VERSION",
                        or_empty(environment->command));
    }
    if (row->needs == 0) {
        *out_args =
            (struct cni_args){.verb = row->verb, .container_id = "", .netns = "", .ifname = ""};
        return ERR_OK;
    }
    struct cni_args args = {.verb = row->verb,
                            .container_id = or_empty(environment->container_id),
                            .netns = or_empty(environment->netns),
                            .ifname = or_empty(environment->ifname)};
    struct pairs pairs = {.count = 0};
    enum err err = check_missing(row, &args, error);
    if (err == ERR_OK) {
        err = check_values(&args, error);
    }
    if (err == ERR_OK) {
        err = split_args(or_empty(environment->args), arena, &pairs, error);
    }
    if (err == ERR_OK) {
        err = check_unknown(&pairs, error);
    }
    if (err == ERR_OK) {
        args.pod = pod_of(&pairs, arena);
        *out_args = args;
    }
    return err;
}
