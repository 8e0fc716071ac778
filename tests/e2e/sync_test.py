"""A write is acknowledged only when a majority has synced it: disks that a test holds show which syncs
an acknowledgement waits for."""

import contextlib
import fcntl
import os
import pathlib

import claims
import weft
from cluster_case import OwnClusterCase
from weft import wait_until

GATE_LIBRARY = os.path.join(weft.BIN, "..", "tests", "e2e", "sync_gate.so")
HELD_S = 1.0  # a write that is not acknowledged within it waits for a disk: unheld ones take milliseconds
WRITES = 20


class Gated(OwnClusterCase):
    extra = {}

    def configure(self):
        self.held = contextlib.ExitStack()
        for member in self.cluster.members:
            pathlib.Path(self.gate(member)).touch()
            environment = {
                "LD_PRELOAD": os.path.realpath(GATE_LIBRARY),
                "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0",
                "WEFT_TEST_GATE": self.gate(member),
                **self.extra,
            }
            member.wrapper = ["env", *[f"{name}={value}" for name, value in environment.items()]]

    def setUp(self):
        super().setUp()
        self.addCleanup(self.release)

    def gate(self, member):
        return os.path.join(self.cluster.folder, f"gate-{member.name}")

    def hold(self, *members):
        for member in members:
            gate = self.held.enter_context(open(self.gate(member), encoding="ascii"))
            fcntl.flock(gate, fcntl.LOCK_EX)

    def release(self):
        self.held.close()

    @staticmethod
    def put(member, key, timeout):
        try:
            return member.api.put(f"/v1/kv/{key}", b"x", timeout=timeout).status in (200, 201)
        except OSError:
            return False


class Syncs(Gated):
    def check_not_acknowledged(self, leader, held):
        self.hold(*held)
        names = ", ".join(member.name for member in held)
        self.assertFalse(self.put(leader, "held", HELD_S), f"acknowledged while {names} had not synced")
        self.release()
        self.assertTrue(self.put(leader, "after", 10))

    def test_without_two_of_three_disks_nothing_is_acknowledged(self):
        leader = self.cluster.leader()
        first, second = self.cluster.followers()
        for held in ([first, second], [leader, first], [leader, second], [leader, first, second]):
            self.check_not_acknowledged(leader, held)

    def test_without_one_of_three_disks_writes_go_on(self):
        leader = self.cluster.leader()
        for held in self.cluster.followers():
            self.hold(held)
            for number in range(WRITES):
                self.assertTrue(self.put(leader, f"{held.name}/{number}", 10))
            self.release()

    def test_a_commit_does_not_wait_for_the_leaders_own_disk(self):
        leader = self.cluster.leader()
        follower = self.cluster.followers()[0]

        def committed():
            return follower.api.get("/v1/cluster").json["commit_index"]

        before = committed()
        self.hold(leader)
        # It applies what is durable on its own disk, and answers only then.
        self.assertFalse(self.put(leader, "own", HELD_S))
        wait_until("the others commit", lambda: committed() > before, 15)
        self.release()
        self.assertTrue(self.put(leader, "after", 10))


class SkippedSyncs(Gated):
    extra = {"WEFT_TEST_GATE_SKIPS": "1"}

    def test_servers_that_skip_the_sync_are_found(self):
        self.hold(*self.cluster.members)
        self.assertTrue(self.put(self.cluster.leader(), "unsynced", 10), "the gate cannot tell them apart")


claims.main()
