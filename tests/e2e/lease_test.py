"""TTL leases: keys that vanish together, and never early (docs/api.md, "TTL leases")."""

import re
import time

import claims
from cluster_case import ClusterCase
from weft import Cluster, wait_until


class Lease(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.cluster.followers()[0].api

    def grant(self, ttl_s, api=None):
        answer = (api or self.api).post("/v1/leases", {"ttl_s": ttl_s})
        self.assertEqual(answer.status, 201, answer)
        return answer.json["id"]

    def test_a_grant_says_all_of_the_lease(self):
        lease = self.api.post("/v1/leases", {"ttl_s": 60}).json
        self.assertRegex(lease["id"], r"\A[0-9a-f]{16}\Z")
        self.assertEqual((lease["ttl_s"], lease["remaining_s"], lease["keys"]), (60, 60, []))
        self.assertTrue(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z", lease["expires_at"]), lease)
        for member in self.cluster.members:
            shown = member.api.get(f"/v1/leases/{lease['id']}").json
            self.assertLessEqual(shown.pop("remaining_s"), 60)
            self.assertEqual(shown, {k: v for k, v in lease.items() if k != "remaining_s"})

    def test_a_ttl_has_bounds(self):
        for ttl_s, status in ((1, 201), (2592000, 201), (0, 422), (2592001, 422), ("1", 422), (1.5, 422), (None, 422)):
            with self.subTest(ttl_s=ttl_s):
                answer = self.api.post("/v1/leases", {"ttl_s": ttl_s})
                self.assertEqual(answer.status, status, answer)
                if status == 422:
                    self.assertEqual(answer.json["errors"][0]["pointer"], "/ttl_s")
        self.assertEqual(self.api.post("/v1/leases", {"ttl_s": 5, "id": "x"}).json["errors"][0]["pointer"], "/id")

    def test_keys_of_any_free_kind_attach_and_a_put_without_it_detaches(self):
        lease = self.grant(60)
        self.api.put(f"/v1/kv/attach/a?lease={lease}", b"1")
        self.api.put(f"/v1/kv/attach/b?lease={lease}", b"1")
        self.assertEqual(self.api.put(f"/v1/nodes/attach?lease={lease}", {}).json["lease"], lease)
        self.api.post("/v1/txn", {"then": [{"put": {"key": "kv/attach/c", "value": "1", "lease": lease}}]})
        keys = ["kv/attach/a", "kv/attach/b", "kv/attach/c", "nodes/attach"]
        self.assertEqual(self.api.get(f"/v1/leases/{lease}").json["keys"], keys)
        self.assertEqual(self.api.get("/v1/kv/attach/a?meta=true").json["lease"], lease)
        self.api.put("/v1/kv/attach/a", b"2")
        self.assertEqual(self.api.get(f"/v1/leases/{lease}").json["keys"], keys[1:])
        self.assertNotIn("lease", self.api.get("/v1/kv/attach/a?meta=true").json)
        refused = self.api.put(f"/v1/networks/attach?lease={lease}", {"ipv4": "10.0.0.0/16"})
        self.assertEqual(refused.status, 400, refused)

    def test_a_revocation_takes_all_keys_in_one_revision(self):
        lease = self.grant(60)
        for name in "abc":
            self.api.put(f"/v1/kv/revoke/{name}?lease={lease}", b"1")
        start = self.api.get("/v1/kv").revision
        answer = self.api.delete(f"/v1/leases/{lease}")
        self.assertEqual((answer.status, answer.json), (200, {"id": lease, "revision": start + 1, "deleted": 3}))
        with self.api.watch(f"/v1/kv?watch=true&prefix=revoke/&from={start}") as watch:
            events = watch.take(3)
        self.assertEqual({(event["type"], event["revision"]) for event in events}, {("DELETE", start + 1)})
        for request in (("GET", ""), ("DELETE", ""), ("POST", "/renew")):
            self.assertEqual(self.api.request(request[0], f"/v1/leases/{lease}{request[1]}").code, "not_found")
        self.assertEqual(self.api.put(f"/v1/kv/revoke/a?lease={lease}", b"1").code, "not_found")

    def test_a_lease_ends_with_its_time_and_not_before(self):
        begin = time.monotonic()
        lease = self.grant(2)
        self.api.put(f"/v1/kv/end/a?lease={lease}", b"1")
        self.api.put(f"/v1/kv/end/b?lease={lease}", b"1")
        start = self.api.get("/v1/kv").revision
        with self.api.watch(f"/v1/kv?watch=true&prefix=end/&from={start}", timeout=30) as watch:
            events = watch.take(2)
        self.assertGreaterEqual(time.monotonic() - begin, 2.0)
        self.assertEqual({(event["type"], event["revision"]) for event in events}, {("DELETE", events[0]["revision"])})
        self.assertEqual(self.api.get(f"/v1/leases/{lease}").status, 404)

    def test_renewals_keep_it_alive_without_events_or_revisions(self):
        lease = self.grant(2)
        self.api.put(f"/v1/kv/alive?lease={lease}", b"1")
        before = self.api.get("/v1/kv").revision
        deadline = time.monotonic() + 5

        def renew():
            answer = self.api.post(f"/v1/leases/{lease}/renew")
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual((answer.json["id"], answer.json["ttl_s"]), (lease, 2))
            return time.monotonic() > deadline

        wait_until("five seconds of renewals", renew, 30)
        self.assertEqual(self.api.get("/v1/kv/alive").status, 200)
        self.assertEqual(self.api.get("/v1/kv").revision, before)

    def test_remaining_s_goes_down_on_every_server(self):
        lease = self.grant(60)
        for member in self.cluster.members:
            path = f"/v1/leases/{lease}?consistency=stale"

            def is_less(api=member.api, path=path):
                return api.get(path).json.get("remaining_s", 60) <= 58

            wait_until("a remaining time of 58 s", is_less, 15)
            self.assertGreater(member.api.get(path).json["remaining_s"], 30)

    def test_ids_that_are_none_are_not_found_and_400_in_a_query(self):
        for text in ("1", "zz", "0000000000000000", "00000000000000AB", "00000000000000ab0"):
            self.assertEqual(self.api.get(f"/v1/leases/{text}").code, "not_found", text)
            self.assertEqual(self.api.put(f"/v1/kv/a?lease={text}", b"").code, "bad_request", text)

    def test_a_lease_lives_through_a_change_of_leader(self):
        with Cluster(3) as cluster:
            api = cluster.followers()[0].api
            lease = self.grant(4, api)
            api.put(f"/v1/kv/moved?lease={lease}", b"1")
            granted = time.monotonic()
            cluster.leader().kill()
            survivor = cluster.leader().api
            self.assertEqual(survivor.get("/v1/kv/moved").status, 200)
            wait_until("the end of the lease", lambda: survivor.get("/v1/kv/moved").status == 404, 30)
            self.assertGreaterEqual(time.monotonic() - granted, 3.9)


class Pages(claims.TestCase):
    def test_a_list_comes_whole_or_in_pages(self):
        with Cluster(1) as cluster:
            api = cluster.members[0].api
            ids = sorted(api.post("/v1/leases", {"ttl_s": 60}).json["id"] for _ in range(7))
            whole = api.get("/v1/leases").json
            self.assertEqual([item["id"] for item in whole["items"]], ids)
            self.assertNotIn("continue", whole)
            seen, path = [], "/v1/leases?limit=3"
            while path:
                page = api.get(path).json
                self.assertLessEqual(len(page["items"]), 3)
                self.assertEqual(page["revision"], whole["revision"])
                seen += [item["id"] for item in page["items"]]
                token = page.get("continue")
                path = f"/v1/leases?limit=3&continue={token}" if token else None
            self.assertEqual(seen, ids)
            self.assertEqual(len(api.get("/v1/leases?limit=all").json["items"]), 7)
            for bad in ("continue=x", "continue=1-", "continue=1-zz", "limit=0", "prefix=a", "watch=true"):
                self.assertEqual(api.get(f"/v1/leases?{bad}").code, "bad_request", bad)


claims.main()
