"""Transactions: all of one branch at one revision, or nothing (docs/api.md, "POST /v1/txn")."""

import threading

import claims
from api import b64
from cluster_case import ClusterCase

NETWORK = {"ipv4": "10.244.0.0/16"}


class Txn(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.cluster.followers()[0].api  # forwarded, as most writes are

    def txn(self, body, status=200):
        answer = self.api.post("/v1/txn", body)
        self.assertEqual(answer.status, status, answer)
        return answer

    def revision(self):
        return self.api.get("/v1/kv/nothing").revision

    def test_a_lock_is_taken_once(self):
        take = {
            "if": [{"key": "kv/lock", "version": 0}],
            "then": [{"put": {"key": "kv/lock", "value": "edge-1"}}],
            "else": [{"get": {"key": "kv/lock"}}],
        }
        first = self.txn(take)
        self.assertTrue(first.json["succeeded"])
        self.assertEqual(first.json["results"], [{"put": {"revision": first.json["revision"], "version": 1}}])
        self.assertEqual(first.etag, f'"{first.json["revision"]}"')
        second = self.txn(take).json
        self.assertFalse(second["succeeded"])
        [item] = second["results"][0]["get"]["items"]
        self.assertEqual((item["key"], item["value_b64"], item["version"]), ("kv/lock", b64(b"edge-1"), 1))
        self.assertEqual(item, self.api.get("/v1/kv/lock?meta=true").json)

    def test_all_operations_share_one_revision_and_see_each_other(self):
        self.api.put("/v1/kv/all/gone", b"1")
        before = self.revision()
        answer = self.txn({
            "then": [
                {"put": {"key": "kv/all/a", "value": "1", "content_type": "text/plain"}},
                {"put": {"key": "kv/all/b", "value_b64": b64(b"\x00\xff")}},
                {"put": {"key": "networks/all", "object": NETWORK}},
                {"delete": {"key": "kv/all/gone"}},
                {"delete": {"key": "kv/all/never-there"}},
                {"get": {"prefix": "kv/all/"}},
            ]
        })  # fmt: skip
        results = answer.json["results"]
        self.assertEqual(answer.json["revision"], before + 1)
        self.assertEqual([r["put"]["revision"] for r in results[:3]], [before + 1] * 3)
        self.assertEqual([r["delete"]["deleted"] for r in results[3:5]], [1, 0])
        self.assertEqual([i["key"] for i in results[5]["get"]["items"]], ["kv/all/a", "kv/all/b"])
        self.assertEqual(self.api.get("/v1/kv/all/b").body, b"\x00\xff")
        self.assertEqual(self.api.get("/v1/kv/all/a").headers["content-type"], "text/plain")
        self.assertEqual(self.api.get("/v1/networks/all").json["subnet_len"], 24)
        self.assertEqual(self.revision(), before + 1)

    def test_a_watch_gets_a_transaction_whole(self):
        start = self.revision()
        self.txn({"then": [{"put": {"key": f"kv/whole/{i}", "value": "1"}} for i in range(5)]})
        with self.api.watch(f"/v1/kv?watch=true&prefix=whole/&from={start}") as watch:
            events = watch.take(5)
        self.assertEqual({event["revision"] for event in events}, {start + 1})
        self.assertEqual([event["key"] for event in events], [f"kv/whole/{i}" for i in range(5)])

    def test_compares_look_at_every_side_of_a_key(self):
        put = self.api.put("/v1/kv/compare", b"m").json
        revision = put["revision"]
        for compare, holds in (
            ({"version": 1}, True),
            ({"version": 1, "op": "!="}, False),
            ({"revision": revision}, True),
            ({"revision": revision, "op": ">"}, False),
            ({"revision": revision + 1, "op": "<"}, True),
            ({"created_revision": revision}, True),
            ({"value": "m"}, True),
            ({"value_b64": b64(b"m")}, True),
            ({"value": "n", "op": "<"}, True),
            ({"value": "l", "op": ">"}, True),
            ({"value": "m", "op": "!="}, False),
        ):
            with self.subTest(compare=compare):
                answer = self.txn({"if": [{"key": "kv/compare", **compare}]})
                self.assertEqual(answer.json["succeeded"], holds)
        absent = {"key": "kv/compare-absent"}
        self.assertTrue(self.txn({"if": [{**absent, "revision": 0}]}).json["succeeded"])
        self.assertFalse(self.txn({"if": [{**absent, "value": ""}]}).json["succeeded"])
        both = [{"key": "kv/compare", "version": 1}, {**absent, "version": 1}]
        self.assertFalse(self.txn({"if": both}).json["succeeded"])

    def test_what_changes_nothing_uses_up_no_revision(self):
        before = self.revision()
        answer = self.txn({"then": [{"get": {"prefix": "kv/"}}, {"delete": {"key": "kv/never-there"}}]})
        self.assertEqual(answer.json["revision"], before)
        self.assertEqual(self.txn({}).json, {"succeeded": True, "revision": before, "results": []})
        self.assertEqual(self.revision(), before)

    def test_a_fault_anywhere_refuses_the_whole_at_its_pointer(self):
        self.api.put("/v1/networks/held", {"ipv4": "10.50.0.0/16"})
        self.api.post("/v1/subnets/held/acquire", {"node": "edge-1", "public_ip": "192.0.2.50"})
        good = {"put": {"key": "kv/fault", "value": "1"}}
        before = self.revision()
        for operation, pointer in (
            ({"put": {"key": "networks/x", "object": {"ipv4": "10.0.0.0/26", "subnet_len": 24}}},
             "/then/1/put/object/subnet_len"),
            ({"put": {"key": "nodes/x", "object": {"nonsense": 1}}}, "/then/1/put/object/nonsense"),
            ({"put": {"key": "kv/x", "value_b64": "?"}}, "/then/1/put/value_b64"),
            ({"put": {"key": "kv/x", "value": "1", "lease": "00000000000000aa"}}, "/then/1/put/lease"),
            ({"put": {"key": "kv/fault", "value": "2"}}, "/then/1/put/key"),
            ({"delete": {"prefix": "kv/"}}, "/then/1/delete/prefix"),
            ({"put": {"key": "kv/" + "k" * 1022, "value": "1"}}, "/then/1/put/key"),
            ({"put": {"key": "kv/x", "value_b64": b64(b"x" * (512 * 1024 + 1))}}, "/then/1/put/value_b64"),
            ({"delete": {"key": "networks/held"}}, "/then/1"),
            ({"move": {}}, "/then/1/move"),
        ):  # fmt: skip
            with self.subTest(pointer=pointer):
                answer = self.txn({"then": [good, operation]}, 422)
                self.assertEqual(answer.code, "invalid")
                self.assertIn(pointer, [error["pointer"] for error in answer.json["errors"]], answer)
                self.assertEqual(answer.json["outcome"], "not_applied")
        self.assertEqual(self.api.get("/v1/kv/fault").status, 404)
        self.assertEqual(self.revision(), before)

    def test_128_of_each_pass_and_129_do_not(self):
        compare = [{"key": f"kv/many/{i}", "version": 0} for i in range(129)]
        operations = [{"put": {"key": f"kv/many/{i}", "value": "1"}} for i in range(129)]
        answer = self.txn({"if": compare[:128], "then": operations[:128], "else": operations[:128]})
        self.assertEqual(len(answer.json["results"]), 128)
        for body, pointer in (({"if": compare}, "/if"), ({"then": operations}, "/then"), ({"else": operations}, "/else")):
            self.assertEqual(self.txn(body, 422).json["errors"][0]["pointer"], pointer)

    def test_two_counters_stay_in_step_under_contention(self):
        self.txn({"then": [{"put": {"key": f"kv/step/{n}", "value": "0"}} for n in ("a", "b")]})
        applied = []

        def move(api):
            done = 0
            while done < 10:
                item = api.get("/v1/kv/step/a?meta=true").json
                value = str(item["version"])
                answer = api.post("/v1/txn?timeout=20s", {
                    "if": [{"key": "kv/step/a", "revision": item["revision"]}],
                    "then": [{"put": {"key": f"kv/step/{n}", "value": value}} for n in ("a", "b")],
                }, timeout=30)  # fmt: skip
                done += answer.json["succeeded"]
            applied.append(done)

        threads = [threading.Thread(target=move, args=(member.api,)) for member in self.cluster.members]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(applied, [10, 10, 10])
        a, b = (self.api.get(f"/v1/kv/step/{n}?meta=true").json for n in ("a", "b"))
        self.assertEqual((a["version"], a["value_b64"]), (31, b64(b"30")))
        self.assertEqual((a["revision"], a["value_b64"]), (b["revision"], b["value_b64"]))


claims.main()
