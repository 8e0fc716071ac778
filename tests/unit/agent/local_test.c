/* What agent/local promises: the local socket's answers, and that none comes before it is durable.
 */
#include "agent/local.h"
#include "client/call.h"
#include "util/durable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

struct world {
    uv_loop_t loop;
    char dir[64];
    char path[96];
    struct ipam ipam;
    struct save save;
    struct local local;
    struct server_list servers;
    struct call_pool *pool;
    bool sees_pod;
    bool is_answered;
    int status;
    char body[4096];
};

static void encode(void *owner, struct buf *out) {
    ipam_encode(&((struct world *)owner)->ipam, out);
}

static void refresh(void *owner) {
    (void)owner;
}

static void changed(void *owner) {
    local_looked(&((struct world *)owner)->local);
}

static bool sees_pod(void *owner, const struct attachment *attachment) {
    assert_non_null(attachment->host_ifname);
    return ((struct world *)owner)->sees_pod;
}

static void write_status(void *owner, struct json_writer *writer) {
    (void)owner;
    json_member_text(writer, "node", "n1");
}

static const struct local_hooks hooks = {
    .refresh = refresh, .changed = changed, .sees_pod = sees_pod, .write_status = write_status};

static void answered(struct call *call, void *owner, enum err err) {
    struct world *world = owner;
    (void)err;
    world->is_answered = true;
    world->status = call->answer.status;
    snprintf(world->body, sizeof world->body, "%.*s", (int)call->answer.body.size,
             (const char *)call->answer.body.data);
}

/* One request to the socket; its status. */
static int ask(struct world *world, enum method method, const char *target, const char *body) {
    struct call call = {.state = CALL_STATE_IDLE};
    struct client_request request = {.method = method, .target = target};
    if (body != NULL) {
        request.body = slice_of_text(body);
    }
    world->is_answered = false;
    call_start(&call, world->pool, &world->servers, &request, answered, world);
    while (!world->is_answered) {
        uv_run(&world->loop, UV_RUN_ONCE);
    }
    return world->status;
}

static int open_world(void **state) {
    static struct world world;
    struct problem problem;
    struct ipam_pool pool = {.network = "default", .mtu = 1450, .epoch = 3};
    char url[128];
    memset(&world, 0, sizeof world);
    snprintf(world.dir, sizeof world.dir, "/tmp/weft-local-XXXXXX");
    assert_non_null(mkdtemp(world.dir));
    snprintf(world.path, sizeof world.path, "%s/agent.sock", world.dir);
    assert_int_equal(uv_loop_init(&world.loop), 0);
    ipam_init(&world.ipam, &clock_system, "boot", 60000, 1);
    assert_int_equal(ip_prefix_parse("10.244.7.0/29", '/', &pool.subnet), ERR_OK);
    ipam_set_pool(&world.ipam, &pool);
    save_init(&world.save, &world.loop, world.dir, "addresses", encode, &world);
    assert_int_equal(
        local_open(&world.local, &world.loop, world.path, &world.ipam, &world.save, &hooks, &world),
        ERR_OK);
    snprintf(url, sizeof url, "unix:%s", world.path);
    problem_init(&problem);
    assert_int_equal(server_list_parse(url, &world.servers, &problem), ERR_OK);
    world.pool = call_pool_open(&world.loop);
    world.sees_pod = true;
    *state = &world;
    return 0;
}

static int close_world(void **state) {
    struct world *world = *state;
    call_pool_close(world->pool, NULL, NULL);
    local_close(&world->local, NULL, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    save_deinit(&world->save);
    ipam_deinit(&world->ipam);
    (void)unlink(world->path);
    assert_int_equal(durable_remove(world->dir, "addresses"), ERR_OK);
    return uv_loop_close(&world->loop) == 0 && rmdir(world->dir) == 0 ? 0 : -1;
}

#define ADD(id)                                                                                    \
    "{\"container_id\":\"" id "\",\"ifname\":\"eth0\",\"netns\":\"/run/netns/a\","                 \
    "\"cni_network\":\"weft\"}"

/* How many attachments the file has: what a restart would know. */
static unsigned count_saved(const struct world *world) {
    struct ipam ipam;
    struct buf content;
    struct problem problem;
    unsigned dead_count;
    buf_init(&content);
    problem_init(&problem);
    ipam_init(&ipam, &clock_system, "boot", 60000, 1);
    assert_int_equal(durable_read(world->dir, "addresses", &content), ERR_OK);
    assert_int_equal(ipam_decode(&ipam, buf_slice(&content), &dead_count, &problem), ERR_OK);
    unsigned count = ipam.record_count;
    ipam_deinit(&ipam);
    buf_deinit(&content);
    return count;
}

static void add_answers_201_then_200_and_is_durable_by_then(void **state) {
    struct world *world = *state;
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("a")), 201);
    assert_int_equal(count_saved(world), 1);
    char first[sizeof world->body];
    memcpy(first, world->body, sizeof first);
    assert_non_null(strstr(first, "\"ip\":\"10.244.7.2\""));
    assert_non_null(strstr(first, "\"gateway\":\"169.254.1.1\""));
    assert_non_null(strstr(first, "\"state\":\"reserved\""));
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("a")), 200);
    assert_non_null(strstr(world->body, "\"ip\":\"10.244.7.2\""));
    assert_int_equal(count_saved(world), 1);
}

