"""Watches: order, completeness, resumption, on every server (docs/api.md, "Watch")."""

import concurrent.futures
import json
import threading

import claims
from api import b64
from cluster_case import ClusterCase, OwnClusterCase
from weft import wait_until


class Watch(ClusterCase):
    def put(self, key, value=b"1"):
        return self.api.put(f"/v1/kv/{key}", value).json["revision"]

    def test_the_first_line_is_a_bookmark(self):
        revision = self.put("first/a")
        with self.api.watch("/v1/kv?watch=true&prefix=first/") as watch:
            self.assertEqual(watch.status, 200)
            self.assertTrue(watch.response.headers["content-type"].startswith("application/x-ndjson"))
            bookmark = watch.next()
            self.assertEqual(bookmark["type"], "BOOKMARK")
            self.assertGreaterEqual(bookmark["revision"], revision)

    def test_without_from_a_watch_begins_now(self):
        self.put("now/before")
        with self.api.watch("/v1/kv?watch=true&prefix=now/") as watch:
            watch.next()
            revision = self.put("now/after")
            [event] = watch.take(1)
            self.assertEqual((event["key"], event["revision"]), ("kv/now/after", revision))

    def test_events_are_whole(self):
        start = self.put("whole/a", b"1")
        with self.api.watch(f"/v1/kv?watch=true&prefix=whole/&from={start}") as watch:
            second = self.put("whole/a", b"2")
            third = self.api.delete("/v1/kv/whole/a").json["revision"]
            put, delete = watch.take(2)
        self.assertEqual((put["type"], put["kind"], put["key"]), ("PUT", "kv", "kv/whole/a"))
        self.assertEqual(put["revision"], second)
        self.assertEqual(put["object"]["value_b64"], b64(b"2"))
        self.assertEqual(
            (put["object"]["revision"], put["object"]["created_revision"], put["object"]["version"]),
            (second, start, 2),
        )
        self.assertNotIn("previous", put)
        self.assertEqual((delete["type"], delete["key"], delete["revision"]), ("DELETE", "kv/whole/a", third))
        self.assertNotIn("object", delete)

    def test_previous_shows_what_was_there(self):
        start = self.put("previous/a", b"1")
        with self.api.watch(f"/v1/kv?watch=true&prefix=previous/&from={start - 1}&previous=true") as watch:
            self.put("previous/a", b"2")
            self.api.delete("/v1/kv/previous/a")
            created, changed, deleted = watch.take(3)
        self.assertIsNone(created.get("previous"))
        self.assertEqual(changed["previous"]["value_b64"], b64(b"1"))
        self.assertEqual(deleted["previous"]["value_b64"], b64(b"2"))

    def test_every_server_shows_the_same_events_in_order(self):
        start = self.put("order/start")
        revisions = [self.put(f"order/{i % 7}", str(i).encode()) for i in range(100)]
        for api in self.apis:
            with api.watch(f"/v1/kv?watch=true&prefix=order/&from={start}") as watch:
                events = watch.take(100)
            self.assertEqual([event["revision"] for event in events], revisions)
            self.assertEqual([event["key"] for event in events], [f"kv/order/{i % 7}" for i in range(100)])

    def test_a_watch_can_be_resumed_at_any_revision_on_another_server(self):
        start = self.put("resume/start")
        revisions = [self.put(f"resume/{i}") for i in range(30)]
        at = start
        seen = []
        for round_ in range(10):
            with self.apis[round_ % 3].watch(f"/v1/kv?watch=true&prefix=resume/&from={at}") as watch:
                events = watch.take(3)
            seen += [event["revision"] for event in events]
            at = seen[-1]
        self.assertEqual(seen, revisions)

    def test_a_watch_from_the_future_waits_for_it(self):
        now = self.put("future/now")
        with self.api.watch(f"/v1/kv?watch=true&prefix=future/&from={now + 2}") as watch:
            for name in ("a", "b", "c"):
                self.put(f"future/{name}")
            [event] = watch.take(1)
        self.assertEqual(event["key"], "kv/future/c")

    def test_a_list_and_a_watch_from_it_miss_nothing(self):
        stop = threading.Event()
        written = []

        def write():
            while not stop.is_set():
                written.append(self.put(f"gap/{len(written)}"))

        writer = threading.Thread(target=write)
        writer.start()
        try:
            wait_until("some writes", lambda: len(written) > 20, 10)
            listed = self.api.get("/v1/kv?prefix=gap/&limit=all").json
            with self.api.watch(f"/v1/kv?watch=true&prefix=gap/&from={listed['revision']}") as watch:
                events = watch.take(20)
        finally:
            stop.set()
            writer.join()
        seen = sorted(item["revision"] for item in listed["items"]) + [event["revision"] for event in events]
        self.assertEqual(seen, written[: len(seen)])

    def test_other_keys_are_not_shown(self):
        with self.api.watch("/v1/kv?watch=true&prefix=mine/") as watch:
            watch.next()
            self.put("yours/a")
            self.put("mine")
            self.put("mine/a")
            [event] = watch.take(1)
            self.assertEqual(event["key"], "kv/mine/a")

    def test_several_prefixes_come_in_one_stream(self):
        with self.api.watch("/v1/watch?prefix=kv/one/&prefix=networks/") as watch:
            watch.next()
            self.put("one/a")
            self.put("two/a")
            self.api.put("/v1/networks/several", {"ipv4": "10.1.0.0/16"})
            events = watch.take(2)
        self.assertEqual([(e["kind"], e["key"]) for e in events], [("kv", "kv/one/a"), ("network", "networks/several")])
        self.assertEqual(events[1]["object"]["subnet_len"], 24)

    def test_all_events_of_one_revision_come_together(self):
        for name in ("a", "b", "c"):
            self.put(f"together/{name}")
        with self.api.watch("/v1/kv?watch=true&prefix=together/") as watch:
            watch.next()
            answer = self.api.delete("/v1/kv/together/?recursive=true&confirm=3")
            events = watch.take(3)
        self.assertEqual({event["revision"] for event in events}, {answer.json["revision"]})
        self.assertEqual(sorted(event["key"] for event in events), [f"kv/together/{name}" for name in "abc"])

    def test_bookmarks_come_at_least_every_10_seconds(self):
        with self.api.watch("/v1/kv?watch=true&prefix=quiet/", timeout=12) as watch:
            watch.next()
            revision = self.put("loud/a")
            bookmark = watch.next()
        self.assertEqual(bookmark["type"], "BOOKMARK")
        self.assertGreaterEqual(bookmark["revision"], revision)

    def test_a_follower_wakes_its_watchers(self):
        for follower in self.cluster.followers():
            with follower.api.watch("/v1/kv?watch=true&prefix=wake/") as watch:
                watch.next()
                revision = self.put("wake/a")
                [event] = watch.take(1)
            self.assertEqual(event["revision"], revision)

    def test_100_watchers_all_see_all(self):
        watches = [self.apis[i % 3].watch("/v1/kv?watch=true&prefix=crowd/") for i in range(100)]
        try:
            for watch in watches:
                self.assertEqual(watch.next()["type"], "BOOKMARK")
            revisions = [self.put(f"crowd/{i}") for i in range(20)]
            for watch in watches:
                self.assertEqual([event["revision"] for event in watch.take(20)], revisions)
        finally:
            for watch in watches:
                watch.close()

    def test_a_long_poll_answers_as_soon_as_something_changed(self):
        self.put("poll/a")
        index = self.api.get("/v1/kv?prefix=poll/").json["revision"]
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.api.get, f"/v1/kv?prefix=poll/&index={index}&wait=8s")
            with self.assertRaises(concurrent.futures.TimeoutError):
                waiting.result(0.3)
            revision = self.put("poll/b")
            answer = waiting.result(5)
        self.assertGreaterEqual(answer.json["revision"], revision)
        self.assertEqual([item["key"] for item in answer.json["items"]], ["kv/poll/a", "kv/poll/b"])

    def test_a_long_poll_answers_the_same_list_when_the_time_is_up(self):
        self.put("idle/a")
        index = self.api.get("/v1/kv?prefix=idle/").json["revision"]
        answer = self.api.get(f"/v1/kv?prefix=idle/&index={index}&wait=300ms")
        self.assertEqual(answer.status, 200)
        self.assertEqual([item["key"] for item in answer.json["items"]], ["kv/idle/a"])

    def test_a_long_poll_with_a_selector_waits_for_what_the_list_shows(self):
        self.api.put("/v1/nodes/poll-1", {"labels": {"poll": "yes"}})
        self.api.put("/v1/nodes/poll-2", {"labels": {"poll": "no"}})
        index = self.api.get("/v1/nodes?selector=poll%3Dyes").json["revision"]
        path = f"/v1/nodes?selector=poll%3Dyes&index={index}&wait=8s"
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.api.get, path)
            self.api.put("/v1/nodes/poll-2", {"labels": {"poll": "never"}})
            with self.assertRaises(concurrent.futures.TimeoutError):
                waiting.result(0.3)
            self.api.put("/v1/nodes/poll-1", {"labels": {"poll": "no"}})
            self.assertEqual(waiting.result(5).json["items"], [])
        answer = self.api.get(f"/v1/nodes?selector=poll&index={index}&wait=8s")
        self.assertEqual(answer.code, "bad_request")

    def test_a_selector_shows_what_stops_matching_as_a_delete(self):
        node = {"labels": {"zone": "a"}}
        self.api.put("/v1/nodes/sel-1", node)
        with self.api.watch("/v1/nodes?watch=true&selector=zone%3Da") as watch:
            watch.next()
            self.api.put("/v1/nodes/sel-2", {"labels": {"zone": "b"}})
            self.api.put("/v1/nodes/sel-1", {"labels": {"zone": "b"}})
            self.api.put("/v1/nodes/sel-2", {"labels": {"zone": "a"}})
            events = watch.take(2)
        self.assertEqual(
            [(e["type"], e["key"]) for e in events], [("DELETE", "nodes/sel-1"), ("PUT", "nodes/sel-2")]
        )


