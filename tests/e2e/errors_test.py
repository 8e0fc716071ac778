"""Each error that the API can answer, provoked on a live cluster: a row a code.

The codes are read from util/err.def; one without a row here is a failure. No rows yet for
`unauthenticated` and `forbidden` (they come with TLS and roles) and `quorum_risk` (with changes of
membership). `internal` and what follows it in err.def are no part of the contract.
"""

import contextlib
import json
import os
import re
import selectors
import socket
import time

import claims
from cluster_case import ClusterCase
from weft import ROOT, Cluster, wait_until

NETWORK = {"ipv4": "10.244.0.0/16"}
EXEMPT = {"unauthenticated", "forbidden", "quorum_risk"}
MEMBERS = ("type", "title", "status", "detail", "code", "hint", "retryable", "request_id")


def read_definitions():
    """code -> (status, retryable, title) of every error before `internal`."""
    with open(os.path.join(ROOT, "util", "err.def"), encoding="utf-8") as file:
        text = file.read().split('ERR(INTERNAL')[0]
    rows = re.findall(r'^ERR\(\w+, "(\w+)", (\d+), (true|false), "([^"]+)"', text, re.MULTILINE)
    return {code: (int(status), retryable == "true", title) for code, status, retryable, title in rows}


DEFINITIONS = read_definitions()


# ---- how each is provoked: a function of the code's name gets a follower, and returns the answer ----


def bad_request(api):
    return api.get("/v1/kv?nonsense=1")


def bad_json(api):
    return api.put("/v1/networks/a", b'{"ipv4":}')


def not_found(api):
    return api.delete("/v1/kv/absent")


def method_not_allowed(api):
    return api.post("/v1/kv/a", b"")


def not_acceptable(api):
    return api.get("/v1/networks", headers={"Accept": "image/png"})


def unsupported_media_type(api):
    return api.put("/v1/networks/a", b"{}", headers={"Content-Type": "text/plain"})


def conflict(api):
    return api.delete("/v1/kv/nobody-is-below?recursive=true&confirm=7")


def pool_exhausted(api):
    api.put("/v1/networks/small", {"ipv4": "10.9.0.0/22", "subnet_len": 24, "subnet_min": "10.9.3.0"})
    api.post("/v1/subnets/small/acquire", {"node": "edge-1", "public_ip": "192.0.2.1"})
    return api.post("/v1/subnets/small/acquire", {"node": "edge-2", "public_ip": "192.0.2.2"})


def address_in_use(api):
    api.put("/v1/networks/default", NETWORK)
    api.post("/v1/subnets/default/acquire", {"node": "edge-1", "public_ip": "192.0.2.9"})
    return api.post("/v1/subnets/default/acquire", {"node": "edge-2", "public_ip": "192.0.2.9"})


def lease_lost(api):
    api.put("/v1/networks/default", NETWORK)
    subnet = api.post("/v1/subnets/default/acquire", {"node": "edge-7", "public_ip": "192.0.2.7"}).json
    return api.post(f"/v1/{subnet['key']}/renew", {"node": "edge-7", "epoch": subnet["epoch"] - 1})


def precondition_failed(api):
    api.put("/v1/kv/there", b"1")
    return api.put("/v1/kv/there", b"2", headers={"If-None-Match": "*"})


def too_large(api):
    return api.put("/v1/kv/large", b"x" * (512 * 1024 + 1))


def headers_too_large(api):
    return api.get("/v1/kv/a", headers={f"X-{i}": "1" for i in range(70)})


def invalid(api):
    return api.put("/v1/networks/a", {"ipv4": "10.244.0.0/26", "subnet_len": 24})


def idempotency_mismatch(api):
    headers = {"Idempotency-Key": "mismatch"}
    api.put("/v1/kv/once", b"1", headers=headers)
    return api.put("/v1/kv/once", b"2", headers=headers)


