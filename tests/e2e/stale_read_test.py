"""Linearizable reads: never an old value, and never an entry of the log."""

import concurrent.futures
import contextlib
import http.client

import claims
from cluster_case import OwnClusterCase
from weft import wait_until

ROUNDS = 4
WAITING_READS = 16  # that reach the paused leader and are answered when it goes on
READS = 3000


class Reads(OwnClusterCase):
    @staticmethod
    def read(member, timeout):
        """The value of kv/register, or None where no answer came or it was refused."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = member.api.get("/v1/kv/register?timeout=5s", timeout=timeout)
            if answer.status == 200:
                return answer.body
        return None

    def put_somewhere(self, members, value):
        for member in members:
            with contextlib.suppress(OSError):
                if member.api.put("/v1/kv/register", value, timeout=3).status in (200, 201):
                    return True
        return False

    def test_deposed_leader_never_answers_with_an_old_value(self):
        served = 0
        with concurrent.futures.ThreadPoolExecutor(WAITING_READS) as pool:
            for number in range(ROUNDS):
                old = self.cluster.leader()
                others = [member for member in self.cluster.members if member is not old]
                before, after = f"before-{number}".encode(), f"after-{number}".encode()
                self.assertTrue(self.put_somewhere([old], before))
                old.pause()
                # These lie in its sockets, and are read first of all when it goes on.
                waiting = [pool.submit(self.read, old, 15) for _ in range(WAITING_READS)]
                wait_until("a write without it", lambda: self.put_somewhere(others, after), 15)
                old.resume()
                values = [self.read(old, 10) for _ in range(20)]
                values += [read.result(20) for read in waiting]
                self.assertNotIn(before, values, "a deposed leader served what was overwritten")
                served += sum(value == after for value in values)
                self.cluster.settle()
        self.assertGreater(served, 0, "no read was answered at all: this proved nothing")

    def test_reads_leave_no_trace_in_the_log(self):
        leader = self.cluster.leader()
        self.assertTrue(self.put_somewhere([leader], b"value"))

        def state():
            seen = leader.api.get("/v1/cluster").json
            return seen["term"], seen["commit_index"]

        before = state()
        for member in self.cluster.members:
            connection = http.client.HTTPConnection("127.0.0.1", member.api_port, timeout=10)
            for _ in range(READS // 3):
                connection.request("GET", "/v1/kv/register")
                answer = connection.getresponse()
                self.assertEqual((answer.status, answer.read()), (200, b"value"))
            connection.close()
        self.assertEqual(state(), before)


claims.main()
