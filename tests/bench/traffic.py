"""One round of one store: a fresh cluster of three, its memory, then the loads that are traffic.

The order matters and is the same for both: memory is read before any load has made garbage, watchers
before the puts that fill the history.
"""

import time

from cluster import Cluster, Failed
from loads import CONNECTIONS
import generate

_LEASE_TTL_S = 600
_LEASE_COUNT = 1000
_JOIN_PREFIX = "10.64.0.0/12"  # as bench-join has it


class Session:
    def __init__(self, results, store, cluster, pace):
        self.results = results
        self.store = store
        self.cluster = cluster
        self.leader = cluster.leader()
        self.pace = pace

    def attempt(self, measure, *names):
        """Runs one measurement when it is wanted; what fails is noted and the rest goes on."""
        if not self.results.wants(*names):
            return
        try:
            measure()
        except Failed as fault:
            self.cluster.check()
            for name in names:
                self.results.fault(name, self.store.name, fault)

    def add(self, load, connections, value):
        self.results.add(load, connections, self.store.name, value)

    def run(self):
        self.attempt(lambda: self.measure_memory("memory_idle"), "memory_idle")
        self.fill()
        self.attempt(lambda: self.measure_memory("memory_10k_keys"), "memory_10k_keys")
        self.attempt(lambda: self.measure_watch(100), "watch_last_100")
        self.attempt(lambda: self.measure_watch(1000), "watch_last_1000", "memory_1k_watchers")
        self.attempt(self.measure_put, "put", "put_p50", "cpu_per_put")
        for name in ("read", "stale_read"):
            self.attempt(lambda name=name: self.measure_read(name), name)
        self.attempt(self.measure_lease_grant, "lease_grant")
        self.attempt(self.measure_lease_renew, "lease_renew")
        for nodes in (100, 1000):
            self.attempt(lambda nodes=nodes: self.measure_join(nodes), f"join_{nodes}", f"join_{nodes}_requests")

    def fill(self):
        generate.run_tool(
            "bench-fill", self.store.name, self.leader.port, generate.KEY_COUNT, generate.VALUE_SIZE, 64
        )

    def measure_memory(self, name):
        time.sleep(self.pace.quiet_s)
        self.add(name, 0, self.leader.resident_mib())

    def measure_watch(self, count):
        with generate.Watchers(self.store, self.leader, count, self.pace.watched_puts) as watchers:
            if count == 1000:
                time.sleep(self.pace.quiet_s)
                self.add("memory_1k_watchers", count, self.leader.resident_mib())
            self.add(f"watch_last_{count}", count, watchers.last_ms())

    def measure_put(self):
        requests = [self.store.put(generate.key(i), generate.value()) for i in range(generate.KEY_COUNT)]
        for connections in self.connections_of_put():
            cpu_before = self.cluster.cpu_s()
            found = generate.run_wrk(self.leader, requests, connections, self.pace.wrk_s)
            cpu_s = self.cluster.cpu_s() - cpu_before
            self.add("put", connections, found["rate"])
            if connections == 1:
                self.add("put_p50", connections, found["p50_us"] / 1000)
            if connections == 64:
                self.add("cpu_per_put", connections, cpu_s * 1e6 / found["requests"])

    def connections_of_put(self):
        """put's figures at 1 and 64 connections are rows of their own, which can be asked for alone."""
        if self.results.wants("put"):
            return CONNECTIONS
        return [at for at, row in ((1, "put_p50"), (64, "cpu_per_put")) if self.results.wants(row)]

    def measure_read(self, name):
        requests = [getattr(self.store, name)(generate.key(i)) for i in range(generate.KEY_COUNT)]
        for connections in CONNECTIONS:
            found = generate.run_wrk(self.leader, requests, connections, self.pace.wrk_s)
            self.add(name, connections, found["rate"])

    def measure_lease_grant(self):
        found = generate.run_wrk(self.leader, [self.store.lease_grant(_LEASE_TTL_S)], 64, self.pace.wrk_s)
        self.add("lease_grant", 64, found["rate"])

    def measure_lease_renew(self):
        grants = [self.call(self.store.lease_grant(_LEASE_TTL_S)) for _ in range(_LEASE_COUNT)]
        requests = [self.store.lease_renew(self.store.lease_id(grant.json())) for grant in grants]
        found = generate.run_wrk(self.leader, requests, 64, self.pace.wrk_s)
        self.add("lease_renew", 64, found["rate"])

    def measure_join(self, nodes):
        network = f"join{nodes}"
        self.call(self.store.network(network, _JOIN_PREFIX))
        found = generate.run_tool("bench-join", self.store.name, self.leader.port, nodes, network)
        self.add(f"join_{nodes}", nodes, found["seconds"])
        self.add(f"join_{nodes}_requests", nodes, found["requests"] / nodes)

    def call(self, request):
        try:
            answer = self.leader.call(*request)
        except OSError as error:
            raise Failed(f"{request[0]} {request[1]}: {error}") from error
        if answer.status not in (200, 201):
            raise Failed(f"{request[0]} {request[1]}: {answer.status} {answer.body[:200]}")
        return answer


NAMES = (
    *("put", "put_p50", "cpu_per_put", "read", "stale_read", "lease_grant", "lease_renew"),
    *("watch_last_100", "watch_last_1000", "memory_idle", "memory_10k_keys", "memory_1k_watchers"),
    *("join_100", "join_100_requests", "join_1000", "join_1000_requests"),
)


def measure(results, store, folder, pace):
    """One round of one store. The other store does not run meanwhile."""
    if results.wants(*NAMES):
        with Cluster(store, 3, folder) as cluster:
            Session(results, store, cluster, pace).run()