static void delete_frees_durably_and_then_answers_404(void **state) {
    struct world *world = *state;
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("a")), 201);
    assert_int_equal(ask(world, METHOD_DELETE, "/v1/attachments/a/eth0", NULL), 200);
    assert_int_equal(count_saved(world), 0);
    assert_int_equal(ask(world, METHOD_DELETE, "/v1/attachments/a/eth0", NULL), 404);
    assert_int_equal(ask(world, METHOD_GET, "/v1/attachments/a/eth0", NULL), 404);
}

static void ready_answers_once_the_kernel_has_the_route(void **state) {
    struct world *world = *state;
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments/a/eth0/ready", NULL), 404);
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("a")), 201);
    world->sees_pod = false;
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments/a/eth0/ready", NULL), 409);
    world->sees_pod = true;
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments/a/eth0/ready", NULL), 200);
    assert_non_null(strstr(world->body, "\"state\":\"ready\""));
}

static void an_address_that_cannot_be_kept_is_not_given(void **state) {
    struct world *world = *state;
    char blocker[96];
    snprintf(blocker, sizeof blocker, "%s/.addresses.new", world->dir);
    assert_int_equal(mkdir(blocker, 0700), 0);
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("a")), 500);
    assert_int_equal(world->ipam.record_count, 0);
    assert_int_equal(rmdir(blocker), 0);
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("a")), 201);
    assert_null(strstr(world->body, "10.244.7.2")); /* that one rests */
}

/* Sends a request on a connection of its own and goes away at once. */
static void ask_and_go(struct world *world, const char *target, const char *body) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char text[512];
    int size = snprintf(text, sizeof text,
                        "POST %s HTTP/1.1\r\nHost: agent\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        target, strlen(body), body);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    memcpy(address.sun_path, world->path, strlen(world->path) + 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(write(fd, text, (size_t)size), size);
    assert_int_equal(close(fd), 0);
}

/* Runs the loop until a reservation has come, and all that follows from it is on the disk. */
static void settle(struct world *world) {
    while (world->ipam.last.family == IP_NONE || world->save.is_running) {
        uv_run(&world->loop, UV_RUN_ONCE);
    }
}

static void a_reservation_that_nobody_waits_for_is_taken_back(void **state) {
    struct world *world = *state;
    ask_and_go(world, "/v1/attachments", ADD("a"));
    settle(world);
    assert_int_equal(world->ipam.record_count, 0);
    assert_int_equal(count_saved(world), 0);
}

static void a_reservation_stays_for_who_asked_again_meanwhile(void **state) {
    struct world *world = *state;
    ask_and_go(world, "/v1/attachments", ADD("a"));
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("a")) / 100, 2);
    settle(world);
    assert_int_equal(count_saved(world), 1);
    ask_and_go(world, "/v1/attachments", ADD("a"));
    assert_int_equal(ask(world, METHOD_GET, "/v1/attachments/a/eth0", NULL), 200);
    settle(world);
    assert_int_equal(count_saved(world), 1); /* it was answered once, so it is in use */
}

static void a_full_subnet_is_a_problem(void **state) {
    struct world *world = *state;
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("a")), 201);
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("b")), 201);
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("c")), 201);
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("d")), 201);
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("e")), 201);
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", ADD("f")), 409);
    assert_non_null(strstr(world->body, "pool_exhausted"));
    assert_int_equal(ask(world, METHOD_GET, "/v1/attachments", NULL), 200);
    assert_non_null(strstr(world->body, "\"container_id\":\"e\""));
}

static void bad_requests_are_refused_with_pointers(void **state) {
    struct world *world = *state;
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", "{"), 400);
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments", "{}"), 422);
    assert_non_null(strstr(world->body, "/container_id"));
    assert_int_equal(ask(world, METHOD_POST, "/v1/attachments",
                         "{\"container_id\":\"-a\",\"ifname\":\"a/b\",\"netns\":\"x\","
                         "\"cni_network\":\"weft\",\"colour\":1}"),
                     422);
    assert_non_null(strstr(world->body, "/colour"));
    assert_non_null(strstr(world->body, "/netns"));
    assert_int_equal(ask(world, METHOD_GET, "/v1/nonsense", NULL), 404);
    assert_int_equal(ask(world, METHOD_GET, "/v1/attachments/a/b/c/d/e/f", NULL), 404);
    assert_int_equal(ask(world, METHOD_GET, "/", NULL), 404);
    assert_int_equal(ask(world, METHOD_PUT, "/v1/attachments", "{}"), 405);
    assert_int_equal(world->ipam.record_count, 0);
}

static void the_status_is_an_object_and_the_socket_is_closed_to_others(void **state) {
    struct world *world = *state;
    struct stat status;
    assert_int_equal(ask(world, METHOD_GET, "/v1/status", NULL), 200);
    assert_string_equal(world->body, "{\"node\":\"n1\"}");
    assert_int_equal(stat(world->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
}

#define LOCAL_TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        LOCAL_TEST(add_answers_201_then_200_and_is_durable_by_then),
        LOCAL_TEST(delete_frees_durably_and_then_answers_404),
        LOCAL_TEST(ready_answers_once_the_kernel_has_the_route),
        LOCAL_TEST(an_address_that_cannot_be_kept_is_not_given),
        LOCAL_TEST(a_reservation_that_nobody_waits_for_is_taken_back),
        LOCAL_TEST(a_reservation_stays_for_who_asked_again_meanwhile),
        LOCAL_TEST(a_full_subnet_is_a_problem),
        LOCAL_TEST(bad_requests_are_refused_with_pointers),
        LOCAL_TEST(the_status_is_an_object_and_the_socket_is_closed_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
