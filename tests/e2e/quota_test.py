"""A store at its quota: 507 before the log, and room again after deletes (docs/api.md, "Semantics" 6)."""

import claims
from cluster_case import OwnClusterCase
from weft import wait_until

QUOTA = 8 * 1024 * 1024
VALUE = b"x" * 65536


class Quota(OwnClusterCase):
    flags = ("--quota-bytes", str(QUOTA))

    def setUp(self):
        super().setUp()
        self.api = self.cluster.followers()[0].api

    def fill(self):
        """Writes new keys until one is refused; the refusal and how many there are."""
        count = 0
        while True:
            answer = self.api.put(f"/v1/kv/fill/{count}", VALUE)
            if answer.status != 201:
                return answer, count
            count += 1
            self.assertLess(count * len(VALUE), 2 * QUOTA, "nothing is ever refused")

    def test_a_full_store_refuses_what_grows_and_takes_what_does_not(self):
        self.api.put("/v1/networks/default", {"ipv4": "10.244.0.0/16"})
        subnet = self.api.post("/v1/subnets/default/acquire", {"node": "edge-1", "public_ip": "192.0.2.1"}).json
        lease = self.api.post("/v1/leases", {"ttl_s": 600}).json["id"]
        headers = {"Idempotency-Key": "done-before"}
        before = self.api.put("/v1/kv/before", b"1", headers=headers)
        refused, count = self.fill()
        problem = refused.json
        self.assertEqual((refused.status, refused.code), (507, "store_full"))
        self.assertEqual((problem["outcome"], problem["retryable"]), ("not_applied", True))
        self.assertIn("--quota-bytes", problem["hint"])
        revision = self.api.get("/v1/kv/fill/0").revision
        put = {"put": {"key": "kv/t", "value_b64": "eHh4" * 21845}}
        for method, path, body in (
            ("PUT", "/v1/kv/fill/0", VALUE),
            ("PUT", "/v1/kv/more?dry_run=true", VALUE),
            ("POST", "/v1/txn", {"then": [put]}),
            ("POST", "/v1/txn", {"if": [{"key": "kv/absent", "version": 1}], "else": [put]}),
        ):
            with self.subTest(path=path):
                self.assertEqual(self.api.request(method, path, body).code, "store_full")
        self.assertEqual(self.api.get("/v1/kv/fill/0").revision, revision, "nothing entered the log")
        again = self.api.put("/v1/kv/before", b"1", headers=headers)
        self.assertEqual((again.status, again.etag, again.body), (before.status, before.etag, before.body))
        hold = {"node": "edge-1", "epoch": subnet["epoch"]}
        for status, method, path, body in (
            (200, "GET", "/v1/kv/fill/0", None),
            (200, "GET", "/v1/kv?limit=all", None),
            (200, "POST", f"/v1/{subnet['key']}/renew", hold),
            (200, "POST", f"/v1/leases/{lease}/renew", None),
            (200, "POST", "/v1/txn", {"then": [{"get": {"key": "kv/fill/0"}}, {"delete": {"key": "kv/fill/0"}}]}),
            (200, "DELETE", "/v1/kv/fill/1", None),
            (200, "DELETE", f"/v1/leases/{lease}", None),
            (200, "DELETE", f"/v1/{subnet['key']}?node=edge-1&epoch={subnet['epoch']}", None),
        ):
            with self.subTest(path=path):
                self.assertEqual(self.api.request(method, path, body).status, status)
        self.assertGreater(count, 10)

    def test_room_comes_back_by_itself_after_deletes(self):
        for _ in range(3):
            _, count = self.fill()
            self.assertGreater(count, 10)
            deleted = self.api.delete(f"/v1/kv/fill/?recursive=true&confirm={count}")
            self.assertEqual(deleted.status, 200, deleted)
            wait_until("room again", lambda: self.api.put("/v1/kv/room", VALUE).status in (200, 201), 30)
        for member in self.cluster.members:
            self.assertEqual(member.api.get("/v1/kv/room").body, VALUE)


claims.main()
