"""Snapshots of running servers: a member that lags gets one, also when it is killed half-way; all come
to the same; and the leader's loop goes on meanwhile."""

import concurrent.futures
import contextlib
import random
import time

import claims
from cluster_case import OwnClusterCase

ENTRIES = 20
KEYS = 60
VALUE = b"v" * 200_000  # 60 of them make about 46 chunks
KILLS = 4
OBJECTS = 5000
STALL_S = 0.25
ATTEMPTS = 4  # the servers of a test run share two cores with everything else


class Snapshots(OwnClusterCase):
    flags = ("--snapshot-entries", str(ENTRIES))

    def put_all(self, member, names, value, at_once=4):
        """Each acknowledged. One after the other they are an entry of the log each."""

        def put(name):
            self.assertIn(member.api.put(f"/v1/kv/{name}", value, timeout=10).status, (200, 201))

        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            for done in [pool.submit(put, name) for name in names]:
                done.result(30)

    def check_equal(self):
        target = self.cluster.leader().api.get("/v1/kv?limit=all", timeout=30)
        for member in self.cluster.members:
            query = f"/v1/kv?limit=all&consistency=stale&min_revision={target.revision}&timeout=10s"
            self.assertEqual(member.api.get(query, timeout=30).json["items"], target.json["items"])

    @staticmethod
    def log_has(member, text):
        with open(member.log_path, encoding="utf-8", errors="replace") as log:
            return text in log.read()

    def test_member_killed_while_it_fetches_goes_on_and_becomes_equal(self):
        leader = self.cluster.leader()
        late = self.cluster.followers()[0]
        late.kill()
        self.put_all(leader, [f"big/{number}" for number in range(KEYS)], VALUE)
        self.put_all(leader, [f"small/{number}" for number in range(3 * ENTRIES)], b"x", at_once=1)
        for _ in range(KILLS):
            late.start()
            time.sleep(random.uniform(0.0, 0.3))  # somewhere on the way: finding it, fetching, installing
            late.kill()
        self.put_all(leader, [f"later/{number}" for number in range(ENTRIES)], b"y")
        late.start()
        self.cluster.settle()
        self.check_equal()
        self.assertTrue(self.log_has(late, "snapshot installed") or
                        self.log_has(late, "received snapshot is installed"))

    def test_member_that_fetches_answers_honestly(self):
        leader = self.cluster.leader()
        late = self.cluster.followers()[0]
        self.put_all(leader, ["register"], b"old")
        late.kill()
        self.put_all(leader, [f"big/{number}" for number in range(KEYS)], VALUE)
        self.put_all(leader, [f"small/{number}" for number in range(3 * ENTRIES)], b"x", at_once=1)
        self.put_all(leader, ["register"], b"new")
        late.start()
        answers = []
        while not self.log_has(late, "snapshot installed"):
            with contextlib.suppress(OSError):
                answer = late.api.get("/v1/kv/register?timeout=100ms", timeout=5)
                answers.append((answer.status, answer.body if answer.status == 200 else None))
        self.assertNotIn((200, b"old"), answers)
        found = late.api.get("/v1/kv/register", timeout=10)
        self.assertEqual((found.status, found.body), (200, b"new"))

    def test_leader_takes_and_ships_without_a_long_turn(self):
        leader = self.cluster.leader()
        late = self.cluster.followers()[0]
        self.put_all(leader, [f"object/{number}" for number in range(OBJECTS)], b"v" * 256)
        stalls = []
        while len(stalls) < ATTEMPTS and 0 not in stalls:
            before = self.turns(leader)
            self.ship(leader, late)
            turns = self.turns(leader)
            self.assertGreater(turns["+Inf"] - before["+Inf"], 500)
            stalls.append(self.long_turns(turns) - self.long_turns(before))
        print(f"# turns of more than {STALL_S:g} s: {stalls}", flush=True)
        self.assertIn(0, stalls)

    def ship(self, leader, late):
        late.kill()
        self.put_all(leader, [f"object/{number}" for number in range(OBJECTS // 5)], b"w" * 256)
        late.start()
        self.put_all(leader, [f"object/{number}" for number in range(OBJECTS // 5)], b"x" * 256)
        self.check_equal()
        self.assertTrue(self.log_has(late, "snapshot installed"))
        self.assertTrue(self.log_has(leader, "snapshot taken"))

    @staticmethod
    def long_turns(turns):
        return turns["+Inf"] - turns[f"{STALL_S:g}"]

    @staticmethod
    def turns(member):
        """How many turns of the replica took at most so long."""
        text = member.api.get("/metrics").body.decode()
        name = "weft_raft_turn_duration_seconds_bucket"
        lines = [line for line in text.splitlines() if line.startswith(name)]
        return {line.split('"')[1]: int(line.split()[-1]) for line in lines}


claims.main()
