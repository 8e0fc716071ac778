"""A change of leader, seen by clients: a gap, and no refusals (docs/api.md, "Waiting for a leader")."""

import threading
import time

import claims
from cluster_case import OwnClusterCase
from weft import wait_until

ELECTION_MS = 1000
FAST = ("--heartbeat-ms", "100", "--election-ms", str(ELECTION_MS))


class Writer(threading.Thread):
    """Writes one key after the other at one server, until it is told to stop."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api = api
        self.answers = []  # (status, code, seconds)
        self.goes_on = True

    def run(self):
        number = 0
        while self.goes_on:
            begin = time.monotonic()
            answer = self.api.put(f"/v1/kv/steady/{number}?timeout=20s", b"1", timeout=30.0)
            self.answers.append((answer.status, answer.code, time.monotonic() - begin))
            number += 1

    def wait_for(self, count):
        wait_until(f"{count} more writes", lambda done=len(self.answers): len(self.answers) >= done + count, 20)

    def stop(self):
        self.goes_on = False
        self.join(30)


class LeaderWait(OwnClusterCase):
    flags = FAST

    def check_steady(self, make_change):
        writer = Writer(self.cluster.followers()[0].api)
        writer.start()
        self.addCleanup(writer.stop)
        writer.wait_for(20)
        make_change()
        writer.wait_for(20)
        writer.stop()
        refused = [answer for answer in writer.answers if answer[0] not in (200, 201)]
        # What a dying leader took has an unknown outcome; nothing else fails.
        self.assertLessEqual(len(refused), 3, refused)
        for status, code, _ in refused:
            self.assertEqual((status, code), (504, "commit_timeout"))
        return max(seconds for _, _, seconds in writer.answers)

    def test_a_writer_at_a_follower_sees_a_gap_when_the_leader_is_killed(self):
        leader = self.cluster.leader()
        gap = self.check_steady(leader.kill)
        self.assertLess(gap, 15)

    def test_a_writer_at_a_follower_sees_no_refusal_when_the_leader_stops(self):
        leader = self.cluster.leader()
        self.check_steady(leader.stop)

    def test_a_read_waits_for_the_new_leader(self):
        leader = self.cluster.leader()
        other = self.cluster.followers()[0]
        self.cluster.members[0].api.put("/v1/kv/there", b"x")
        leader.kill()
        answer = other.api.get("/v1/kv/there?timeout=20s", timeout=30)
        self.assertEqual((answer.status, answer.body), (200, b"x"), answer)
        self.assertNotEqual(answer.headers["x-leader"], leader.name)

    def test_a_long_poll_waits_once_and_then_for_the_new_leader(self):
        leader = self.cluster.leader()
        other, third = self.cluster.followers()
        revision = leader.api.put("/v1/kv/polled", b"x").json["revision"]
        wait_until("the write is here", lambda: other.api.get("/v1/kv?consistency=stale").revision >= revision, 10)
        answers = []

        def poll():
            answers.append(other.api.get(f"/v1/kv?index={revision}&wait=100ms&timeout=20s", timeout=30))

        third.pause()  # so that nobody is elected while it polls
        leader.kill()
        wait_until("the leader is missed", lambda: other.api.get("/v1/cluster").json["leader"] != leader.name, 10)
        thread = threading.Thread(target=poll)
        thread.start()
        thread.join(0.4)  # longer than its own wait: now it waits for a leader
        third.resume()
        thread.join(30)
        [answer] = answers
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual([item["key"] for item in answer.json["items"]], ["kv/polled"])

    def test_without_a_majority_it_is_refused_long_before_its_time_is_up(self):
        survivor, *others = self.cluster.members
        for member in others:
            member.kill()
        for method, outcome in (("PUT", "not_applied"), ("GET", None)):
            with self.subTest(method=method):
                begin = time.monotonic()
                answer = survivor.api.request(method, "/v1/kv/a?timeout=50s", b"" if outcome else None, timeout=60)
                problem = answer.json
                self.assertLess(time.monotonic() - begin, 40)
                if problem.get("outcome") != "unknown":  # the survivor may have led when it took it
                    self.assertEqual((answer.status, answer.code), (503, "no_quorum"), answer)
                    self.assertEqual(problem.get("outcome"), outcome, answer)
                    self.assertGreater(int(answer.headers["retry-after"]), 0)
                    self.assertIn("1 of 3 voters", problem["detail"])
        took_s = []
        for _ in range(5):
            begin = time.monotonic()
            self.assertEqual(survivor.api.put("/v1/kv/a?timeout=50s", b"").code, "no_quorum")
            took_s.append(time.monotonic() - begin)
        self.assertLess(min(took_s), ELECTION_MS / 1000, took_s)  # the next ones are refused at once

    def test_its_own_timeout_ends_the_wait(self):
        leader = self.cluster.leader()
        other, third = self.cluster.followers()
        third.pause()  # so that nobody is elected
        leader.kill()
        wait_until("the leader is missed", lambda: other.api.get("/v1/cluster").json["leader"] != leader.name, 10)
        answer = other.api.put("/v1/kv/a?timeout=20ms", b"")
        self.assertIn(answer.code, ("no_leader", "no_quorum"), answer)
        self.assertEqual(answer.json["outcome"], "not_applied")
        self.assertIn("retry-after", answer.headers)


claims.main()