def read_timeout(api):
    return api.get("/v1/kv/a?consistency=stale&min_revision=9007199254740991&timeout=50ms")


# ---- what needs a cluster of its own gets it ----


def compacted(cluster):
    api = cluster.leader().api

    def refused():
        api.post("/v1/txn", {"then": [{"put": {"key": f"kv/{i}", "value": "1"}} for i in range(100)]})
        with api.watch("/v1/kv?watch=true&from=1") as watch:
            return watch.status != 200

    wait_until("a compaction", refused, 60)
    return api.get("/v1/kv?watch=true&from=1")


def store_full(cluster):
    api = cluster.leader().api

    def fill():
        answer = api.put(f"/v1/kv/fill/{time.monotonic_ns()}", b"x" * 65536)
        return answer if answer.status != 201 else None

    return wait_until("a full store", fill, 60)


def no_leader(cluster):
    leader = cluster.leader()
    survivor, paused = cluster.followers()
    paused.pause()  # so that nobody is elected, and it was heard of a moment ago
    leader.kill()
    wait_until("the leader is missed", lambda: survivor.api.get("/v1/cluster").json["leader"] != leader.name, 10)
    return survivor.api.put("/v1/kv/a?timeout=20ms", b"1")


def no_quorum(cluster):
    survivor, *others = cluster.followers() + [cluster.leader()]
    for member in others:
        member.kill()
    return survivor.api.put("/v1/kv/a?timeout=50s", b"1", timeout=60)


def commit_timeout(cluster):
    leader = cluster.leader()
    for member in cluster.followers():
        member.pause()
    return leader.api.put("/v1/kv/a?timeout=200ms", b"1")


class Crowd:
    """Many writers that only send, each on a connection of its own."""

    def __init__(self, port):
        self.port = port
        self.selector = selectors.DefaultSelector()

    def send(self, number, body):
        connection = socket.create_connection(("127.0.0.1", self.port), 10)
        head = f"PUT /v1/kv/crowd/{number}?timeout=60s HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        self.selector.register(connection, selectors.EVENT_READ)

    def answered(self):
        """The head and body of an answer that has come, or None."""
        for key, _ in self.selector.select(0):
            data = key.fileobj.recv(65536)
            if data:
                return data
            raise AssertionError("a connection was closed without an answer")
        return None

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.selector.close()


