"""Damage to a server's files: it is found and repaired, or the server does not start. A wrong answer never comes."""

import os
import random
import shutil

import claims
from cluster_case import OwnClusterCase
from weft import Cluster, wait_until

KEYS = 60


class DamagedFiles(OwnClusterCase):
    servers = 1

    def setUp(self):
        super().setUp()
        [self.member] = self.cluster.members
        for number in range(KEYS):
            self.member.api.put(f"/v1/kv/k{number}", self.value(number))

    @staticmethod
    def value(number):
        return f"value {number} ".encode() * 100

    @property
    def view(self):
        return os.path.join(self.member.data_dir, "view", "data.mdb")

    def flip_a_bit_of_each_value(self):
        with open(self.view, "r+b") as file:
            content = file.read()
            found = 0
            for number in range(KEYS):
                at = content.find(self.value(number))
                while at >= 0:
                    file.seek(at)
                    file.write(b"V")
                    found += 1
                    at = content.find(self.value(number), at + 1)
        self.assertGreaterEqual(found, KEYS)

    def check_answers(self):
        self.cluster.leader()
        for number in range(KEYS):
            self.assertEqual(self.member.api.get(f"/v1/kv/k{number}").body, self.value(number))
        answer = self.member.api.put("/v1/kv/after", b"1")
        self.assertEqual(answer.json["revision"], KEYS + 1)
        with self.member.api.watch("/v1/kv?watch=true&from=0") as watch:
            self.assertEqual([event["revision"] for event in watch.take(KEYS + 1)], list(range(1, KEYS + 2)))

    def check_refused(self, reason):
        """It starts, and ends by itself with a status and the reason, whose line is returned."""
        self.member.spawn()
        self.assertGreater(self.member.process.wait(20), 0, "it was ended by a signal")
        self.member.process = None
        lines = [line for line in self.member.log_tail() if reason in line]
        self.assertTrue(lines, self.member.log_tail())
        return lines[-1]

    def test_the_view_of_a_killed_server_is_kept_when_it_is_whole(self):
        self.member.kill()
        self.member.start()
        self.assertIn("and is whole", "\n".join(self.member.log_tail()))
        self.check_answers()

    def test_flipped_bits_in_the_view_of_a_killed_server_are_not_served(self):
        self.member.kill()
        self.flip_a_bit_of_each_value()
        self.member.start()
        self.check_answers()

    def test_flipped_bits_in_the_view_of_a_stopped_server_are_not_served(self):
        self.assertEqual(self.member.stop(), 0)
        self.flip_a_bit_of_each_value()
        self.member.start()
        self.check_answers()

    def test_a_view_cut_short_does_not_end_the_server_by_a_signal(self):
        for size in (0, 4096, 10000, os.path.getsize(self.view) // 2 // 4096 * 4096):
            self.member.kill()
            os.truncate(self.view, size)
            self.member.start()
            self.cluster.leader()
            self.assertEqual(len(self.member.api.get("/v1/kv?limit=all").json["items"]), KEYS)
        self.check_answers()

    def test_garbage_anywhere_in_the_view_is_not_served(self):
        chance = random.Random(7)
        for round_ in range(10):
            self.member.kill() if round_ % 2 else self.member.stop()
            with open(self.view, "r+b") as file:
                file.seek(chance.randrange(os.path.getsize(self.view)))
                file.write(chance.randbytes(512))
            self.member.start()
            self.cluster.leader()
            self.assertEqual(len(self.member.api.get("/v1/kv?limit=all").json["items"]), KEYS)
        self.check_answers()

    def test_a_server_alone_knows_after_a_kill_what_it_had_applied(self):
        cluster = Cluster(3)
        cluster.start()
        self.addCleanup(cluster.close)
        member = cluster.members[0]
        revision = cluster.leader().api.put("/v1/kv/a", b"1").json["revision"]
        path = f"/v1/kv/a?consistency=stale&min_revision={revision}"
        wait_until("it has the value", lambda: member.api.get(path).body == b"1", 10)
        for each in cluster.members:
            each.kill()
        member.start()
        self.assertEqual(member.api.get("/v1/kv/a?consistency=stale").body, b"1")

    def test_a_log_that_lost_what_was_applied_is_refused_though_the_view_is_gone(self):
        self.member.kill()
        log = os.path.join(self.member.data_dir, "raft")
        shutil.copytree(log, log + "-older")
        self.member.start()
        self.cluster.leader()
        self.assertEqual(self.member.api.put("/v1/kv/newer", b"1").status, 201)
        self.member.kill()
        shutil.rmtree(log)
        os.rename(log + "-older", log)
        os.unlink(self.view)
        self.assertIn(f"directory={log}", self.check_refused("lost entries"))

    def test_a_disk_that_refuses_a_write_ends_the_server_by_a_message_not_by_a_signal(self):
        self.assertEqual(self.member.stop(), 0)
        log = os.path.join(self.member.data_dir, "raft")
        os.unlink(os.path.join(log, "spare"))
        os.mkdir(os.path.join(log, "spare"))  # the next segment cannot be made ahead
        line = self.check_refused("disk refused the log")
        self.assertIn("start this server again", line)
        self.assertIn(f"directory={log}", line)
        os.rmdir(os.path.join(log, "spare"))
        self.member.start()
        self.check_answers()


claims.main()
