"""Idempotency-Key: a write that is applied once, however often it is sent (docs/api.md)."""

import secrets
import threading

import claims
from cluster_case import ClusterCase, OwnClusterCase
from weft import wait_until


def key_header(key=None):
    return {"Idempotency-Key": key or secrets.token_hex(16)}


def said(answer):
    """What a repetition must say again."""
    return answer.status, answer.etag, answer.body


class Idempotency(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.cluster.followers()[0].api
        cls.api.put("/v1/networks/once", {"ipv4": "10.244.0.0/16"})

    def repeat(self, method, path, body=None, headers=None):
        """Sends it to every server with one key; all answers are the first one's."""
        headers = {**(headers or {}), **key_header()}
        answers = [api.request(method, path, body, headers=headers) for api in self.apis * 2]
        self.assertEqual({said(answer) for answer in answers}, {said(answers[0])})
        return answers[0]

    def test_a_repeated_put_is_the_first_put(self):
        answer = self.repeat("PUT", "/v1/kv/put", b"1")
        self.assertEqual((answer.status, answer.json["version"]), (201, 1))
        self.assertEqual(self.api.get("/v1/kv/put?meta=true").json["version"], 1)

    def test_every_kind_of_write_is_answered_again(self):
        lease = self.api.post("/v1/leases", {"ttl_s": 600}).json["id"]
        self.api.put("/v1/kv/gone", b"1")
        self.api.put("/v1/kv/below/a", b"1")
        subnet = self.repeat("POST", "/v1/subnets/once/acquire", {"node": "edge-1", "public_ip": "192.0.2.1"})
        self.assertEqual(subnet.status, 201)
        path = "/v1/" + subnet.json["key"]
        hold = {"node": "edge-1", "epoch": subnet.json["epoch"]}
        for status, *request in (
            (200, "POST", path + "/renew", hold),
            (200, "DELETE", f"{path}?node=edge-1&epoch={hold['epoch']}"),
            (201, "PUT", "/v1/nodes/once", {"labels": {"a": "b"}}),
            (200, "DELETE", "/v1/nodes/once"),
            (200, "DELETE", "/v1/kv/gone"),
            (200, "DELETE", "/v1/kv/below/?recursive=true&confirm=1"),
            (200, "DELETE", "/v1/kv/never/?recursive=true&confirm=0"),
            (201, "POST", "/v1/leases", {"ttl_s": 60}),
            (200, "POST", f"/v1/leases/{lease}/renew"),
            (200, "DELETE", f"/v1/leases/{lease}"),
            (200, "POST", "/v1/txn", {"then": [{"put": {"key": "kv/t", "value": "1"}}, {"get": {"prefix": "kv/"}}]}),
            (200, "POST", "/v1/txn", {"then": [{"get": {"prefix": "nodes/"}}]}),
        ):
            with self.subTest(request=request):
                self.assertEqual(self.repeat(*request).status, status)

    def test_a_refusal_that_was_decided_is_answered_again(self):
        headers = key_header()
        refused = self.api.delete("/v1/kv/conflict", headers=headers)
        self.assertEqual(refused.code, "not_found")
        self.api.put("/v1/kv/conflict", b"1")
        again = self.api.delete("/v1/kv/conflict", headers=headers)
        without_id = [{k: v for k, v in answer.json.items() if k != "request_id"} for answer in (refused, again)]
        self.assertEqual(without_id[0], without_id[1])
        condition = {**key_header(), "If-None-Match": "*"}
        refused = self.api.put("/v1/kv/conflict", b"2", headers=condition)
        self.api.put("/v1/kv/conflict", b"3")
        again = self.api.put("/v1/kv/conflict", b"2", headers=condition)
        self.assertEqual(refused.code, "precondition_failed")
        self.assertEqual(again.json["current"], refused.json["current"])

    def test_another_request_with_the_same_key_is_a_mismatch(self):
        headers = key_header()
        self.api.put("/v1/kv/mismatch", b"1", headers={**headers, "Content-Type": "text/plain"})
        for method, path, body, more in (
            ("PUT", "/v1/kv/mismatch", b"2", {"Content-Type": "text/plain"}),
            ("PUT", "/v1/kv/mismatch-2", b"1", {"Content-Type": "text/plain"}),
            ("PUT", "/v1/kv/mismatch", b"1", {"Content-Type": "text/html"}),
            ("PUT", "/v1/kv/mismatch", b"1", {"Content-Type": "text/plain", "If-Match": '"1"'}),
            ("DELETE", "/v1/kv/mismatch", None, {}),
            ("POST", "/v1/leases", {"ttl_s": 5}, {}),
        ):
            with self.subTest(method=method, path=path, body=body):
                answer = self.api.request(method, path, body, headers={**headers, **more})
                self.assertEqual((answer.status, answer.code), (422, "idempotency_mismatch"), answer)
                self.assertEqual(answer.json["outcome"], "not_applied")
        same = self.api.put("/v1/kv/mismatch?timeout=7s", b"1", headers={**headers, "Content-Type": "text/plain"})
        self.assertEqual(same.status, 201, "the timeout is how long one waits, and no part of the request")

    def test_duplicates_in_flight_get_one_answer(self):
        headers = key_header()
        answers = []

        def send(api):
            answers.append(said(api.put("/v1/kv/flight", b"1", headers=headers)))

        threads = [threading.Thread(target=send, args=(api,)) for api in self.apis * 8]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(answers), 24)
        self.assertEqual(len(set(answers)), 1)
        self.assertEqual(self.api.get("/v1/kv/flight?meta=true").json["version"], 1)

    def test_a_key_that_is_none_is_refused(self):
        for key, status in (("k", 201), ("k" * 64, 201), ("k" * 65, 400), ("a\tb", 400), ("\xe9", 400)):
            with self.subTest(key=key):
                answer = self.api.put(f"/v1/kv/form-{len(key)}", b"", headers=key_header(key))
                self.assertEqual(answer.status, status, answer)

    def test_a_dry_run_keeps_no_key(self):
        headers = key_header()
        tried = self.api.put("/v1/kv/dry?dry_run=true", b"1", headers=headers)
        self.assertEqual(tried.headers["x-dry-run"], "true")
        done = self.api.put("/v1/kv/dry", b"1", headers=headers)
        self.assertEqual((tried.status, done.status), (201, 201))
        self.assertEqual(self.api.get("/v1/kv/dry").status, 200)
        self.assertEqual(said(self.api.put("/v1/kv/dry?dry_run=true", b"1", headers=headers)), said(done))


