"""One round of one store: a fresh cluster of three, its memory, then the loads that are traffic.

The order matters and is the same for both: memory is read before any load has made garbage, watchers
before the puts that fill the history.
"""

from cluster import Cluster, Failed
from loads import CONNECTIONS
import generate

_WRK_LOADS = ("put", "read", "stale_read")


class Session:
    def __init__(self, results, store, cluster, seconds):
        self.results = results
        self.store = store
        self.cluster = cluster
        self.leader = cluster.leader()
        self.seconds = seconds

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
        self.fill()
        for name in _WRK_LOADS:
            names = (name, "put_p50", "cpu_per_put") if name == "put" else (name,)
            self.attempt(lambda name=name: self.measure_kv(name), *names)

    def fill(self):
        generate.run_tool(
            "bench-fill", self.store.name, self.leader.port, generate.KEY_COUNT, generate.VALUE_SIZE, 64
        )

    def measure_kv(self, name):
        if name == "put":
            requests = [self.store.put(generate.key(i), generate.value()) for i in range(generate.KEY_COUNT)]
        else:
            requests = [getattr(self.store, name)(generate.key(i)) for i in range(generate.KEY_COUNT)]
        for connections in self.connections_of(name):
            cpu_before = self.cluster.cpu_s()
            found = generate.run_wrk(self.leader, requests, connections, self.seconds)
            self.add(name, connections, found["rate"])
            if name == "put" and connections == 1:
                self.add("put_p50", 1, found["p50_us"] / 1000)
            if name == "put" and connections == 64:
                self.add("cpu_per_put", 64, (self.cluster.cpu_s() - cpu_before) * 1e6 / found["requests"])

    def connections_of(self, name):
        """put's figures at 1 and 64 connections are rows of their own, which can be asked for alone."""
        if name != "put" or self.results.wants("put"):
            return CONNECTIONS
        return [at for at, row in ((1, "put_p50"), (64, "cpu_per_put")) if self.results.wants(row)]


NAMES = ("put", "put_p50", "cpu_per_put", "read", "stale_read")


def measure(results, store, folder, seconds):
    """One round of one store. The other store does not run meanwhile."""
    if results.wants(*NAMES):
        with Cluster(store, 3, folder) as cluster:
            Session(results, store, cluster, seconds).run()
