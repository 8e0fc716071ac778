"""Bad input: clients that are slow, greedy, confused or hostile. The honest ones are served (docs/api.md, "Limits")."""

import os
import re
import socket
import time

import claims
from cluster_case import ClusterCase
from honest import Honest, measure_idle
from raw import Crowd, allow_descriptors, cpu_s
from weft import wait_until

MIB = 1024 * 1024
HEAD_TIMEOUT_S = 10


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


class Abuse(ClusterCase):
    servers = 1

    @classmethod
    def setUpClass(cls):
        allow_descriptors()
        super().setUpClass()
        cls.server = cls.cluster.members[0]
        cls.idle = measure_idle(cls.api)

    def tearDown(self):
        self.assertTrue(self.server.is_running)
        self.assertEqual(self.api.get("/v1/kv/none").status, 404)

    def refused(self, data, *expected):
        """The first answer is one of these, or silence where 0 is among them; then the end."""
        received = self.api.raw(data, timeout=10.0)
        first = statuses(received)[:1] or [0]
        self.assertIn(first[0], expected, (data[:80], received[:300]))
        return received

    # Slow.

    def test_500_slow_heads_and_200_slow_bodies_are_closed_at_10_s_and_the_others_are_served(self):
        with Crowd(self.api, 500) as heads, Crowd(self.api, 200) as bodies, Honest(self.api) as honest:
            heads.send(b"GET /v1/kv/a HTTP/1.1\r\nHost: a\r\nX-Slow: ")
            bodies.send(b"PUT /v1/kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
            deadline = time.monotonic() + HEAD_TIMEOUT_S + 20
            while heads.open_count + bodies.open_count > 0 and time.monotonic() < deadline:
                heads.send(b"x")
                bodies.send(b"x")
                heads.watch(0.5)
                bodies.watch(0.5)
            ends = sorted([*heads.closed_s.values(), *bodies.closed_s.values()])
        self.assertEqual(len(ends), 700)
        self.assertGreater(ends[0], HEAD_TIMEOUT_S - 1)
        honest.check(self, self.idle)

    def test_large_bodies_one_after_the_other_are_served(self):
        head = b"PUT /v1/kv/large HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
        with Honest(self.api) as honest, socket.create_connection((self.api.host, self.api.port), 10) as connection:
            answers = connection.makefile("rb")
            for size, expected in [(MIB // 2, (200, 201)), (MIB, (413,))] * 20:
                connection.sendall(head % size + b"x" * size)
                status = int(answers.readline().split()[1])
                self.assertIn(status, expected)
                length = 0
                while (line := answers.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split()[1])
                answers.read(length)
        self.assertEqual(honest.faults, [])

    # Greedy.

    def test_1000_requests_in_one_write_are_answered_in_order(self):
        requests = b"".join(
            b"GET /v1/kv/none HTTP/1.1\r\nHost: a\r\nX-Request-Id: n%d\r\n%s\r\n"
            % (i, b"Connection: close\r\n" if i == 999 else b"")
            for i in range(1000)
        )
        with Honest(self.api) as honest:
            received = self.api.raw(requests)
        ids = re.findall(rb"X-Request-Id: n(\d+)", received)
        self.assertEqual([int(number) for number in ids], list(range(1000)))
        self.assertEqual(honest.faults, [])

    def test_pipelining_without_reading_is_stopped_and_the_others_are_served(self):
        self.api.put("/v1/kv/page", b"x" * 65536)
        request = b"GET /v1/kv/page HTTP/1.1\r\nHost: a\r\n\r\n" * 200
        with Crowd(self.api, 20, receive_size=4096) as crowd, Honest(self.api) as honest:
            sent = 0
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                for connection in crowd.sockets:
                    try:
                        sent += connection.send(request)
                    except BlockingIOError:
                        continue
        self.assertGreater(sent, 20 * len(request))
        self.assertEqual(honest.faults, [])

    def test_header_bombs_are_431(self):
        many = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(b"X-%d: y\r\n" % i for i in range(2000)) + b"\r\n"
        large = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * MIB
        target = b"GET /" + b"a" * MIB
        with Honest(self.api) as honest:
            for bomb in (many, large, target) * 20:
                self.refused(bomb[: 64 * 1024], 431)
        self.assertEqual(honest.faults, [])

    def test_tiny_chunks_are_a_body_and_framing_without_content_is_413(self):
        head = b"PUT /v1/kv/chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        tiny = b"1\r\nx\r\n" * 10000 + b"0\r\n\r\n"
        self.assertIn(statuses(self.api.raw(head + tiny))[0], (200, 201))
        self.assertEqual(self.api.get("/v1/kv/chunks").body, b"x" * 10000)
        self.refused(head + b"1;" + b"e" * 60000 + b"\r\nx\r\n0\r\n\r\n", 413, 400)

    def test_chunk_sizes_that_lie_are_refused(self):
        head = b"PUT /v1/kv/lie HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for size in (b"ffffffffffffffff", b"fffffffffffffffff", b"10000000000000001", b"7fffffffffffffff",
                     b"-1", b"0x10", b" 5", b"5 5", b"", b"g", b"+5", b"1\n"):
            with self.subTest(size=size):
                self.refused(head + size + b"\r\nhello\r\n0\r\n\r\n", 400, 413)
        self.assertEqual(self.api.get("/v1/kv/lie").status, 404)

    # Confused, or hostile.

    def test_a_request_that_two_readers_may_read_differently_is_refused(self):
        put = b"PUT /v1/kv/smuggled HTTP/1.1\r\nHost: a\r\n"
        smuggled = b"5\r\nhello\r\n0\r\n\r\nGET /v1/kv/a HTTP/1.1\r\nHost: a\r\n\r\n"
        for fields in (
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            b"Content-Length: 5\r\nContent-Length: 6\r\n",
            b"Content-Length: 5\r\nContent-Length: 5\r\n",
            b"Content-Length: 5, 5\r\n",
            b"Content-Length: +5\r\n",
            b"Content-Length: -5\r\n",
            b"Content-Length: 0x5\r\n",
            b"Content-Length: 18446744073709551621\r\n",
            b"Content-Length : 5\r\n",
            b"Content-Length:\r\n 5\r\n",
            b"Content-Length: 5\n",
            b"Transfer-Encoding: chunked, identity\r\n",
            b"Transfer-Encoding: identity\r\n",
            b"Transfer-Encoding: xchunked\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: \x0bchunked\r\n",
            b"Transfer-Encoding:\r\n chunked\r\n",
            b"Transfer_Encoding: chunked\r\nTransfer-Encoding : chunked\r\n",
            b"X: a\rTransfer-Encoding: chunked\r\n",
        ):
            with self.subTest(fields=fields):
                received = self.refused(put + fields + b"\r\n" + smuggled, 400, 413)
                self.assertEqual(len(statuses(received)), 1)
        self.assertEqual(self.api.get("/v1/kv/smuggled").status, 404)

    def test_what_is_not_http_1_is_refused_and_closed(self):
        for data in (
            b"GET /\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
            b"GET /v1/kv/a\x00b HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET /v1/kv/a HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
            b"GET /v1/kv/a HTTP/1.1\r\nHo\x00st: a\r\n\r\n",
            b"\x00" * 100,
            b"GET /v1/kv/a HTTP/9.9\r\nHost: a\r\n\r\n",
            b"GET http:// HTTP/1.1\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            os.urandom(4096) + b"\r\n\r\n",
        ):
            with self.subTest(data=data[:40]):
                self.refused(data, 400, 431)

    def test_an_unknown_expectation_holds_nobody_up(self):
        received = self.api.raw(
            b"PUT /v1/kv/expect HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nContent-Length: 1\r\n"
            b"Connection: close\r\n\r\nx", timeout=10.0)
        self.assertIn(statuses(received)[0], (200, 201, 417))

    def test_a_client_that_talks_into_its_watch_is_closed(self):
        with socket.create_connection((self.api.host, self.api.port), 5) as connection:
            connection.sendall(b"GET /v1/kv?watch=true HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIn(b"BOOKMARK", connection.recv(65536) + connection.recv(65536))
            self.assertTrue(self.is_closed_while_sending(connection))

    @staticmethod
    def is_closed_while_sending(connection):
        try:
            for _ in range(100):
                connection.sendall(b"x" * 65536)
            while connection.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        except TimeoutError:
            return False
        return True


class FewDescriptors(ClusterCase):
    """A server that may open only 100 files."""

    servers = 1

    @classmethod
    def configure(cls):
        cls.server = cls.cluster.members[0]
        cls.server.wrapper = ["prlimit", "--nofile=100:100"]

    def test_the_bounds_follow_and_the_log_says_so(self):
        log = "\n".join(self.server.log_tail())
        self.assertRegex(log, r"fewer clients are served.* limit=100 .*connections_max=\d+ watchers_max=\d+")

    def test_300_connections_neither_end_nor_busy_the_server_and_who_comes_after_is_served(self):
        with Crowd(self.api, 300) as crowd:
            crowd.send(b"GET /v1/kv/none HTTP/1.1\r\nHost: a\r\n\r\n")
            deadline = time.monotonic() + 10
            while crowd.open_count >= 50 and time.monotonic() < deadline:
                crowd.watch(0.5)
            self.assertGreater(crowd.open_count, 5)
            self.assertLess(crowd.open_count, 50)
            before_s = cpu_s(self.server.process.pid)
            time.sleep(1)  # nothing happens now, so nothing may be computed
            self.assertLess(cpu_s(self.server.process.pid) - before_s, 0.3)
        wait_until("room again", lambda: self.api.get("/v1/kv/none").status == 404, 15)
        self.assertIn(self.api.put("/v1/kv/after", b"1").status, (200, 201))


claims.main()
