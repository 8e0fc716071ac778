"""?dry_run=true: the answer that the write would have had, and nothing written (docs/api.md)."""

import claims
from cluster_case import ClusterCase

NETWORK = {"ipv4": "10.244.0.0/16"}
NODE = {"node": "edge-1", "public_ip": "192.0.2.1"}


class DryRun(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.cluster.followers()[0].api

    def everything(self):
        lists = [self.api.get(path).body for path in ("/v1/kv?limit=all", "/v1/networks", "/v1/subnets/dry", "/v1/nodes")]
        leases = [(lease["id"], lease["expires_at"], lease["keys"]) for lease in self.api.get("/v1/leases").json["items"]]
        return lists, leases

    def check(self, method, path, body=None, headers=None):
        """Tries it, sees that nothing changed, does it, and compares."""
        before = self.everything()
        joined = path + ("&" if "?" in path else "?") + "dry_run=true"
        tried = self.api.request(method, joined, body, headers=headers)
        self.assertEqual(tried.headers.get("x-dry-run"), "true", tried)
        self.assertEqual(self.everything(), before)
        done = self.api.request(method, path, body, headers=headers)
        self.assertNotIn("x-dry-run", done.headers)
        self.assertEqual((tried.status, tried.etag), (done.status, done.etag))
        unequal = ("request_id", "expires_at", "id")
        bodies = [{k: v for k, v in answer.json.items() if k not in unequal} for answer in (tried, done)]
        self.assertEqual(bodies[0], bodies[1])
        return done

    def test_every_write_can_be_tried(self):
        self.check("PUT", "/v1/kv/a", b"1")
        self.check("PUT", "/v1/kv/a", b"2")
        self.check("PUT", "/v1/networks/dry", NETWORK)
        subnet = self.check("POST", "/v1/subnets/dry/acquire", NODE).json
        hold = {"node": "edge-1", "epoch": subnet["epoch"]}
        self.check("POST", f"/v1/{subnet['key']}/renew", hold)
        self.check("PUT", f"/v1/{subnet['key']}", {"node": "edge-1", "reserved": True})
        self.check("DELETE", f"/v1/{subnet['key']}")
        lease = self.check("POST", "/v1/leases", {"ttl_s": 600}).json["id"]
        self.check("PUT", f"/v1/nodes/dry?lease={lease}", {"labels": {"a": "b"}})
        self.check("POST", f"/v1/leases/{lease}/renew")
        self.check("POST", "/v1/txn", {"then": [{"put": {"key": "kv/t", "value": "1"}}, {"get": {"prefix": "kv/"}}]})
        self.check("DELETE", f"/v1/leases/{lease}")
        self.check("DELETE", "/v1/kv/a")
        self.check("DELETE", "/v1/kv?recursive=true&confirm=1")
        self.check("DELETE", "/v1/networks/dry")

    def test_refusals_are_the_same(self):
        self.api.put("/v1/kv/there", b"1")
        for status, *request in (
            (404, "DELETE", "/v1/kv/absent"),
            (412, "PUT", "/v1/kv/there", b"2", {"If-None-Match": "*"}),
            (412, "DELETE", "/v1/kv/there", None, {"If-Match": '"1"'}),
            (409, "DELETE", "/v1/kv/there?recursive=true&confirm=7"),
            (422, "PUT", "/v1/networks/x", {"ipv4": 1}),
            (422, "POST", "/v1/txn", {"then": [{"put": {"key": "kv/x", "value": "1", "lease": "00000000000000aa"}}]}),
            (404, "POST", "/v1/leases/00000000000000aa/renew"),
            (404, "POST", "/v1/subnets/none/acquire", NODE),
        ):
            with self.subTest(request=request):
                answer = self.check(*request)
                self.assertEqual(answer.status, status, answer)
                self.assertEqual(answer.json["outcome"], "not_applied")
        refused = self.api.put("/v1/kv/there?dry_run=true", b"2", headers={"If-None-Match": "*"})
        self.assertEqual(refused.json["current"]["key"], "kv/there")

    def test_no_event_comes_and_no_revision_is_used_up(self):
        start = self.api.get("/v1/kv").revision
        self.api.put("/v1/kv/events?dry_run=true", b"1")
        with self.api.watch(f"/v1/kv?watch=true&prefix=events&from={start}") as watch:
            done = self.api.put("/v1/kv/events", b"2")
            [event] = watch.take(1)
        self.assertEqual(done.json["revision"], start + 1)
        self.assertEqual((event["revision"], event["object"]["version"]), (start + 1, 1))

    def test_a_read_takes_no_dry_run(self):
        self.assertEqual(self.api.get("/v1/kv/a?dry_run=true").code, "bad_request")
        self.assertNotIn("x-dry-run", self.api.put("/v1/kv/b?dry_run=false", b"").headers)


claims.main()
