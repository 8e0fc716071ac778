"""Crashes: what was acknowledged is there afterwards, and what is damaged is not served."""

import concurrent.futures
import contextlib
import glob
import itertools
import os
import re
import shutil
import subprocess
import threading
import time

import claims
from cluster_case import OwnClusterCase
from weft import wait_until

WRITERS = 6
BEFORE_KILL_S = 3.0
HANDED_OVER_S = 0.5  # the least election timeout is a second
KILLS = 8


class Recorder:
    """Writers that note what was acknowledged: key -> (value, revision)."""

    def __init__(self, members):
        self.members = members
        self.acknowledged = {}
        self.attempts = 0
        self.stop = threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(WRITERS)
        self.running = [self.pool.submit(self._write, number) for number in range(WRITERS)]

    def _write(self, writer):
        for number in itertools.count():
            if self.stop.is_set():
                return
            key, value = f"w/{writer}/{number}", f"{writer}-{number}".encode()
            member = self.members[(writer + number) % len(self.members)]
            self.attempts += 1
            with contextlib.suppress(OSError):
                answer = member.api.put(f"/v1/kv/{key}", value, timeout=3)
                if answer.status in (200, 201):
                    self.acknowledged[key] = (value, answer.json["revision"])

    def finish(self):
        self.stop.set()
        for future in self.running:
            future.result(20)
        self.pool.shutdown()


class Crashes(OwnClusterCase):
    servers = 3

    def check_all_there(self, acknowledged, member):
        listed = wait_until(f"{member.name} answers", lambda: self.list_all(member), 10)
        found = {item["key"].removeprefix("kv/"): item for item in listed["items"]}
        lost = [key for key in acknowledged if key not in found]
        self.assertEqual(lost, [], f"{len(lost)} of {len(acknowledged)} acknowledged writes are lost")
        wrong = [key for key, (_, revision) in acknowledged.items() if found[key]["revision"] != revision]
        self.assertEqual(wrong, [])

    @staticmethod
    def list_all(member):
        """None while the member has not found its leader."""
        answer = member.api.get("/v1/kv?limit=all", timeout=30)
        return answer.json if answer.status == 200 else None

    def check_equal(self):
        """All servers come to hold the same, and it is what the leader has."""
        target = self.cluster.leader().api.get("/v1/kv?limit=all", timeout=30)
        for member in self.cluster.members:
            query = f"/v1/kv?limit=all&consistency=stale&min_revision={target.revision}&timeout=10s"
            self.assertEqual(member.api.get(query, timeout=30).json["items"], target.json["items"])

    def start_recorder(self):
        recorder = Recorder(self.cluster.members)
        self.addCleanup(recorder.stop.set)
        wait_until("some writes", lambda: len(recorder.acknowledged) > 50, 20)
        return recorder

    def put(self, key="after", value=b"x"):
        """The revision of a write that some server takes; None when none does at the moment."""
        for member in self.cluster.members:
            if member.is_running:
                with contextlib.suppress(OSError):
                    answer = member.api.put(f"/v1/kv/{key}", value, timeout=3)
                    if answer.status in (200, 201):
                        return answer.json["revision"]
        return None


class AllKilled(Crashes):
    def test_every_acknowledged_write_survives_kill_9_of_all_servers(self):
        recorder = self.start_recorder()
        time.sleep(BEFORE_KILL_S)  # the load's length, not a wait for something
        for member in self.cluster.members:
            member.process.kill()
        recorder.finish()
        for member in self.cluster.members:
            member.process.wait(10)
        for member in self.cluster.members:
            member.start()
        self.cluster.leader()
        for member in self.cluster.members:
            self.check_all_there(recorder.acknowledged, member)
        highest = max(revision for _, revision in recorder.acknowledged.values())
        revision = wait_until("a write after the restart", self.put, 10)
        self.assertGreater(revision, highest, "a revision was used again")
        self.check_equal()

    def test_it_holds_three_times_in_a_row(self):
        for _ in range(3):
            recorder = Recorder(self.cluster.members)
            wait_until("some writes", lambda r=recorder: len(r.acknowledged) > 100, 20)
            for member in self.cluster.members:
                member.process.kill()
            recorder.finish()
            for member in self.cluster.members:
                member.process.wait(10)
                member.start()
            self.check_all_there(recorder.acknowledged, self.cluster.leader())
        self.check_equal()

    def test_a_view_that_is_gone_is_built_again_from_the_log(self):
        recorder = self.start_recorder()
        recorder.finish()
        for member in self.cluster.members:
            member.kill()
        for member in self.cluster.members:
            views = glob.glob(f"{member.data_dir}/**/data.mdb", recursive=True)
            self.assertEqual(len(views), 1)
            shutil.rmtree(os.path.dirname(views[0]))
        for member in self.cluster.members:
            member.start()
        self.check_all_there(recorder.acknowledged, self.cluster.leader())
        self.check_equal()


