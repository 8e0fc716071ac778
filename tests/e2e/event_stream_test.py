"""Server-sent events, and who is sent what: Accept (docs/api.md, "Watches")."""

import claims
from cluster_case import ClusterCase

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"


class EventStreams(ClusterCase):
    servers = 1

    def put(self, key, value=b"1"):
        return self.api.put(f"/v1/kv/{key}", value).json["revision"]

    def test_a_stream_says_what_it_is_and_begins_with_a_bookmark(self):
        revision = self.put("first/a")
        with self.api.event_stream("/v1/kv?watch=true&prefix=first/") as stream:
            self.assertEqual(stream.status, 200)
            self.assertEqual(stream.response.headers["content-type"], SSE)
            self.assertEqual(stream.response.headers["cache-control"], "no-cache")
            bookmark = stream.next()
            self.assertEqual(bookmark["type"], "BOOKMARK")
            self.assertGreaterEqual(int(stream.last_id), revision)
            self.assertEqual(stream.frames[0]["retry"], "1000")

    def test_events_are_those_of_the_line_form(self):
        start = self.put("same/start")
        self.put("same/a", b"1")
        self.put("same/a", b"2")
        self.api.delete("/v1/kv/same/a")
        path = f"/v1/watch?prefix=kv/same/&from={start}&previous=true"
        with self.api.watch(path) as watch, self.api.event_stream(path) as stream:
            self.assertEqual(stream.take(3), watch.take(3))

    def test_a_revision_of_several_events_has_its_id_on_the_last_one(self):
        before = [self.put(f"id/{i}") for i in range(3)][-1]
        with self.api.event_stream(f"/v1/kv?watch=true&prefix=id/&from={before}") as stream:
            stream.next()
            deleted = self.api.delete("/v1/kv/id/?recursive=true&confirm=3").json["revision"]
            after = self.put("id/after")
            stream.take(4)
            ids = [frame.get("id") for frame in stream.frames[1:] if frame["event"] != "BOOKMARK"]
        self.assertEqual(ids, [None, None, str(deleted), str(after)])

    def test_a_stream_cut_anywhere_goes_on_from_its_last_id(self):
        first = self.put("cut/a")
        self.put("cut/b")
        self.api.delete("/v1/kv/cut/?recursive=true&confirm=2")
        last = self.put("cut/c")
        path = f"/v1/kv?watch=true&prefix=cut/&from={first - 1}"
        with self.api.event_stream(path) as stream:
            whole = stream.take(5)
        for cut in range(6):
            with self.subTest(events=cut), self.api.event_stream(path) as stream:
                seen = stream.take(cut)
                last_id = int(stream.last_id or first - 1)
                complete = [event for event in seen if event["revision"] <= last_id]
                headers = {"Last-Event-ID": str(last_id)}
                with self.api.event_stream(path, headers=headers) as resumed:
                    rest = resumed.take(5 - len(complete))
                self.assertEqual(complete + rest, whole)
                self.assertEqual(rest[-1]["revision"] if rest else last_id, last)

    def test_the_last_event_id_wins_over_from(self):
        first = self.put("wins/a")
        second = self.put("wins/b")
        self.put("wins/c")
        path = f"/v1/kv?watch=true&prefix=wins/&from={first - 1}"
        for open_ in (self.api.event_stream, self.api.watch):
            with open_(path, headers={"Last-Event-ID": str(second)}) as stream:
                self.assertEqual([event["key"] for event in stream.take(1)], ["kv/wins/c"])

    def test_a_last_event_id_that_is_no_revision_is_refused(self):
        for value in ("x", "1x", "-1", "99999999999999999999", "9007199254740992"):
            headers = {"Accept": SSE, "Last-Event-ID": value}
            answer = self.api.get("/v1/kv?watch=true", headers=headers)
            self.assertEqual((answer.status, answer.code), (400, "bad_request"), value)
            self.assertIn("Last-Event-ID", answer.json["detail"])

    def test_accept_decides_the_form(self):
        rows = (
            (None, NDJSON),
            ("*/*", NDJSON),
            (SSE, SSE),
            (f"{SSE};q=0.5, */*;q=0.1", SSE),
            (f"{SSE};q=0.5, {NDJSON}", NDJSON),
            (f"{SSE}, {NDJSON}", NDJSON),
            ("application/json", NDJSON),
            ("text/*", SSE),
            (f"{NDJSON};q=0, */*", NDJSON),  # then it is JSON after all
            (f"{NDJSON};q=0, application/json;q=0, */*", SSE),
            ("text/html", None),
            (f"{SSE};q=0", None),
        )
        for accept, expected in rows:
            with self.subTest(accept=accept):
                headers = {} if accept is None else {"Accept": accept}
                with self.api.watch("/v1/watch", headers=headers) as watch:
                    found = watch.response.headers["content-type"] if watch.status == 200 else None
                    self.assertEqual((found, watch.status), (expected, 200 if expected else 406))
        answer = self.api.request("HEAD", "/v1/watch", headers={"Accept": SSE})
        self.assertEqual(answer.headers["content-type"], SSE)

    def test_what_nobody_can_be_sent_is_406_and_says_what_there_is(self):
        self.put("accept/a")
        for path in ("/v1/cluster", "/v1/kv", "/v1/networks", "/v1/nodes/none", "/v1/kv?index=0"):
            answer = self.api.get(path, headers={"Accept": "text/html"})
            self.assertEqual((answer.status, answer.code), (406, "not_acceptable"), path)
            self.assertIn("application/json", answer.json["detail"])
        answer = self.api.put("/v1/nodes/n", {}, headers={"Accept": "text/html"})
        self.assertEqual((answer.status, answer.json["outcome"]), (406, "not_applied"))
        for accept in ("application/*", "text/html, */*;q=0.01", "application/json;q=0.1"):
            self.assertEqual(self.api.get("/v1/cluster", headers={"Accept": accept}).status, 200, accept)
        answer = self.api.get("/v1/kv/accept/a", headers={"Accept": "image/png"})
        self.assertEqual(answer.status, 200)  # a value is sent as what it was stored as


claims.main()