class RawAnswer:
    """As api.Answer, from bytes."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        status, *lines = head.decode().split("\r\n")
        self.status = int(status.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.json = json.loads(self.body)


def overloaded(cluster):
    """Nothing is committed while the followers stand still: entries in flight, then the queue, then 429."""
    leader = cluster.leader()
    for member in cluster.followers():
        member.pause()
    crowd = Crowd(leader.api_port)
    with contextlib.closing(crowd):
        for number in range(1000):  # small ones first, for each entry that may be in flight
            crowd.send(number, b"1" if number < 400 else b"x" * (512 * 1024))
            leader.api.get("/healthz")  # a turn of the loop
            data = crowd.answered()
            if data:
                return RawAnswer(data)
    raise AssertionError("the queue took everything")


# ---- rows ----


class Row:
    def __init__(self, provoke, is_write, extra=None, flags=None):
        self.provoke = provoke
        self.is_write = is_write  # whether it carries an outcome
        self.extra = extra  # checks what this code alone has
        self.flags = flags  # of a cluster of its own; None: the one that all share


def has_retry_after(test, answer):
    test.assertGreater(int(answer.headers["retry-after"]), 0)


def says_who_is_reachable(test, answer):
    has_retry_after(test, answer)
    test.assertRegex(answer.json["detail"], r"\d of 3 voters are reachable .* 2 are needed")


def has_allow(test, answer):
    test.assertEqual(answer.headers["allow"], "GET, HEAD, PUT, DELETE")


def has_offset(test, answer):
    test.assertEqual(answer.json["offset"], 8)


def has_compact_revision(test, answer):
    test.assertGreater(answer.json["compact_revision"], 1)


def has_current(test, answer):
    current = answer.json["current"]
    test.assertEqual((current["key"], current["value_b64"]), ("kv/there", "MQ=="))


def has_errors(test, answer):
    errors = answer.json["errors"]
    test.assertEqual([error["pointer"] for error in errors], ["/subnet_len"])
    test.assertTrue(errors[0]["message"])


def says_how_to_get_room(test, answer):
    test.assertIn("--quota-bytes", answer.json["hint"])


SLOW_ELECTION = ("--election-ms", "20000")

ROWS = {
    "bad_request": Row(bad_request, False),
    "bad_json": Row(bad_json, True, has_offset),
    "not_found": Row(not_found, True),
    "method_not_allowed": Row(method_not_allowed, False, has_allow),
    "not_acceptable": Row(not_acceptable, False),
    "unsupported_media_type": Row(unsupported_media_type, True),
    "conflict": Row(conflict, True),
    "pool_exhausted": Row(pool_exhausted, True),
    "address_in_use": Row(address_in_use, True),
    "lease_lost": Row(lease_lost, True),
    "compacted": Row(compacted, False, has_compact_revision, ("--history-events", "1000")),
    "precondition_failed": Row(precondition_failed, True, has_current),
    "too_large": Row(too_large, True),
    "headers_too_large": Row(headers_too_large, False),
    "invalid": Row(invalid, True, has_errors),
    "idempotency_mismatch": Row(idempotency_mismatch, True),
    "overloaded": Row(overloaded, True, has_retry_after, SLOW_ELECTION),
    "no_leader": Row(no_leader, True, says_who_is_reachable, ("--election-ms", "4000")),
    "no_quorum": Row(no_quorum, True, says_who_is_reachable, ()),
    "commit_timeout": Row(commit_timeout, True, None, ("--election-ms", "4000")),
    "read_timeout": Row(read_timeout, False),
    "store_full": Row(store_full, True, says_how_to_get_room, ("--quota-bytes", "8388608")),
}


class Errors(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = None

    def diagnose(self):
        return (self.own or self.cluster).log_tails()

    def provoke(self, row):
        if row.flags is None:
            return row.provoke(self.cluster.followers()[0].api)
        self.own = Cluster(3, *row.flags)
        self.addCleanup(self.own.close)
        self.own.start()
        return row.provoke(self.own)

    def check(self, code):
        row = ROWS[code]
        answer = self.provoke(row)
        status, retryable, title = DEFINITIONS[code]
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        problem = answer.json
        for member in MEMBERS:
            self.assertIn(member, problem)
            self.assertNotIn(problem[member], ("", None), member)
        self.assertEqual((problem["code"], problem["status"]), (code, status), problem)
        self.assertEqual((problem["retryable"], problem["title"]), (retryable, title))
        self.assertEqual(problem["type"], f"urn:weft:problem:{code}")
        self.assertEqual(problem["request_id"], answer.headers["x-request-id"])
        outcome = "unknown" if code == "commit_timeout" else "not_applied"
        self.assertEqual(problem.get("outcome"), outcome if row.is_write else None, problem)
        if row.extra is not None:
            row.extra(self, answer)

    def test_every_code_of_the_contract_has_a_row(self):
        self.assertGreater(len(DEFINITIONS), 20)
        self.assertEqual(set(ROWS) | EXEMPT, set(DEFINITIONS))
        self.assertFalse(set(ROWS) & EXEMPT)

    def test_the_document_names_every_code(self):
        with open(os.path.join(ROOT, "docs", "api.md"), encoding="utf-8") as file:
            document = file.read()
        self.assertEqual([code for code in ROWS if f"`{code}`" not in document], [])


for _code in ROWS:
    setattr(Errors, f"test_{_code}_is_said_as_promised", lambda self, code=_code: self.check(code))

claims.main()