class KilledWhileSnapshotsAreTaken(Crashes):
    servers = 1
    flags = ("--snapshot-entries", "3")

    def test_crashes_leave_one_unfinished_snapshot_at_most(self):
        [member] = self.cluster.members
        for number in range(40):
            self.put(f"big/{number}", b"v" * 500_000)
        for _ in range(KILLS):
            before = self.revision(member)
            recorder = Recorder(self.cluster.members)
            wait_until("writes", lambda least=before + 10: self.revision(member) > least, 20)
            member.kill()
            recorder.finish()
            member.start()
            self.cluster.leader()
        known = re.compile(r"ballot|spare|segment-\d{8}|snapshot-\d{16}-\d{8}")
        names = os.listdir(os.path.join(member.data_dir, "raft"))
        self.assertLessEqual(len([name for name in names if not known.fullmatch(name)]), 1, names)
        self.assertLessEqual(len([name for name in names if name.startswith("snapshot")]), 3, names)

    @staticmethod
    def revision(member):
        return member.api.get("/v1/cluster").json["revision"]


class OneKilled(Crashes):
    def test_writes_resume_soon_after_the_leader_is_killed_and_revisions_rise(self):
        recorder = self.start_recorder()
        leader = self.cluster.leader()
        leader.kill()
        wait_until("a write after the leader's death", self.put, 15)
        wait_until("many more writes", lambda: len(recorder.acknowledged) > 200, 20)
        recorder.finish()
        leader.start()
        self.check_all_there(recorder.acknowledged, leader)
        revisions = sorted(revision for _, revision in recorder.acknowledged.values())
        self.assertEqual(len(revisions), len(set(revisions)), "two writes share a revision")
        self.check_equal()

    def test_the_leader_can_be_killed_again_and_again(self):
        recorder = self.start_recorder()
        for _ in range(4):
            leader = self.cluster.leader()
            leader.kill()
            wait_until("a write after the leader's death", self.put, 10)
            leader.start()
        recorder.finish()
        for member in self.cluster.members:
            self.check_all_there(recorder.acknowledged, member)
        self.check_equal()

    def test_no_increment_is_lost_while_leaders_are_killed(self):
        """Compare and swap: each success is one step, an unknown outcome at most one."""
        members = self.cluster.members
        self.put("counter", b"0")
        sure, unsure = [], []
        stop = threading.Event()

        def count(number):
            for attempt in itertools.count(number):
                if stop.is_set():
                    return
                api = members[attempt % self.servers].api
                try:
                    read = api.get("/v1/kv/counter?timeout=2s", timeout=3)
                    if read.status != 200:
                        continue
                    value = str(int(read.body) + 1).encode()
                except OSError:
                    continue
                try:
                    answer = api.put("/v1/kv/counter?timeout=2s", value, headers={"If-Match": read.etag}, timeout=3)
                except OSError:
                    unsure.append(value)
                    continue
                if answer.status == 200:
                    sure.append(value)
                elif answer.json["outcome"] == "unknown":
                    unsure.append(value)

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            counting = [pool.submit(count, number) for number in range(4)]
            try:
                for _ in range(3):
                    done = len(sure)
                    wait_until("more increments", lambda least=done + 50: len(sure) > least, 30)
                    leader = self.cluster.leader()
                    leader.kill()
                    wait_until("a write after the leader's death", self.put, 10)
                    leader.start()
            finally:
                stop.set()
            for future in counting:
                future.result(30)
        self.assertEqual(len(sure), len(set(sure)), "two clients made the same step")
        final = wait_until("a read", self.read_counter, 10)
        self.assertGreaterEqual(final, len(sure), "increments are lost")
        self.assertLessEqual(final, len(sure) + len(unsure), "increments happened twice")

    def read_counter(self):
        answer = self.cluster.leader().api.get("/v1/kv/counter")
        return int(answer.body) if answer.status == 200 else None

    def test_a_paused_follower_catches_up(self):
        follower = self.cluster.followers()[0]
        follower.pause()
        self.addCleanup(follower.resume)
        leader = self.cluster.leader()
        for number in range(300):
            revision = leader.api.put(f"/v1/kv/while-paused/{number}", b"v" * 1000).json["revision"]
        follower.resume()
        path = f"/v1/kv?prefix=while-paused/&limit=all&consistency=stale&min_revision={revision}&timeout=10s"
        self.assertEqual(len(follower.api.get(path, timeout=15).json["items"]), 300)

    def test_a_leader_that_was_paused_does_not_answer_from_the_past(self):
        old = self.cluster.leader()
        self.put("past", b"old")
        old.pause()
        self.addCleanup(old.resume)
        others = [member for member in self.cluster.members if member is not old]
        wait_until("another leader", lambda: any(self.says_leader(member) for member in others), 15)

        def write():
            with contextlib.suppress(OSError):
                return others[0].api.put("/v1/kv/past", b"new", timeout=3).status == 200

        wait_until("a write", write, 10)
        old.resume()
        answer = old.api.get("/v1/kv/past", timeout=15)
        if answer.status == 200:
            self.assertEqual(answer.body, b"new")
        else:
            self.assertIn(answer.code, ("no_leader", "no_quorum", "read_timeout"))

        def reads_new():
            return old.api.get("/v1/kv/past", timeout=15).body == b"new"

        wait_until("the old leader reads the new value", reads_new, 10)

    @staticmethod
    def says_leader(member):
        with contextlib.suppress(OSError):
            return member.api.get("/v1/cluster", timeout=1).json.get("leader") == member.name
        return False


