"""Free keys: values, conditions, revisions, lists (docs/api.md, "Key space", "Lists")."""

import concurrent.futures

import claims
from api import b64, quote
from cluster_case import ClusterCase


class Kv(ClusterCase):
    # ---- one key ----

    def test_a_put_answers_201_then_200(self):
        first = self.api.put("/v1/kv/put/a", b"1")
        self.assertEqual(first.status, 201)
        body = first.json
        self.assertEqual(body["key"], "kv/put/a")
        self.assertEqual((body["version"], body["created_revision"]), (1, body["revision"]))
        self.assertGreaterEqual(first.revision, body["revision"])
        second = self.api.put("/v1/kv/put/a", b"2")
        self.assertEqual(second.status, 200)
        self.assertEqual(second.json["version"], 2)
        self.assertEqual(second.json["created_revision"], body["revision"])
        self.assertEqual(set(body), {"key", "revision", "created_revision", "version"})

    def test_any_bytes_come_back_with_their_content_type(self):
        for name, value, content_type in (
            ("empty", b"", "text/plain"),
            ("zero", b"a\0b", "application/octet-stream"),
            ("binary", bytes(range(256)), "image/x-thing; q=1"),
            ("json", b'{"not":  "touched"}', "application/json"),
            ("broken", b'{"no json', "application/json"),
        ):
            with self.subTest(name=name):
                headers = {"Content-Type": content_type}
                self.assertEqual(self.api.put(f"/v1/kv/bytes/{name}", value, headers=headers).status, 201)
                answer = self.api.get(f"/v1/kv/bytes/{name}")
                self.assertEqual((answer.body, answer.headers["content-type"]), (value, content_type))

    def test_a_value_without_a_content_type_is_served_as_bytes(self):
        self.api.put("/v1/kv/untyped", b"1")
        self.assertEqual(self.api.get("/v1/kv/untyped").headers["content-type"], "application/octet-stream")

    def test_any_key_comes_back_as_it_was(self):
        for key in ("a b", "ü", "a/b/c", "a%b", "a?b", "a#b", "a//b", "a/", ".", "..", "a/../b", "+", "a;b=c"):
            with self.subTest(key=key):
                path = f"/v1/kv/{quote('odd/' + key)}"
                self.assertEqual(self.api.put(path, key.encode()).status, 201)
                self.assertEqual(self.api.get(path).body, key.encode())
                self.assertEqual(self.api.get(path + "?meta=true").json["key"], f"kv/odd/{key}")

    def test_a_slash_may_be_escaped_or_not(self):
        self.api.put("/v1/kv/slash/a%2Fb", b"1")
        self.assertEqual(self.api.get("/v1/kv/slash/a/b").body, b"1")

    def test_meta_answers_the_item(self):
        put = self.api.put("/v1/kv/meta/a", b"hello", headers={"Content-Type": "text/plain"})
        item = self.api.get("/v1/kv/meta/a?meta=true")
        self.assertEqual(
            item.json,
            {
                "key": "kv/meta/a",
                "value_b64": b64(b"hello"),
                "content_type": "text/plain",
                "revision": put.json["revision"],
                "created_revision": put.json["revision"],
                "version": 1,
            },
        )
        self.assertTrue(item.headers["content-type"].startswith("application/json"))

    def test_a_delete_answers_its_own_revision(self):
        put = self.api.put("/v1/kv/delete/a", b"1")
        answer = self.api.delete("/v1/kv/delete/a")
        self.assertEqual(answer.status, 200)
        self.assertEqual((answer.json["key"], answer.json["deleted"]), ("kv/delete/a", 1))
        self.assertGreater(answer.json["revision"], put.json["revision"])
        self.assertEqual(self.api.get("/v1/kv/delete/a").status, 404)
        self.assertEqual(self.api.delete("/v1/kv/delete/a").status, 404)

    def test_a_key_that_is_made_again_starts_at_version_1(self):
        self.api.put("/v1/kv/again", b"1")
        self.api.put("/v1/kv/again", b"2")
        self.api.delete("/v1/kv/again")
        again = self.api.put("/v1/kv/again", b"3")
        self.assertEqual((again.status, again.json["version"]), (201, 1))
        self.assertEqual(again.json["created_revision"], again.json["revision"])

    # ---- revisions ----

    def test_each_write_raises_the_revision_by_one(self):
        revisions = [self.api.put("/v1/kv/rev/a", b"same").json["revision"] for _ in range(5)]
        revisions.append(self.api.delete("/v1/kv/rev/a").json["revision"])
        self.assertEqual(revisions, list(range(revisions[0], revisions[0] + 6)))

    def test_reads_do_not_raise_the_revision(self):
        before = self.api.get("/v1/kv").revision
        for path in ("/v1/kv", "/v1/kv/absent", "/v1/networks", "/v1/cluster", "/v1/kv?consistency=stale"):
            self.api.get(path)
        self.assertEqual(self.api.get("/v1/kv").revision, before)

    # ---- conditions ----

    def test_if_none_match_creates_only_once(self):
        headers = {"If-None-Match": "*"}
        self.assertEqual(self.api.put("/v1/kv/once", b"1", headers=headers).status, 201)
        refused = self.api.put("/v1/kv/once", b"2", headers=headers)
        self.assertEqual((refused.status, refused.code), (412, "precondition_failed"))
        self.assertEqual(refused.json["current"]["value_b64"], b64(b"1"))
        self.assertEqual(self.api.get("/v1/kv/once").body, b"1")
        self.api.delete("/v1/kv/once")
        self.assertEqual(self.api.put("/v1/kv/once", b"3", headers=headers).status, 201)

    def test_if_match_writes_only_over_that_revision(self):
        put = self.api.put("/v1/kv/match", b"1")
        second = self.api.put("/v1/kv/match", b"2", headers={"If-Match": put.etag})
        self.assertEqual(second.status, 200)
        refused = self.api.put("/v1/kv/match", b"3", headers={"If-Match": put.etag})
        self.assertEqual(refused.status, 412)
        self.assertEqual(refused.json["current"]["revision"], second.json["revision"])
        self.assertEqual(self.api.delete("/v1/kv/match", headers={"If-Match": put.etag}).status, 412)
        self.assertEqual(self.api.delete("/v1/kv/match", headers={"If-Match": second.etag}).status, 200)
        for method in ("PUT", "DELETE"):
            refused = self.api.request(method, "/v1/kv/match", headers={"If-Match": second.etag})
            self.assertEqual((refused.status, refused.json["current"]), (412, None), "it does not exist")

    def test_of_many_who_create_one_key_one_wins(self):
        def create(number):
            api = self.apis[number % 3]
            return api.put("/v1/kv/race", str(number).encode(), headers={"If-None-Match": "*"}).status

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            statuses = list(pool.map(create, range(12)))
        self.assertEqual(sorted(statuses), [201] + [412] * 11)

    # ---- lists ----

    def fill(self, prefix, names):
        for name in names:
            self.api.put(f"/v1/kv/{prefix}/{quote(name)}", name.encode())

    def test_a_list_is_in_the_order_of_the_keys(self):
        self.fill("order", ["b", "a", "a/b", "a!", "ü", "B", "10", "9"])
        answer = self.api.get("/v1/kv?prefix=order/")
        keys = [item["key"] for item in answer.json["items"]]
        self.assertEqual(keys, sorted(keys, key=str.encode))
        self.assertEqual(len(keys), 8)
        self.assertEqual(answer.json["revision"], answer.revision)
        self.assertNotIn("continue", answer.json)

    def test_items_of_a_list_are_whole(self):
        self.fill("whole", ["a"])
        [item] = self.api.get("/v1/kv?prefix=whole/").json["items"]
        self.assertEqual(item, self.api.get("/v1/kv/whole/a?meta=true").json)

    def test_a_prefix_is_of_text_not_of_names(self):
        self.fill("pre", ["ab", "abc", "b"])
        keys = [item["key"] for item in self.api.get("/v1/kv?prefix=pre/ab").json["items"]]
        self.assertEqual(keys, ["kv/pre/ab", "kv/pre/abc"])
        self.assertEqual(self.api.get("/v1/kv?prefix=pre/zzz").json["items"], [])

    def test_pages_join_without_gap_or_repetition(self):
        names = [f"{i:03}" for i in range(25)]
        self.fill("page", names)
        seen, token, revisions = [], "", set()
        for _ in range(10):
            page = self.api.get(f"/v1/kv?prefix=page/&limit=7{token}").json
            seen += [item["key"] for item in page["items"]]
            revisions.add(page["revision"])
            if "continue" not in page:
                break
            self.assertEqual(len(page["items"]), 7)
            token = f"&continue={quote(page['continue'])}"
            self.api.put("/v1/kv/elsewhere", b"a write between pages")
        self.assertEqual(seen, [f"kv/page/{name}" for name in names])
        self.assertEqual(len(revisions), 1, "all pages carry the first page's revision")

    def test_a_page_that_holds_all_has_no_continue(self):
        self.fill("exact", ["a", "b", "c"])
        self.assertNotIn("continue", self.api.get("/v1/kv?prefix=exact/&limit=3").json)
        self.assertIn("continue", self.api.get("/v1/kv?prefix=exact/&limit=2").json)

    def test_a_forged_continue_is_400(self):
        for token in ("x", "%20", "AAAA"):
            answer = self.api.get(f"/v1/kv?limit=1&continue={token}")
            self.assertEqual((answer.status, answer.code), (400, "bad_request"), answer)

    def test_500_items_are_the_default_and_all_is_all(self):
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: self.api.put(f"/v1/kv/many/{i:04}", b"v" * 200), range(1100)))
        page = self.api.get("/v1/kv?prefix=many/").json
        self.assertEqual(len(page["items"]), 500)
        self.assertIn("continue", page)
        whole = self.api.get("/v1/kv?prefix=many/&limit=all").json
        self.assertEqual([i["key"] for i in whole["items"]], [f"kv/many/{i:04}" for i in range(1100)])
        self.assertNotIn("continue", whole)

    # ---- many at once ----

    def test_a_recursive_delete_needs_the_count(self):
        self.fill("tree", ["a", "b", "c"])
        self.api.put("/v1/kv/treehouse", b"not below")
        for query in ("recursive=true", "recursive=true&confirm=2", "recursive=true&confirm=4"):
            answer = self.api.delete(f"/v1/kv/tree/?{query}")
            self.assertIn((answer.status, answer.code), ((409, "conflict"), (400, "bad_request")), answer)
            self.assertEqual(len(self.api.get("/v1/kv?prefix=tree/").json["items"]), 3)
        answer = self.api.delete("/v1/kv/tree/?recursive=true&confirm=3")
        self.assertEqual((answer.status, answer.json["deleted"]), (200, 3))
        self.assertEqual(self.api.get("/v1/kv?prefix=tree/").json["items"], [])
        self.assertEqual(self.api.get("/v1/kv/treehouse").status, 200)

    def test_a_recursive_delete_is_one_revision(self):
        self.fill("atomic", ["a", "b", "c"])
        before = self.api.get("/v1/kv").revision
        answer = self.api.delete("/v1/kv/atomic/?recursive=true&confirm=3")
        self.assertEqual(answer.json["revision"], before + 1)
        self.assertEqual(self.api.get("/v1/kv").revision, before + 1)

    # ---- every server ----

    def test_a_write_to_any_server_is_read_at_once_on_every_other(self):
        for round_ in range(20):
            for writer in self.apis:
                value = f"{round_}-{writer.port}".encode()
                self.assertIn(writer.put("/v1/kv/everywhere", value).status, (200, 201))
                for reader in self.apis:
                    self.assertEqual(reader.get("/v1/kv/everywhere").body, value)

    def test_a_stale_read_is_answered_locally_and_says_how_old_it_is(self):
        for member in self.cluster.members:
            answer = member.api.get("/v1/kv?consistency=stale")
            self.assertEqual(answer.status, 200)
            self.assertGreaterEqual(int(answer.headers["x-stale-ms"]), 0)
            self.assertEqual(answer.headers["x-served-by"], member.name)

    def test_min_revision_reads_ones_own_write(self):
        for reader in self.apis:
            put = self.api.put("/v1/kv/own", b"x")
            query = f"consistency=stale&min_revision={put.json['revision']}"
            answer = reader.get(f"/v1/kv/own?meta=true&{query}")
            self.assertEqual(answer.json["revision"], put.json["revision"])

    def test_a_min_revision_that_does_not_come_is_a_read_timeout(self):
        answer = self.api.get("/v1/kv?min_revision=9007199254740991&timeout=300ms")
        self.assertEqual((answer.status, answer.code), (504, "read_timeout"))
        self.assertTrue(answer.json["retryable"])

    def test_a_forwarded_write_says_who_served_and_who_leads(self):
        leader = self.cluster.leader()
        for follower in self.cluster.followers():
            answer = follower.api.put("/v1/kv/forwarded", b"1")
            self.assertIn(answer.status, (200, 201))
            self.assertEqual(answer.headers["x-leader"], leader.name)
            self.assertIn(answer.headers["x-served-by"], (follower.name, leader.name))

    def test_a_forwarded_refusal_arrives_whole(self):
        for follower in self.cluster.followers():
            follower.api.put("/v1/kv/fwd412", b"1")
            answer = follower.api.put("/v1/kv/fwd412", b"2", headers={"If-None-Match": "*"})
            self.assertEqual((answer.status, answer.code), (412, "precondition_failed"), answer)
            self.assertEqual(answer.json["current"]["value_b64"], b64(b"1"))
            self.assertEqual(answer.json["outcome"], "not_applied")

    def test_a_large_value_travels_through_a_follower(self):
        value = bytes(range(256)) * 2048
        for number, follower in enumerate(self.cluster.followers()):
            self.assertEqual(follower.api.put(f"/v1/kv/big/{number}", value).status, 201)
            for reader in self.apis:
                self.assertEqual(reader.get(f"/v1/kv/big/{number}").body, value)

    def test_all_servers_hold_the_same(self):
        lists = [api.get("/v1/kv?limit=all") for api in self.apis]
        self.assertEqual(lists[0].json, lists[1].json)
        self.assertEqual(lists[0].json, lists[2].json)


claims.main()
