/* What agent/cache promises: the copy comes back whole or not at all (pain 8 of NETWORK.md 9, S12).
 */
#include "agent/cache.h"
#include "util/durable.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char network_text[] =
    "{\"name\":\"default\",\"ipv4\":\"10.244.0.0/16\",\"subnet_len\":24,\"lease_ttl_s\":60,"
    "\"backend\":{\"type\":\"vxlan\",\"vni\":1,\"port\":8472},\"revision\":3,\"newer_field\":true}";
static const char own_text[] =
    "{\"network\":\"default\",\"subnet\":\"10.244.7.0/24\",\"node\":\"n1\",\"public_ip\":"
    "\"192.0.2.1\",\"backend_type\":\"vxlan\",\"backend_data\":{\"vni\":1,\"vtep_mac\":"
    "\"02:00:00:00:00:01\"},\"epoch\":9,\"ttl_s\":60,\"reserved\":false,\"expires_at\":"
    "\"2026-01-01T00:00:00.000Z\"}";

static struct json *parse(const char *text) {
    struct json *json;
    struct json_fault fault;
    assert_int_equal(json_parse(slice_of_text(text), &json, &fault), ERR_OK);
    return json;
}

static void fill(struct cache *cache) {
    struct json *network = parse(network_text);
    struct json *own = parse(own_text);
    cache_init(cache, "n1", "default", "boot-1");
    assert_int_equal(cache_set_network(cache, network), ERR_OK);
    assert_int_equal(cache_set_own(cache, own, 4711), ERR_OK);
    assert_int_equal(cache_put_lease(cache, "subnets/default/10.244.7.0-24", own), ERR_OK);
    cache->revision = 12;
    json_free(network);
    json_free(own);
}

static enum err reread(const struct cache *from, struct cache *to, const char *node,
                       const char *boot_id) {
    struct buf content;
    buf_init(&content);
    cache_encode(from, &content);
    cache_init(to, node, "default", boot_id);
    enum err err = cache_decode(to, buf_slice(&content));
    buf_deinit(&content);
    return err;
}

static void a_copy_comes_back_whole(void **state) {
    (void)state;
    struct cache before, after;
    fill(&before);
    assert_int_equal(reread(&before, &after, "n1", "boot-1"), ERR_OK);
    assert_int_equal(after.network->backend->port, 8472);
    assert_int_equal(after.network->subnet_len, 24);
    assert_int_equal(after.own->epoch, 9);
    assert_int_equal(after.own_sent_ms, 4711);
    assert_true(after.own_is_of_boot);
    assert_int_equal(after.lease_count, 1);
    assert_int_equal(after.revision, 12);
    struct cache_lease *lease = CONTAINER_OF(after.leases.next, struct cache_lease, node);
    assert_string_equal(lease->key, "subnets/default/10.244.7.0-24");
    assert_true(slice_equal(lease->subnet.backend_data, before.own->backend_data));
    cache_deinit(&before);
    cache_deinit(&after);
}

static void times_of_another_boot_do_not_count(void **state) {
    (void)state;
    struct cache before, after;
    fill(&before);
    assert_int_equal(reread(&before, &after, "n1", "boot-2"), ERR_OK);
    assert_non_null(after.own);
    assert_false(after.own_is_of_boot);
    cache_deinit(&before);
    cache_deinit(&after);
}

static void another_nodes_copy_is_refused(void **state) {
    (void)state;
    struct cache before, after;
    fill(&before);
    assert_int_equal(reread(&before, &after, "n2", "boot-1"), ERR_NOT_FOUND);
    assert_null(after.network);
    assert_null(after.own);
    assert_int_equal(after.lease_count, 0);
    cache_deinit(&before);
    cache_deinit(&after);
}

static void an_unreadable_object_changes_nothing(void **state) {
    (void)state;
    struct cache cache;
    fill(&cache);
    struct json *no_backend = parse("{\"name\":\"default\",\"ipv4\":\"10.244.0.0/16\"}");
    struct json *wrong = parse("{\"subnet\":\"10.244.7.0/24\",\"epoch\":\"nine\"}");
    assert_int_equal(cache_set_network(&cache, no_backend), ERR_INVALID);
    assert_int_equal(cache_set_own(&cache, wrong, 1), ERR_INVALID);
    assert_int_equal(cache_set_own(&cache, no_backend, 1), ERR_INVALID);
    assert_int_equal(cache_put_lease(&cache, "subnets/default/10.244.7.0-24", wrong), ERR_INVALID);
    assert_int_equal(cache.network->lease_ttl_s, 60);
    assert_int_equal(cache.own->epoch, 9);
    assert_int_equal(cache.own_sent_ms, 4711);
    assert_int_equal(cache.lease_count, 1);
    json_free(no_backend);
    json_free(wrong);
    cache_deinit(&cache);
}