class NoQuorum(Crashes):
    def test_without_a_quorum_nothing_is_promised_and_local_answers_go_on(self):
        self.put("kept", b"1")
        leader = self.cluster.leader()
        last, *others = [member for member in self.cluster.members if member is not leader] + [leader]
        wait_until("it has the value", lambda: last.api.get("/v1/kv/kept?consistency=stale").body == b"1", 10)
        for member in others:
            member.kill()
        wait_until("the loss is noticed", lambda: last.api.get("/v1/cluster").json.get("leader") is None, 15)
        for answer in (last.api.put("/v1/kv/lost?timeout=2s", b"1"), last.api.get("/v1/kv/kept?timeout=2s")):
            self.assertIn(answer.status, (503, 504), answer)
            self.assertIn(answer.code, ("no_leader", "no_quorum", "commit_timeout", "read_timeout"))
            self.assertTrue(answer.json["retryable"])
            if answer.status == 503:
                self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
        self.assertEqual(last.api.put("/v1/kv/lost?timeout=2s", b"1").json["outcome"], "not_applied")
        self.assertEqual(last.api.get("/v1/kv/kept?consistency=stale").body, b"1")
        lonely = {"needed": 2, "reachable": 1}
        wait_until("it counts itself alone", lambda: last.api.get("/v1/cluster").json["quorum"] == lonely, 10)
        self.assertEqual(last.api.get("/healthz").status, 200)
        self.assertEqual(last.api.get("/readyz").status, 503)
        for member in others:
            member.start()
        wait_until("a write after the return", lambda: self.put("back"), 15)
        self.assertEqual(last.api.get("/v1/kv/lost").status, 404)

    def test_a_leader_that_loses_its_followers_says_so(self):
        leader = self.cluster.leader()
        for member in self.cluster.followers():
            member.kill()
        answer = leader.api.put("/v1/kv/a?timeout=1s", b"1")
        self.assertIn(answer.status, (503, 504), answer)
        self.assertIn(answer.json["outcome"], ("not_applied", "unknown"))
        self.assertIn(leader.api.get("/v1/kv/a?timeout=1s").status, (503, 504))

    def test_servers_start_and_say_ready_without_a_quorum(self):
        for member in self.cluster.members:
            member.kill()
        self.cluster.members[0].start()  # raises when it does not say "ready"
        self.assertEqual(self.cluster.members[0].api.get("/v1/cluster").status, 200)


