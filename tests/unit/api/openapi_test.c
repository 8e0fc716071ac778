/* The API document against the tables that it is made of, and against the file in the tree. To
 * write that file anew: WEFT_UPDATE=1 and this program. */
#include "api/openapi.h"

#include "api/handlers.h"
#include "api/operations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

struct document {
    struct buf text;
    struct json *json;
};

static int set_up(void **state) {
    struct document *document = must_alloc_zeroed(1, sizeof *document);
    struct json_fault fault;
    buf_init(&document->text);
    openapi_write(&document->text);
    assert_int_equal(json_parse(buf_slice(&document->text), &document->json, &fault), ERR_OK);
    *state = document;
    return 0;
}

static int tear_down(void **state) {
    struct document *document = *state;
    json_free(document->json);
    buf_deinit(&document->text);
    free(document);
    return 0;
}

static void the_file_in_the_tree_is_the_document(void **state) {
    struct document *document = *state;
    struct buf file;
    if (getenv("WEFT_UPDATE") != NULL) {
        FILE *out = fopen(OPENAPI_FILE, "we");
        assert_non_null(out);
        assert_int_equal(fwrite(document->text.data, 1, document->text.size, out),
                         document->text.size);
        assert_int_equal(fclose(out), 0);
    }
    buf_init(&file);
    FILE *in = fopen(OPENAPI_FILE, "re");
    assert_non_null(in);
    size_t size;
    do {
        size = fread(buf_reserve(&file, 65536), 1, 65536, in);
        file.size += size;
    } while (size > 0);
    assert_int_equal(fclose(in), 0);
    if (!slice_equal(buf_slice(&file), buf_slice(&document->text))) {
        fail_msg("api/openapi.json is stale: run this program with WEFT_UPDATE=1");
    }
    buf_deinit(&file);
}

static void every_handler_is_described(void **state) {
    (void)state;
    for (unsigned i = 0; i < route_count; i++) {
        if (operation_find(routes[i].handle) == NULL) {
            fail_msg("api/operations.c has no row for the handler of %s", routes[i].pattern);
        }
    }
    for (unsigned i = 0; i < param_row_count; i++) {
        assert_true(param_rows[i].help != NULL && param_rows[i].help[0] != 0);
    }
}

/* "/v1/nodes/{name}" as somebody would ask it. */
static void fill_path(const char *template, char *out) {
    for (; *template != 0; template ++) {
        if (*template == '{') {
            *out++ = 'x';
            template += strcspn(template, "}");
        } else {
            *out++ = *template;
        }
    }
    *out = 0;
}

static enum method method_of(const char *key) {
    static const enum method methods[] = {METHOD_GET, METHOD_PUT, METHOD_POST, METHOD_DELETE};
    for (unsigned i = 0; i < ARRAY_COUNT(methods); i++) {
        if (strcasecmp(method_name(methods[i]), key) == 0) {
            return methods[i];
        }
    }
    fail_msg("no method: %s", key);
    return METHOD_OTHER;
}

static void every_route_is_in_it_and_nothing_else(void **state) {
    struct document *document = *state;
    bool *is_seen = must_alloc_zeroed(route_count, sizeof *is_seen);
    const struct json *paths = json_find(document->json, "paths");
    for (const struct json *path = json_first(paths); path != NULL; path = json_next(path)) {
        char asked[256];
        fill_path(json_name(path), asked);
        for (const struct json *call = json_first(path); call != NULL; call = json_next(call)) {
            const struct route *route = NULL;
            struct problem problem;
            struct arena arena;
            arena_init(&arena);
            problem_init(&problem);
            if (dispatch_find(method_of(json_name(call)), asked, &arena, &route, &problem) !=
                ERR_OK) {
                fail_msg("%s %s is answered by nobody", json_name(call), json_name(path));
            }
            is_seen[route - routes] = true;
            arena_deinit(&arena);
        }
    }
    for (unsigned i = 0; i < route_count; i++) {
        if (!is_seen[i]) {
            fail_msg("row %u, %s, is not in the document", i, routes[i].pattern);
        }
    }
    free(is_seen);
}

static void names_of_operations_are_unique(void **state) {
    struct document *document = *state;
    const struct json *paths = json_find(document->json, "paths");
    struct buf names;
    buf_init(&names);
    buf_append_char(&names, ' ');
    for (const struct json *path = json_first(paths); path != NULL; path = json_next(path)) {
        for (const struct json *call = json_first(path); call != NULL; call = json_next(call)) {
            char name[128];
            (void)snprintf(name, sizeof name, " %s ", json_find_text(call, "operationId", ""));
            assert_true(strlen(name) > 4);
            if (strstr(buf_text(&names), name) != NULL) {
                fail_msg("twice:%s", name);
            }
            buf_append_text(&names, name + 1);
        }
    }
    buf_deinit(&names);
}

static void every_reference_resolves(void **state) {
    struct document *document = *state;
    static const char mark[] = "\"$ref\":";
    unsigned count = 0;
    for (const char *at = strstr(buf_text(&document->text), mark); at != NULL;
         at = strstr(at + 1, mark)) {
        char group[64];
        char name[64];
        const char *target = strchr(at + strlen(mark), '"');
        assert_non_null(target);
        assert_int_equal(sscanf(target, "\"#/components/%63[a-z]/%63[A-Za-z0-9_-]\"", group, name),
                         2);
        const struct json *components = json_find(document->json, "components");
        const struct json *found = json_find(components, group);
        if (found == NULL || json_find(found, name) == NULL) {
            fail_msg("nothing at #/components/%s/%s", group, name);
        }
        count++;
    }
    assert_true(count > 100);
}

static void the_problems_are_those_of_the_table(void **state) {
    struct document *document = *state;
    const struct json *schemas = json_find(json_find(document->json, "components"), "schemas");
    const struct json *properties = json_find(json_find(schemas, "problem"), "properties");
    const struct json *codes = json_find(json_find(properties, "code"), "enum");
    unsigned count = 0;
    for (const struct json *code = json_first(codes); code != NULL; code = json_next(code)) {
        assert_string_equal(json_text(code), err_code((enum err)(++count)));
    }
    assert_int_equal(count, ERR_INTERNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_handler_is_described),
        cmocka_unit_test_setup_teardown(the_file_in_the_tree_is_the_document, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_route_is_in_it_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_of_operations_are_unique, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_reference_resolves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_problems_are_those_of_the_table, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