static void a_lease_is_replaced_and_removed_by_its_key(void **state) {
    (void)state;
    struct cache cache;
    fill(&cache);
    struct json *other = parse("{\"subnet\":\"10.244.7.0/24\",\"node\":\"n2\",\"epoch\":20}");
    assert_int_equal(cache_put_lease(&cache, "subnets/default/10.244.7.0-24", other), ERR_OK);
    assert_int_equal(cache.lease_count, 1);
    assert_int_equal(CONTAINER_OF(cache.leases.next, struct cache_lease, node)->subnet.epoch, 20);
    cache_remove_lease(&cache, "subnets/default/10.244.8.0-24");
    assert_int_equal(cache.lease_count, 1);
    cache_remove_lease(&cache, "subnets/default/10.244.7.0-24");
    assert_int_equal(cache.lease_count, 0);
    json_free(other);
    cache_deinit(&cache);
}

static void refuse(const char *content) {
    struct cache cache;
    cache_init(&cache, "n1", "default", "boot-1");
    assert_int_equal(cache_decode(&cache, slice_of_text(content)), ERR_CORRUPT);
    assert_null(cache.network);
    cache_deinit(&cache);
}

#define ABOUT "{\"about\":{\"node\":\"n1\",\"network\":\"default\",\"boot_id\":\"boot-1\"}}\n"

static void content_of_another_form_is_refused(void **state) {
    (void)state;
    refuse("");
    refuse("nonsense\n");
    refuse("{\"network\":{}}\n");
    refuse(ABOUT ABOUT);
    refuse(ABOUT "{\"network\":{}}\n");
    refuse(ABOUT "{\"own\":{}}\n");
    refuse(ABOUT "{\"lease\":{}}\n");
    refuse(ABOUT "{\"else\":{}}\n");
    refuse(ABOUT "{}\n");
    refuse(ABOUT "{\"network\":{\"backend\":{\"type\":\"vxlan\"}}}");
}

/* ---- the envelope (util/durable.h) ---- */

struct folder {
    char path[64];
};

static int make_folder(void **state) {
    static struct folder folder;
    snprintf(folder.path, sizeof folder.path, "/tmp/weft-cache-XXXXXX");
    *state = &folder;
    return mkdtemp(folder.path) != NULL ? 0 : -1;
}

static int remove_folder(void **state) {
    struct folder *folder = *state;
    return durable_remove(folder->path, "store") == ERR_OK && rmdir(folder->path) == 0 ? 0 : -1;
}

static void flip(const struct folder *folder, off_t at) {
    char path[80];
    unsigned char byte;
    snprintf(path, sizeof path, "%s/store", folder->path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void any_flipped_byte_of_the_file_is_noticed(void **state) {
    const struct folder *folder = *state;
    struct buf content;
    struct stat status;
    char path[80];
    buf_init(&content);
    assert_int_equal(durable_write(folder->path, "store", slice_of_text(network_text)), ERR_OK);
    snprintf(path, sizeof path, "%s/store", folder->path);
    assert_int_equal(stat(path, &status), 0);
    for (off_t at = 0; at < status.st_size; at++) {
        flip(folder, at);
        assert_int_equal(durable_read(folder->path, "store", &content), ERR_CORRUPT);
        flip(folder, at);
    }
    assert_int_equal(durable_read(folder->path, "store", &content), ERR_OK);
    assert_string_equal(buf_text(&content), network_text);
    assert_int_equal(truncate(path, status.st_size - 1), 0);
    assert_int_equal(durable_read(folder->path, "store", &content), ERR_CORRUPT);
    buf_deinit(&content);
}

static void what_cannot_be_written_leaves_the_old_file_whole(void **state) {
    const struct folder *folder = *state;
    struct buf content;
    char blocker[96];
    buf_init(&content);
    assert_int_equal(durable_write(folder->path, "store", slice_of_text("old")), ERR_OK);
    snprintf(blocker, sizeof blocker, "%s/.store.new", folder->path);
    assert_int_equal(mkdir(blocker, 0700), 0);
    assert_int_equal(durable_write(folder->path, "store", slice_of_text("new")), ERR_IO);
    assert_int_equal(rmdir(blocker), 0);
    assert_int_equal(durable_read(folder->path, "store", &content), ERR_OK);
    assert_string_equal(buf_text(&content), "old");
    assert_int_equal(durable_read(folder->path, "absent", &content), ERR_NOT_FOUND);
    buf_deinit(&content);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_comes_back_whole),
        cmocka_unit_test(times_of_another_boot_do_not_count),
        cmocka_unit_test(another_nodes_copy_is_refused),
        cmocka_unit_test(an_unreadable_object_changes_nothing),
        cmocka_unit_test(a_lease_is_replaced_and_removed_by_its_key),
        cmocka_unit_test(content_of_another_form_is_refused),
        cmocka_unit_test_setup_teardown(any_flipped_byte_of_the_file_is_noticed, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_leaves_the_old_file_whole,
                                        make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