class Stops(Crashes):
    def hand_over(self):
        """Stops the leader. Returns how long it took from then to a write, and the leader that was."""
        old = self.cluster.leader()
        term = self.cluster.members[0].api.get("/v1/cluster").json["term"]
        self.assertEqual(old.stop(), 0)
        began = time.monotonic()
        wait_until("a write", self.put, 15)
        took_s = time.monotonic() - began
        self.assertLessEqual(self.cluster.leader().api.get("/v1/cluster").json["term"], term + 2)
        old.start()
        self.cluster.settle()
        return took_s

    def test_sigterm_ends_cleanly_and_hands_the_leadership_over(self):
        took_s = []
        while len(took_s) < 5 and min(took_s, default=HANDED_OVER_S) >= HANDED_OVER_S:
            took_s.append(self.hand_over())
        print(f"# from the leader's end to a write: {took_s} s", flush=True)
        self.assertLess(min(took_s), HANDED_OVER_S)
        self.check_equal()

    def test_a_restart_one_by_one_loses_nothing(self):
        recorder = self.start_recorder()
        for member in self.cluster.members:
            self.assertEqual(member.stop(), 0)
            member.start()
            wait_until("a write", self.put, 10)
        recorder.finish()
        for member in self.cluster.members:
            self.check_all_there(recorder.acknowledged, member)
        self.check_equal()

    def test_a_second_server_on_the_same_data_is_refused(self):
        member = self.cluster.members[0]
        command = [*member.process.args]
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        self.assertNotEqual(result.returncode, 0)
        self.assertTrue(result.stderr.strip())
        self.assertTrue(member.is_running)


class Damage(Crashes):
    servers = 1

    def used_segment(self, member):
        """The file of the log with the most bytes that are not zero, and how many those are."""
        logs = glob.glob(f"{member.data_dir}/raft/segment-*")
        self.assertTrue(logs)

        def used(path):
            with open(path, "rb") as file:
                return len(file.read().rstrip(b"\0"))

        path = max(logs, key=used)
        self.assertGreater(used(path), 1000)
        return path, used(path)

    def fill(self):
        for number in range(50):
            self.put(f"fill/{number}", b"v" * 100)

    def flip(self, path, offset):
        with open(path, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ 0x10]))

    def refuses_to_start(self, member):
        with open(member.log_path, "w", encoding="utf-8"):
            pass
        member.spawn()
        self.addCleanup(member.kill)
        status = member.process.wait(20)
        self.assertGreater(status, 0, "it was ended by a signal")
        member.process = None
        with open(member.log_path, encoding="utf-8") as file:
            return file.read()

    def test_a_flipped_bit_in_the_log_is_found_and_the_server_does_not_start(self):
        member = self.cluster.members[0]
        self.fill()
        member.kill()
        path, used = self.used_segment(member)
        self.flip(path, used // 2)
        log = self.refuses_to_start(member)
        self.assertIn("damaged", log)
        self.assertIn(os.path.basename(path), log)
        self.flip(path, used // 2)
        member.start()
        self.assertEqual(member.api.get("/v1/kv/fill/49").status, 200)

    def test_a_flipped_bit_in_the_ballot_is_found_and_the_server_does_not_start(self):
        member = self.cluster.members[0]
        member.kill()
        [ballot] = glob.glob(f"{member.data_dir}/**/ballot", recursive=True)
        self.flip(ballot, os.path.getsize(ballot) // 2)
        self.assertIn("ballot", self.refuses_to_start(member))

    def test_a_flipped_bit_in_the_view_is_never_answered(self):
        member = self.cluster.members[0]
        self.fill()
        before = member.api.get("/v1/kv?limit=all").json
        self.assertEqual(member.stop(), 0)
        [view] = glob.glob(f"{member.data_dir}/**/data.mdb", recursive=True)
        with open(view, "rb") as file:
            offset = file.read().index(b"v" * 100) + 50
        self.flip(view, offset)
        member.start()
        self.cluster.settle()
        self.assertEqual(member.api.get("/v1/kv?limit=all").json, before)

    def test_one_server_alone_keeps_what_it_acknowledged(self):
        member = self.cluster.members[0]
        for number in range(5):
            self.assertIsNotNone(self.put(f"alone/{number}"))
            member.kill()
            member.start()
            self.cluster.leader()
        self.assertEqual(len(member.api.get("/v1/kv?prefix=alone/").json["items"]), 5)

    def test_other_members_than_those_on_disk_are_refused_or_passed_over_but_never_mixed(self):
        member = self.cluster.members[0]
        self.put("mixed", b"1")
        identity = member.api.get("/v1/cluster").json["id"]
        member.kill()
        port = member.raft_port + 1
        member.arguments += ["--member", f"s2,127.0.0.1:{port},http://127.0.0.1:{port + 1}"]
        member.spawn()
        self.addCleanup(member.kill)
        with contextlib.suppress(subprocess.TimeoutExpired):
            member.process.wait(3)
        if member.is_running:
            self.assertEqual(wait_until("an answer", lambda: self.identity(member), 10), identity)
        else:
            member.process = None

    @staticmethod
    def identity(member):
        with contextlib.suppress(OSError):
            return member.api.get("/v1/cluster").json["id"]


claims.main()