class LeaderLost(OwnClusterCase):
    """The leader is killed under writers whose client retries with their key."""

    def write(self, number, results):
        """As a client library does: the same key until there is an answer."""
        headers = key_header()
        running = [member for member in self.cluster.members if member.is_running]
        for attempt in range(50):
            api = running[(number + attempt) % len(running)].api
            try:
                answer = api.put(f"/v1/kv/writes/{number}?timeout=10s", b"x", headers=headers, timeout=15)
            except OSError:
                continue
            if answer.status in (200, 201):
                results.append((number, answer.json))
                return
        results.append((number, None))

    def test_each_write_is_applied_exactly_once_when_the_leader_is_killed(self):
        results = []
        goes_on = threading.Event()
        goes_on.set()
        numbers = iter(range(100000))
        lock = threading.Lock()

        def work():
            while goes_on.is_set():
                with lock:
                    number = next(numbers)
                self.write(number, results)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            wait_until("fifty more writes", lambda done=len(results): len(results) > done + 50, 30)
            leader = self.cluster.leader()
            leader.kill()
            wait_until("fifty writes without it", lambda done=len(results): len(results) > done + 50, 30)
            leader.start()
            self.cluster.settle()
        goes_on.clear()
        for thread in threads:
            thread.join(60)
        api = self.cluster.leader().api
        stored = {item["key"]: item for item in api.get("/v1/kv?limit=all&prefix=writes/").json["items"]}
        self.assertEqual(len(stored), len(results))
        for number, answer in results:
            self.assertIsNotNone(answer, number)
            item = stored[f"kv/writes/{number}"]
            self.assertEqual((item["version"], item["revision"]), (1, answer["revision"]), number)

    def test_a_stopped_leader_costs_a_keyed_write_only_time(self):
        leader = self.cluster.leader()
        follower = self.cluster.followers()[0]
        leader.pause()
        self.addCleanup(leader.resume)
        answer = follower.api.put("/v1/kv/paused?timeout=20s", b"1", headers=key_header(), timeout=30)
        self.assertEqual((answer.status, answer.json["version"]), (201, 1), answer)
        leader.resume()
        self.assertEqual(self.cluster.leader().api.get("/v1/kv/paused?meta=true").json["version"], 1)


claims.main()
