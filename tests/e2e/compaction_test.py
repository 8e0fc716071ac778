"""History that is gone: who asks for it is told, and nobody is told half (docs/api.md, "Watches")."""

import http.client
import json
import socket
import threading
import time

import claims
import metrics
from cluster_case import ClusterCase
from weft import Cluster, wait_until

HISTORY = 50


def compact_revision(member):
    return int(metrics.value(metrics.read(member.api), "weft_store_compact_revision"))


class Compaction(ClusterCase):
    flags = ("--history-events", str(HISTORY))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.api = cls.cluster.leader().api
        cls.first = cls.api.put("/v1/kv/old/0", b"1").json["revision"]
        for i in range(4 * HISTORY):
            cls.api.put(f"/v1/kv/old/{i}", b"1")
        for member in cls.cluster.members:
            wait_until("a compaction", lambda m=member: compact_revision(m) > cls.first, 20)

    def test_a_watch_from_what_is_gone_is_410_before_the_stream(self):
        for member in self.cluster.members:
            for headers, path in (
                ({}, f"/v1/kv?watch=true&from={self.first}"),
                ({"Accept": "text/event-stream"}, f"/v1/watch?from={self.first}"),
                ({"Accept": "text/event-stream", "Last-Event-ID": str(self.first)}, "/v1/watch"),
            ):
                answer = member.api.get(path, headers=headers)
                self.assertEqual((answer.status, answer.code), (410, "compacted"))
                self.assertGreater(answer.json["compact_revision"], self.first)
                self.assertFalse(answer.json["retryable"])

    def test_a_watch_begins_at_the_compact_revision_and_no_earlier(self):
        for _ in range(5):  # another compaction may come in between
            at = self.api.get(f"/v1/watch?from={self.first}").json["compact_revision"]
            before = self.api.get(f"/v1/watch?from={at - 1}")
            self.assertEqual((before.status, before.json["compact_revision"]), (410, at))
            now = self.api.get("/v1/kv?limit=1").json["revision"]
            with self.api.watch(f"/v1/watch?from={at}") as watch:
                if watch.status != 200:
                    continue
                watch.next()
                events = watch.take(now - at)
            self.assertEqual([event["revision"] for event in events], list(range(at + 1, now + 1)))
            return
        self.fail("the compaction never rests")

    def test_a_change_of_what_rested_for_long_still_says_what_it_was(self):
        """What was there before has no event of its own any more, and selectors knew it all the same."""
        self.api.put("/v1/nodes/known", {"labels": {"a": "1"}})
        self.api.put("/v1/nodes/other", {"labels": {"a": "2"}})
        self.api.put("/v1/kv/rested", b"before")
        last = self.api.get("/v1/kv?limit=1").json["revision"]
        for i in range(4 * HISTORY):
            self.api.put("/v1/kv/fill", b"1")
        for member in self.cluster.members:
            wait_until("a compaction", lambda m=member: compact_revision(m) > last, 20)
        last = self.api.get("/v1/kv?limit=1").json["revision"]
        live = [
            (
                member.api.watch("/v1/nodes?watch=true&selector=a=1&previous=true"),
                member.api.watch("/v1/watch?prefix=kv/rested&previous=true"),
            )
            for member in self.cluster.members
        ]
        self.assertEqual({w.next()["type"] for pair in live for w in pair}, {"BOOKMARK"})
        self.api.put("/v1/nodes/other", {"labels": {"a": "3"}})
        self.api.put("/v1/nodes/known", {"labels": {"a": "4"}})
        self.api.delete("/v1/nodes/other")
        self.api.delete("/v1/kv/rested")
        late = [
            (
                member.api.watch(f"/v1/nodes?watch=true&selector=a=1&previous=true&from={last}"),
                member.api.watch(f"/v1/watch?prefix=kv/rested&previous=true&from={last}"),
            )
            for member in self.cluster.members
        ]
        self.api.put("/v1/nodes/last", {"labels": {"a": "1"}})
        for nodes, values in live + late:
            with nodes, values:
                gone, after = nodes.take(2)
                self.assertEqual((gone["type"], gone["key"], after["key"]), ("DELETE", "nodes/known", "nodes/last"))
                self.assertEqual(gone["previous"]["labels"], {"a": "1"})
                self.assertEqual(values.take(1)[0]["previous"]["value_b64"], "YmVmb3Jl")

    def test_a_long_poll_from_what_is_gone_answers_at_once(self):
        began = time.monotonic()
        answer = self.api.get(f"/v1/kv?prefix=nothing/&index={self.first}&wait=20s", timeout=30)
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual((answer.status, answer.json["items"]), (200, []))

    @staticmethod
    def ended(member):
        return sum(metrics.read(member.api)["weft_watches_ended_total"].values())

    @staticmethod
    def history(member):
        return metrics.value(metrics.read(member.api), "weft_store_history_events")

    def test_history_stays_bounded_and_lists_stay_whole(self):
        for member in self.cluster.members:
            wait_until("a bounded history", lambda m=member: self.history(m) <= 2 * HISTORY, 10)
        listed = self.api.get("/v1/kv?prefix=old/&limit=all").json
        self.assertEqual(len(listed["items"]), 4 * HISTORY)

    def test_a_watcher_that_is_overtaken_is_told_how_far_it_is_complete(self):
        """It does not read while more is written than its queue and the history hold. Whichever bound
        comes first (the hub's unit tests tell them apart), it hears of it on its last line."""
        member = self.cluster.followers()[0]
        start = member.api.get("/v1/kv?limit=1").json["revision"]
        connection = http.client.HTTPConnection(member.api.host, member.api.port, timeout=30)
        connection.connect()
        connection.request("GET", f"/v1/kv?watch=true&from={start}")
        response = connection.getresponse()
        response.readline()  # the watch stands
        before = self.ended(member)
        written = 0
        while self.ended(member) == before and written < 20 * HISTORY:
            self.api.put(f"/v1/kv/slow/{written}", b"s" * 30000)
            written += 1
        # Now at once: what is queued at the end waits for its reader a few seconds, and no longer.
        events = [json.loads(line) for line in response.read().splitlines()]
        connection.close()
        last = events.pop()
        self.assertEqual(last["type"], "ERROR")
        self.assertIn(last["error"]["code"], ("compacted", "overloaded"))
        changes = [event["revision"] for event in events if event["type"] == "PUT"]
        self.assertEqual(changes, list(range(start + 1, start + 1 + len(changes))))
        self.assertLess(len(changes), written)
        self.assertEqual(last["revision"], changes[-1])


