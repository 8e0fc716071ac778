"""Watches that end on one server and go on on another: nothing lost, nothing twice, in order."""

import contextlib
import threading
import time

import claims
from cluster_case import OwnClusterCase
from weft import wait_until

WRITES = 150


class Writer:
    """Writes kv/w/0, kv/w/1, ... through whoever answers; each acknowledged revision is kept."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.revisions = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(20)

    def _run(self):
        while not self.stop.is_set():
            for member in self.cluster.members:
                with contextlib.suppress(OSError):
                    path = f"/v1/kv/w/{len(self.revisions)}"
                    answer = member.api.put(path, b"x", timeout=5)
                    if answer.status in (200, 201):
                        self.revisions.append(answer.json["revision"])
                        break

    def wait_for(self, count):
        wait_until(f"{count} writes", lambda: len(self.revisions) >= count, 60)


class Resume(OwnClusterCase):
    def check(self, events, revisions):
        """Everything acknowledged is there, in order, once; what else there is, is a write of unknown
        outcome that happened, so that the revisions have no gap."""
        found = [event["revision"] for event in events]
        self.assertEqual(found, list(range(found[0], found[0] + len(found))), "a gap or a repetition")
        acknowledged = [revision for revision in revisions if revision <= found[-1]]
        self.assertEqual(set(acknowledged) - set(found), set())
        self.assertEqual(found[0], revisions[0])

    def follow_over_a_death(self, open_watch, resume, victim):
        """Reads on one server, which is killed, then on the others in turn."""
        start = self.cluster.leader().api.put("/v1/kv/before", b"").json["revision"]
        events = []
        survivors = [member for member in self.cluster.members if member is not victim]
        with Writer(self.cluster) as writer:
            watch = open_watch(victim, start)
            killer = threading.Thread(target=lambda: (writer.wait_for(WRITES // 3), victim.kill()))
            killer.start()
            self.take_all(watch, events)
            killer.join()
            for turn in range(3):
                watch = resume(survivors[turn % 2], watch, events)
                wanted = len(events) + WRITES // 5
                self.take_all(watch, events, wanted)
                watch.close()
            writer.wait_for(WRITES)
        watch = resume(survivors[1], watch, events)
        self.take_all(watch, events, until=writer.revisions[-1])
        watch.close()
        self.assertGreaterEqual(len(writer.revisions), WRITES)
        self.check(events, writer.revisions)

    @staticmethod
    def take_all(watch, events, wanted=None, until=None):
        """To the stream's end, or as many, or as far."""
        with contextlib.suppress(ConnectionError, OSError):
            while wanted is None or len(events) < wanted:
                event = watch.next()
                if event is None:
                    return
                if event["type"] in ("PUT", "DELETE"):
                    events.append(event)
                if until is not None and event["revision"] >= until:
                    return

    def test_lines_go_on_on_another_server_when_a_follower_dies(self):
        def open_watch(member, start):
            return member.api.watch(f"/v1/kv?watch=true&prefix=w/&from={start}", timeout=20)

        def resume(member, _watch, events):
            return open_watch(member, events[-1]["revision"])

        self.follow_over_a_death(open_watch, resume, self.cluster.followers()[0])

    def test_lines_go_on_on_another_server_when_the_leader_dies(self):
        def open_watch(member, start):
            return member.api.watch(f"/v1/kv?watch=true&prefix=w/&from={start}", timeout=20)

        def resume(member, _watch, events):
            return open_watch(member, events[-1]["revision"])

        self.follow_over_a_death(open_watch, resume, self.cluster.leader())

    def test_an_event_stream_goes_on_on_another_server_by_its_last_id(self):
        path = "/v1/watch?prefix=kv/w/&prefix=networks/&from={}"

        def open_watch(member, start):
            self.start = start
            return member.api.event_stream(path.format(start), timeout=20)

        def resume(member, watch, events):
            last_id = watch.last_id or str(events[-1]["revision"])
            return member.api.event_stream(
                path.format(self.start), timeout=20, headers={"Last-Event-ID": last_id}
            )

        self.follow_over_a_death(open_watch, resume, self.cluster.leader())

    def test_a_stale_read_of_min_revision_and_a_watch_from_it_miss_nothing(self):
        leader = self.cluster.leader()
        follower = self.cluster.followers()[0]
        revisions = [leader.api.put(f"/v1/kv/w/{i}", b"x").json["revision"] for i in range(20)]
        listed = follower.api.get(f"/v1/kv?prefix=w/&consistency=stale&min_revision={revisions[9]}").json
        self.assertGreaterEqual(listed["revision"], revisions[9])
        with follower.api.watch(f"/v1/kv?watch=true&prefix=w/&from={listed['revision']}") as watch:
            later = leader.api.put("/v1/kv/w/last", b"x").json["revision"]
            events = []
            self.take_all(watch, events, until=later)
        seen = sorted(item["revision"] for item in listed["items"])
        self.assertEqual(seen + [event["revision"] for event in events], [*revisions, later])

    def test_a_long_poll_on_a_follower_sees_a_write_through_the_leader(self):
        leader = self.cluster.leader()
        follower = self.cluster.followers()[0]
        index = leader.api.put("/v1/kv/poll", b"1").json["revision"]
        timer = threading.Timer(0.3, lambda: leader.api.put("/v1/kv/poll", b"2"))
        timer.start()
        answer = follower.api.get(f"/v1/kv?prefix=poll&index={index}&wait=9s")
        timer.join()
        self.assertGreater(answer.json["revision"], index)
        self.assertEqual(answer.json["items"][0]["version"], 2)

    def test_a_watcher_without_a_quorum_is_told_so(self):
        survivor = self.cluster.members[0]
        streams = [
            survivor.api.watch("/v1/kv?watch=true", timeout=30),
            survivor.api.event_stream("/v1/watch", timeout=30),
        ]
        for stream in streams:
            stream.next()
        for member in self.cluster.members[1:]:
            member.kill()
        for stream in streams:
            event = stream.next()
            while event is not None and event["type"] == "BOOKMARK":
                event = stream.next()
            self.assertIsNotNone(event, "the stream ended without a word")
            self.assertEqual((event["type"], event["error"]["code"]), ("ERROR", "no_quorum"))
            self.assertTrue(event["error"]["retryable"])
            self.assertIsNone(stream.next())
            stream.close()

    def test_bookmarks_come_while_nothing_changes(self):
        follower = self.cluster.followers()[0]
        with follower.api.watch("/v1/kv?watch=true", timeout=11) as watch:
            for _ in range(3):
                began = time.monotonic()
                self.assertEqual(watch.next()["type"], "BOOKMARK")
                self.assertLess(time.monotonic() - began, 10.0)


claims.main()
