"""/metrics: well-formed, well-named, and true (docs/api.md, "Metrics")."""

import subprocess

import claims
import metrics
from cluster_case import ClusterCase
from weft import Cluster, wait_until

HISTOGRAMS = (
    "weft_http_request_duration_seconds",
    "weft_watch_delivery_duration_seconds",
    "weft_raft_log_write_duration_seconds",
    "weft_raft_proposal_duration_seconds",
    "weft_raft_apply_duration_seconds",
    "weft_raft_read_duration_seconds",
    "weft_raft_turn_duration_seconds",
)


class Metrics(ClusterCase):
    def value(self, member, name, **labels):
        return metrics.value(metrics.read(member.api), name, **labels)

    def test_the_type_is_prometheus_text(self):
        answer = self.cluster.leader().api.get("/metrics")
        self.assertEqual(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")

    def test_promtool_finds_nothing_to_say(self):
        promtool = metrics.find_promtool()
        if promtool is None:
            self.skipTest("promtool is not here: scripts/setup --tools fetches it")
        for member in self.cluster.members:
            text = member.api.get("/metrics").body
            found = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=60)
            self.assertEqual((found.returncode, found.stdout + found.stderr), (0, b""))

    def test_each_name_says_once_what_it_is(self):
        text = self.cluster.leader().api.get("/metrics").body.decode()
        helped = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP")]
        typed = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
        self.assertEqual(helped, typed)
        self.assertEqual(len(set(helped)), len(helped))
        self.assertGreaterEqual(len(helped), 60)
        for line in text.splitlines():
            if line.startswith("# HELP"):
                self.assertGreater(len(line.split(None, 3)[3]), 10, line)

    def test_puts_are_counted_one_by_one(self):
        leader = self.cluster.leader()
        before = metrics.read(leader.api)
        for i in range(37):
            leader.api.put(f"/v1/kv/count/{i}", b"1")
        leader.api.put("/v1/nodes/BAD_", {})
        after = metrics.read(leader.api)

        def risen(name, **labels):
            return metrics.value(after, name, **labels) - metrics.value(before, name, **labels)

        self.assertEqual(risen("weft_http_requests_total", method="PUT", status="2xx"), 37)
        self.assertEqual(risen("weft_http_requests_total", method="PUT", status="4xx"), 1)
        self.assertEqual(risen("weft_http_request_duration_seconds_count", route="write"), 38)
        self.assertEqual(risen("weft_raft_proposals_total"), 37)
        self.assertEqual(risen("weft_raft_proposal_duration_seconds_count"), 37)
        self.assertEqual(risen("weft_store_revision"), 37)
        self.assertGreaterEqual(risen("weft_raft_log_syncs_total"), 1)
        self.assertEqual(risen("weft_raft_log_syncs_total"), risen("weft_raft_log_write_duration_seconds_count"))
        self.assertGreater(risen("weft_raft_log_bytes_total"), 37 * 10)
        self.assertGreater(risen("weft_http_received_bytes_total"), 37 * 20)

    def test_a_forwarded_write_is_counted_on_both_sides(self):
        leader, follower = self.cluster.leader(), self.cluster.followers()[0]
        before = [self.value(member, "weft_http_forwards_total") for member in (leader, follower)]
        proposed = self.value(leader, "weft_raft_proposals_total")
        follower.api.put("/v1/kv/forwarded", b"1")
        after = [self.value(member, "weft_http_forwards_total") for member in (leader, follower)]
        self.assertEqual(after, [before[0], before[1] + 1])
        self.assertEqual(self.value(leader, "weft_raft_proposals_total"), proposed + 1)

    def test_reads_are_counted_when_they_are_confirmed(self):
        leader = self.cluster.leader()
        leader.api.put("/v1/kv/read", b"1")
        before = metrics.read(leader.api)
        for _ in range(5):
            leader.api.get("/v1/kv/read")
        leader.api.get("/v1/kv/read?consistency=stale")
        after = metrics.read(leader.api)
        for name, labels, count in (
            ("weft_raft_reads_total", {}, 5),
            ("weft_raft_read_duration_seconds_count", {}, 5),
            ("weft_http_request_duration_seconds_count", {"route": "read"}, 6),
            ("weft_raft_log_entries_total", {}, 0),
        ):
            risen = metrics.value(after, name, **labels) - metrics.value(before, name, **labels)
            self.assertEqual(risen, count, name)

    def test_watchers_and_what_they_are_sent_are_counted(self):
        member = self.cluster.followers()[0]
        before = metrics.read(member.api)
        with member.api.watch("/v1/kv?watch=true&prefix=watched/") as watch, member.api.watch("/v1/watch") as other:
            watch.next()
            other.next()
            self.assertEqual(
                self.value(member, "weft_watchers"), metrics.value(before, "weft_watchers") + 2
            )
            for i in range(3):
                member.api.put(f"/v1/kv/watched/{i}", b"1")
            watch.take(3)
            other.take(3)
            after = metrics.read(member.api)
        risen = metrics.value(after, "weft_watch_events_total") - metrics.value(before, "weft_watch_events_total")
        self.assertEqual(risen, 6)
        wait_until(
            "the watchers are gone",
            lambda: self.value(member, "weft_watchers") == metrics.value(before, "weft_watchers"),
            10,
        )

    def test_histograms_add_up(self):
        series = metrics.read(self.cluster.leader().api)
        for name in HISTOGRAMS:
            for labels, count in series[f"{name}_count"].items():
                buckets = [
                    (float(dict(key)["le"]), value)
                    for key, value in series[f"{name}_bucket"].items()
                    if labels <= key
                ]
                values = [value for _, value in sorted(buckets)]
                self.assertEqual(values, sorted(values), name)
                self.assertEqual((len(values), values[-1]), (17, count), name)

    def test_exactly_one_server_leads_and_all_know_it(self):
        wait_until("the followers have heard", lambda: all(
            self.value(member, "weft_raft_has_leader") == 1 for member in self.cluster.members), 10)
        leads = [self.value(member, "weft_raft_is_leader") for member in self.cluster.members]
        self.assertEqual(sorted(leads), [0, 0, 1])
        self.assertEqual([self.value(member, "weft_ready") for member in self.cluster.members], [1, 1, 1])

    def test_peers_are_told_apart(self):
        member = self.cluster.leader()
        series = metrics.read(member.api)
        others = {other.name for other in self.cluster.members if other is not member}
        for name in ("sent_bytes_total", "received_messages_total", "round_trip_seconds"):
            found = series[f"weft_raft_peer_{name}"]
            self.assertEqual({dict(labels)["peer"] for labels in found}, others)
        self.assertTrue(all(value > 0 for value in series["weft_raft_peer_sent_bytes_total"].values()))

    def test_what_the_store_holds_is_counted(self):
        leader = self.cluster.leader()
        before = metrics.read(leader.api)
        lease = leader.api.post("/v1/leases", {"ttl_s": 60}).json["id"]
        leader.api.put(f"/v1/kv/leased/a?lease={lease}", b"1", headers={"Idempotency-Key": "once"})
        leader.api.put("/v1/kv/leased/b", b"1")
        leader.api.put("/v1/networks/counted", {"ipv4": "10.77.0.0/16"})
        leader.api.post("/v1/subnets/counted/acquire", {"node": "n", "public_ip": "192.0.2.77"})
        after = metrics.read(leader.api)
        for name, count in (("keys", 4), ("leases", 1), ("lease_keys", 1), ("idempotency_keys", 1), ("subnets_held", 1)):
            name = f"weft_store_{name}"
            self.assertEqual(metrics.value(after, name) - metrics.value(before, name), count, name)
        self.assertGreater(metrics.value(after, "weft_store_quota_bytes"), metrics.value(after, "weft_store_size_bytes"))

    def test_the_process_is_described(self):
        series = metrics.read(self.cluster.leader().api)
        self.assertGreater(metrics.value(series, "process_resident_memory_bytes"), 1e6)
        self.assertGreater(metrics.value(series, "process_open_fds"), 5)
        self.assertGreater(metrics.value(series, "process_start_time_seconds"), 1.6e9)
        [labels] = series["weft_build_info"]
        self.assertEqual(dict(labels)["server"], self.cluster.leader().name)


class WithoutQuorum(claims.TestCase):
    def test_metrics_answer_and_say_that_the_server_is_not_ready(self):
        with Cluster(3) as cluster:
            survivor = cluster.followers()[0]
            for member in cluster.members:
                if member is not survivor:
                    member.kill()

            def is_alone():
                return metrics.value(metrics.read(survivor.api), "weft_raft_voters_reachable") == 1

            wait_until("the survivor sees that it is alone", is_alone, 15)
            series = metrics.read(survivor.api)
            self.assertEqual(metrics.value(series, "weft_ready"), 0)
            self.assertEqual(set(series["weft_raft_peer_reachable"].values()), {0})

    def test_a_new_leader_is_counted(self):
        with Cluster(3) as cluster:
            leader = cluster.leader()
            leader.kill()
            survivors = [member for member in cluster.members if member is not leader]
            cluster.leader()

            def changed():
                return all(
                    metrics.value(metrics.read(member.api), "weft_raft_leader_changes_total") >= 1
                    for member in survivors
                )

            wait_until("both survivors count the change", changed, 10)
            stood = [metrics.value(metrics.read(m.api), "weft_raft_elections_total") for m in survivors]
            self.assertGreaterEqual(sum(stood), 1)


claims.main()
