"""Loads that start, kill and restart servers: the first write, all killed, the leader killed."""

import contextlib
import http.client
import itertools
import threading
import time

import generate
from cluster import Cluster, Failed, is_written, wait_until

FULL_KEYS = 100_000
_FILL_CONNECTIONS = 256
_POLL_S = 0.003
_WRITE_S = 30.0  # a first write after a start
_TRY_S = {None: 0.1, "fast": 0.05}  # how long the steady writer waits for one answer
_STEADY_S = 0.3  # of acknowledged writes before a kill
_AFTER_S = 0.3  # and after the gap
_GAP_S = 20.0
FAST_TIMERS = (20, 200)


def _first_write_s(store, members, began):
    """Seconds until any of the members acknowledges a write; they are asked in turn, in short tries."""
    turns = itertools.cycle(members)
    wait_until("a first write", lambda: is_written(store, next(turns), timeout=0.5), _WRITE_S, _POLL_S)
    return time.monotonic() - began


def measure_start(results, store, folder):
    """One member, an empty folder: from exec to the first acknowledged write."""
    if results.wants("start_first_write"):
        cluster = Cluster(store, 1, folder)
        try:
            began = time.monotonic()
            cluster.members[0].start()
            results.add("start_first_write", 1, store.name, _first_write_s(store, cluster.members, began))
        except Failed as fault:
            results.fault("start_first_write", store.name, fault)
        finally:
            cluster.close()


class Restart:
    """A cluster with many keys, filled once; every round starts it after the kill -9 of the round before."""

    def __init__(self, results, store, folder):
        self.results = results
        self.store = store
        self.cluster = Cluster(store, 3, folder)

    def fill(self):
        try:
            self.cluster.start()
            leader = self.cluster.leader()
            generate.run_tool(
                "bench-fill", self.store.name, leader.port, FULL_KEYS, generate.VALUE_SIZE, _FILL_CONNECTIONS
            )
        except Failed as fault:
            self.results.fault("restart_100k_keys", self.store.name, fault)
        finally:
            self.cluster.kill()

    def measure(self):
        try:
            began = time.monotonic()
            for member in self.cluster.members:
                member.start()
            seconds = _first_write_s(self.store, self.cluster.members, began)
            self.results.add("restart_100k_keys", 1, self.store.name, seconds)
            self.cluster.settle()
        except Failed as fault:
            self.results.fault("restart_100k_keys", self.store.name, fault)
        finally:
            self.cluster.kill()


class Writer:
    """A steady writer: one write at a time, to one server for as long as it answers in time, then to the
    next that runs. Keeps the instants at which it had an acknowledgement."""

    def __init__(self, cluster, first, try_s):
        self.store = cluster.store
        self.members = cluster.members
        self.at = cluster.members.index(first)
        self.try_s = try_s
        self.instants = []
        self.must_end = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.must_end.set()
        self.thread.join(10)

    def _run(self):
        connection = None
        for number in itertools.count():
            if self.must_end.is_set():
                break
            connection = connection or self._connect()
            if self._write(connection, number):
                self.instants.append(time.monotonic())
            else:
                connection.close()
                connection = None
                self.at = (self.at + 1) % len(self.members)
        connection.close()

    def _connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.members[self.at].port, timeout=self.try_s)

    def _write(self, connection, number):
        method, path, body = self.store.put(f"steady/{number % 100}", "x" * generate.VALUE_SIZE)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request(method, path, body=body.encode())
            answer = connection.getresponse()
            answer.read()
            return answer.status in (200, 201)
        return False


def _longest_gap_ms(instants, began, ended):
    """The longest time without an acknowledgement that touches [began, ended]."""
    gaps = [
        after - before for before, after in itertools.pairwise(instants) if after >= began and before <= ended
    ]
    return max(gaps) * 1000


def _kill_once(cluster, try_s):
    leader = cluster.leader()
    with Writer(cluster, leader, try_s) as writer:
        time.sleep(_STEADY_S)
        if not writer.instants:
            raise Failed("the steady writer has no acknowledgement before the kill")
        killed_at = time.monotonic()
        leader.kill()
        wait_until("a write after the kill", lambda: writer.instants[-1] > killed_at + 0.01, _GAP_S)
        time.sleep(_AFTER_S)
    gap_ms = _longest_gap_ms(writer.instants, killed_at - 0.05, time.monotonic())
    leader.start()
    cluster.settle()
    return gap_ms


def measure_leader_killed(results, store, folder, is_fast, kills):
    """The leader is killed under a steady writer, `kills` times; each time all members are there."""
    name = "leader_killed_gap_fast" if is_fast else "leader_killed_gap"
    if not results.wants(name):
        return
    try:
        with Cluster(store, 3, folder, FAST_TIMERS if is_fast else None) as cluster:
            for _ in range(kills):
                results.add(name, 1, store.name, _kill_once(cluster, _TRY_S["fast" if is_fast else None]))
    except Failed as fault:
        results.fault(name, store.name, fault)
