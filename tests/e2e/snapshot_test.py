"""GET /v1/snapshot: whole, at one revision, with its digest behind it (docs/api.md, "Resources")."""

import base64
import hashlib
import os
import socket
import subprocess
import tempfile
import threading

import claims
import metrics
from api import b64
from cluster_case import ClusterCase
from weft import BIN, wait_until

CHECK = os.path.join(BIN, "..", "tests", "e2e", "snapshot_check")
REQUEST = b"GET /v1/snapshot HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def take_apart(answer):
    """(status, headers, body, trailers) of a chunked answer, from its bytes alone."""
    at = answer.index(b"\r\n\r\n")
    lines = answer[:at].decode().split("\r\n")
    status = int(lines[0].split()[1])
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    at += 4
    pieces = []
    while True:
        end = answer.index(b"\r\n", at)
        size, at = int(answer[at:end], 16), end + 2
        if size == 0:
            break
        pieces.append(answer[at : at + size])
        if answer[at + size : at + size + 2] != b"\r\n":
            raise AssertionError("a chunk does not end where it says")
        at += size + 2
    rest = answer[at:]
    if not rest.endswith(b"\r\n"):
        raise AssertionError(f"the trailers do not end: {rest[-100:]!r}")
    lines = rest.decode().split("\r\n")[:-2]
    trailers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return status, headers, b"".join(pieces), trailers


class Snapshot(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.cluster.leader().api

    def check_file(self, body):
        """What the server's own reader says of it: its revision."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            found = subprocess.run([CHECK, file.name], capture_output=True, timeout=60)
            self.assertEqual(found.returncode, 0, found.stderr)
        return int(found.stdout)

    def download(self, api):
        status, headers, body, trailers = take_apart(api.raw(REQUEST, timeout=60))
        self.assertEqual((status, headers["content-type"]), (200, "application/octet-stream"))
        self.assertEqual(headers["trailer"], "Content-Digest")
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        self.assertEqual(trailers, {"content-digest": f"sha-256=:{digest}:"})
        self.assertEqual(self.check_file(body), int(headers["x-revision"]))
        self.assertIn(f'-{headers["x-revision"]}.snapshot"', headers["content-disposition"])
        return int(headers["x-revision"]), body

    def test_the_trailer_is_the_digest_of_the_body_and_the_file_is_sound(self):
        revision = self.api.put("/v1/kv/digest", b"x" * 300000).json["revision"]
        found, body = self.download(self.api)
        self.assertGreaterEqual(found, revision)
        self.assertIn(b"x" * 300000, body)
        self.assertEqual(hashlib.sha256(body[:-32]).digest(), body[-32:])  # the digest inside

    def test_servers_give_the_same_bytes_for_one_revision(self):
        revision = self.api.put("/v1/kv/same", b"1").json["revision"]
        found = {}
        for member in self.cluster.members:
            member.api.get(f"/v1/kv/same?consistency=stale&min_revision={revision}")
            found[member.name] = self.download(member.api)
        self.assertEqual({revision for revision, _ in found.values()}, {revision})
        # All of the store; behind it, what each server's Raft adds may differ in nothing either.
        self.assertEqual(len({body for _, body in found.values()}), 1)

    def test_under_writes_it_is_one_revision(self):
        """Each write changes two keys alike: a snapshot in which they differ is none."""
        stop = threading.Event()
        written = []

        def write():
            for i in range(10**6):
                if stop.is_set():
                    return
                value = b64(b"pair%08d" % i + b"." * 2000)
                put = [{"put": {"key": f"kv/pair/{name}", "value_b64": value}} for name in ("a", "z")]
                if self.api.post("/v1/txn", {"then": put}).status == 200:
                    written.append(i)

        for i in range(40):
            self.api.put(f"/v1/kv/pair/filler{i:02}", b"f" * 200000)
        writer = threading.Thread(target=write)
        writer.start()
        try:
            wait_until("a write", lambda: written, 10)
            revisions = []
            for _ in range(5):
                revision, body = self.download(self.api)
                revisions.append(revision)
                values = {body[at : at + 12] for at in self.find_all(body, b"pair0")}
                newest = max(values)
                self.assertGreaterEqual(body.count(newest), 2, "half of a transaction")
        finally:
            stop.set()
            writer.join()
        self.assertEqual(revisions, sorted(set(revisions)), "the writes went on")

    @staticmethod
    def find_all(body, text):
        at = body.find(text)
        while at >= 0:
            yield at
            at = body.find(text, at + 1)

    def test_it_can_be_stale_and_wait_for_a_revision(self):
        answer = self.api.get("/v1/snapshot?consistency=stale")
        self.assertEqual(answer.status, 200)
        self.assertIn("x-stale-ms", answer.headers)
        answer = self.api.get("/v1/snapshot?min_revision=100000000&timeout=100ms")
        self.assertEqual(answer.code, "read_timeout")

    def test_head_says_what_get_would(self):
        answer = self.api.request("HEAD", "/v1/snapshot")
        self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(answer.headers["trailer"], "Content-Digest")

    def test_a_client_that_takes_no_bytes_is_406(self):
        answer = self.api.get("/v1/snapshot", headers={"Accept": "application/json"})
        self.assertEqual(answer.code, "not_acceptable")

    def test_four_at_once_and_no_more_and_a_slow_one_holds_nobody_up(self):
        for i in range(40):
            self.api.put(f"/v1/kv/slow/{i}", b"s" * 500000)
        slow = []

        def running():
            return metrics.value(metrics.read(self.api), "weft_http_snapshot_streams")

        try:
            for _ in range(4):
                connection = socket.socket()
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect((self.api.host, self.api.port))
                connection.sendall(REQUEST)
                slow.append(connection)
            wait_until("four downloads", lambda: running() == 4, 10)
            answer = self.api.get("/v1/snapshot")
            self.assertEqual((answer.status, answer.code), (429, "overloaded"))
            self.assertIn("retry-after", answer.headers)
            self.assertEqual(self.api.put("/v1/kv/meanwhile", b"1").status, 201)
            before = metrics.value(metrics.read(self.api), "process_resident_memory_bytes")
            self.assertLess(before, 900e6)  # 80 MB are asked for; the sanitizers need most of this
        finally:
            for connection in slow:
                connection.close()
        wait_until("they are gone", lambda: running() == 0, 20)
        self.download(self.api)


claims.main()