class Replaced(claims.TestCase):
    """A follower that sleeps while the log moves on gets the leader's snapshot: its store leaps."""

    timeout_s = 240

    def start(self, history):
        cluster = Cluster(3, "--history-events", str(history), "--snapshot-entries", "100")
        cluster.start()
        self.addCleanup(cluster.close)
        self.cluster = cluster
        return cluster.leader(), cluster.followers()[0]

    def diagnose(self):
        return self.cluster.log_tails()

    def let_leap(self, leader, follower, count=1200):
        """Returns the revisions that were written while the follower slept."""
        before = metrics.value(metrics.read(follower.api), "weft_raft_snapshots_installed_total")
        follower.pause()
        revisions = []
        errors = []

        def write(part):
            for i in range(count // 4):
                answer = leader.api.put(f"/v1/kv/leap/{part}/{i}", b"x")
                (revisions if answer.status == 201 else errors).append(answer.json.get("revision"))

        writers = [threading.Thread(target=write, args=(part,)) for part in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.assertEqual(errors, [])
        follower.resume()

        def has_leapt():
            series = metrics.read(follower.api)
            return (
                metrics.value(series, "weft_raft_snapshots_installed_total") > before
                and metrics.value(series, "weft_store_revision") >= max(revisions)
            )

        wait_until("the follower installs a snapshot", has_leapt, 60)
        return sorted(revisions)

    def test_a_live_watcher_goes_on_without_a_gap_where_the_history_allows(self):
        leader, follower = self.start(100000)
        with follower.api.watch("/v1/kv?watch=true", timeout=30) as watch, follower.api.event_stream(
            "/v1/watch?prefix=kv/leap/", timeout=30
        ) as stream:
            watch.next()
            stream.next()
            revisions = self.let_leap(leader, follower)
            after = leader.api.put("/v1/kv/leap/after", b"1").json["revision"]
            for found in (watch.take(len(revisions) + 1), stream.take(len(revisions) + 1)):
                self.assertEqual([event["revision"] for event in found], [*revisions, after])

    def test_a_live_watcher_is_told_where_the_history_is_gone(self):
        leader, follower = self.start(50)
        with follower.api.watch("/v1/kv?watch=true", timeout=30) as watch:
            seen = watch.next()["revision"]
            self.let_leap(leader, follower)
            events = []
            while (event := watch.next()) is not None:
                events.append(event)
            last = events[-1]
            self.assertEqual((last["type"], last["error"]["code"]), ("ERROR", "compacted"))
            changes = [event["revision"] for event in events if event["type"] == "PUT"]
            self.assertEqual(changes, list(range(seen + 1, seen + 1 + len(changes))), "a gap before the end")
            self.assertEqual(last["revision"], changes[-1] if changes else seen)

    def test_what_is_being_streamed_is_cut_and_does_not_look_whole(self):
        leader, follower = self.start(100000)
        for i in range(40):
            leader.api.put(f"/v1/kv/big/{i:02}", b"b" * 400000)
        last = leader.api.put("/v1/kv/big/last", b"").json["revision"]
        follower.api.get(f"/v1/kv/big/last?consistency=stale&min_revision={last}")
        answers = []
        for path in ("/v1/kv?limit=all&consistency=stale", "/v1/snapshot?consistency=stale"):
            connection = http.client.HTTPConnection(follower.api.host, follower.api.port, timeout=60)
            connection.connect()
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.request("GET", path)
            answers.append(connection.getresponse())
        self.let_leap(leader, follower)
        for answer in answers:
            self.assertEqual(answer.status, 200)
            with self.assertRaises((http.client.IncompleteRead, ConnectionError)):
                answer.read()


claims.main()