class Endings(OwnClusterCase):
    def test_a_server_that_stops_says_so_on_the_last_line(self):
        member = self.cluster.followers()[0]
        with member.api.watch("/v1/kv?watch=true") as watch:
            watch.next()
            member.process.terminate()
            event = watch.next()
            while event is not None and event["type"] == "BOOKMARK":
                event = watch.next()
            self.assertIsNotNone(event, "the stream ended without a word")
            self.assertEqual(event["type"], "ERROR", json.dumps(event))
            self.assertTrue(event["error"]["code"])
            self.assertIsNone(watch.next())
        self.assertEqual(member.process.wait(15), 0)

    def test_a_watch_goes_on_through_a_change_of_leader(self):
        leader = self.cluster.leader()
        watcher = next(member for member in self.cluster.members if member is not leader)
        writer = next(member for member in self.cluster.members if member not in (leader, watcher))
        with watcher.api.watch("/v1/kv?watch=true", timeout=20) as watch:
            watch.next()
            revisions = [writer.api.put("/v1/kv/a", b"1").json["revision"]]
            leader.kill()

            def write():
                answer = writer.api.put("/v1/kv/a", b"2")
                return answer.json["revision"] if answer.status == 200 else None

            revisions.append(wait_until("a write after the leader's death", write, 10))
            seen = watch.take(2)
            while seen[-1]["revision"] < revisions[1]:  # a write of unknown outcome may have happened too
                seen += watch.take(1)
        found = [event["revision"] for event in seen]
        self.assertEqual(found, list(range(found[0], found[0] + len(found))), "a gap or a repetition")
        self.assertEqual((found[0], found[-1]), (revisions[0], revisions[1]))


claims.main()
