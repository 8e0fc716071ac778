"""The command line `weft`, as a person or a script uses it."""

import json
import os
import signal
import subprocess
import tempfile

import claims
from cluster_case import ClusterCase
from weft import BIN, Cluster, free_ports, wait_until

DONE, REFUSED, USAGE, UNREACHABLE = 0, 1, 2, 3


class CommandLine(ClusterCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.urls = ",".join(member.url for member in cls.cluster.members)

    def command(self, *words, servers=None):
        return [os.path.join(BIN, "weft"), "--server", servers or self.urls, *words]

    def weft(self, *words, status=DONE, stdin=None, servers=None):
        result = subprocess.run(
            self.command(*words, servers=servers), input=stdin, capture_output=True, timeout=30, check=False
        )
        self.assertEqual(result.returncode, status, result)
        if status == DONE:
            self.assertEqual(result.stderr, b"", result)
        else:
            self.assertNotEqual(result.stderr, b"", result)
        return result.stdout

    def test_a_value_goes_in_and_comes_out_byte_for_byte(self):
        self.weft("put", "kv/motd", "hello")
        self.assertEqual(self.weft("get", "kv/motd"), b"hello")
        value = bytes(range(256))
        self.weft("put", "kv/binary", "-f", "-", stdin=value)
        self.assertEqual(self.weft("get", "kv/binary"), value)
        self.assertEqual(self.api.get("/v1/kv/binary").body, value)

    def test_an_object_goes_in_and_comes_out_as_json(self):
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            file.write(b'{"ipv4":"10.40.0.0/16"}')
            file.flush()
            self.weft("put", "networks/from-file", "-f", file.name)
        self.weft("put", "networks/inline", '{"ipv4":"10.41.0.0/16"}')
        network = json.loads(self.weft("get", "networks/from-file", "-o", "json"))
        self.assertEqual((network["ipv4"], network["subnet_len"]), ("10.40.0.0/16", 24))
        self.assertEqual(network, self.api.get("/v1/networks/from-file").json)

    def test_a_list_is_a_table_with_a_title_or_json(self):
        self.weft("put", "networks/list", '{"ipv4":"10.42.0.0/16"}')
        title, *rows = self.weft("list", "networks").decode().splitlines()
        self.assertEqual(title.split()[:2], ["NAME", "IPV4"])
        row = next(row.split() for row in rows if row.startswith("list "))
        self.assertEqual(row[:2], ["list", "10.42.0.0/16"])
        listed = json.loads(self.weft("list", "networks", "-o", "json"))
        self.assertIn("networks/list", [item["key"] for item in listed["items"]])

    def test_a_list_goes_on_beyond_one_page(self):
        for number in range(12):
            self.api.put(f"/v1/kv/page/{number:02}", b"1")
        rows = self.weft("list", "kv/page").decode().splitlines()[1:]
        self.assertEqual(len(rows), 12)

    def test_leases_of_a_network_are_listed_by_its_name(self):
        self.weft("put", "networks/leases", '{"ipv4":"10.43.0.0/16"}')
        self.api.post("/v1/subnets/leases/acquire", {"node": "edge-1", "public_ip": "192.0.2.1"})
        [row] = self.weft("list", "subnets", "leases").decode().splitlines()[1:]
        self.assertEqual(row.split()[:4], ["leases", "10.43.1.0/24", "edge-1", "192.0.2.1"])
        self.assertIn(b"edge-1", self.weft("get", "subnets/leases/10.43.1.0/24"))

    def test_a_delete_takes_it_away(self):
        self.weft("put", "kv/delete/me", "x")
        self.weft("delete", "kv/delete/me")
        self.weft("get", "kv/delete/me", status=REFUSED)
        self.weft("delete", "kv/delete/me", status=REFUSED)

    def test_conditions_are_kept(self):
        self.weft("put", "kv/once", "1", "--if-none-match")
        self.weft("put", "kv/once", "2", "--if-none-match", status=REFUSED)
        revision = self.api.get("/v1/kv/once?meta=true").json["revision"]
        self.weft("put", "kv/once", "3", "--if-match", str(revision))
        self.weft("put", "kv/once", "4", "--if-match", str(revision), status=REFUSED)
        self.assertEqual(self.weft("get", "kv/once"), b"3")

    def test_a_transaction_is_run_from_a_file_or_standard_input(self):
        take = {
            "if": [{"key": "kv/txn/lock", "version": 0}],
            "then": [{"put": {"key": "kv/txn/lock", "value": "edge-1"}}],
            "else": [{"get": {"key": "kv/txn/lock"}}, {"delete": {"key": "kv/txn/absent"}}],
        }
        body = json.dumps(take).encode()
        self.assertIn(b"would be then, revision", self.weft("txn", "-", "--dry-run", stdin=body))
        first, put = self.weft("txn", "-", stdin=body).decode().splitlines()
        self.assertTrue(first.startswith("then, revision "), first)
        self.assertEqual(put, "put: version 1")
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            lines = self.weft("txn", file.name).decode().splitlines()
            answer = json.loads(self.weft("txn", file.name, "-o", "json"))
        self.assertTrue(lines[0].startswith("else, revision "), lines)
        self.assertEqual((lines[1], lines[2].split()[:2], lines[3].split()[:2], lines[4]),
                         ("get:", ["KEY", "VERSION"], ["kv/txn/lock", "1"], "delete: 0 deleted"))  # fmt: skip
        self.assertFalse(answer["succeeded"])
        self.weft("txn", "-", stdin=b'{"then":[{"put":{}}]}', status=REFUSED)
        self.weft("txn", "/nonexistent", status=USAGE)

    def test_a_lease_is_granted_renewed_listed_and_revoked(self):
        lease = json.loads(self.weft("lease", "grant", "600", "-o", "json"))["id"]
        self.weft("put", "kv/leased", "1", "--lease", lease)
        title, *rows = self.weft("lease", "list").decode().splitlines()
        self.assertEqual(title.split()[:2], ["ID", "TTL-S"])
        row = next(row.split() for row in rows if row.startswith(lease))
        self.assertEqual((row[1], row[-1]), ("600", "kv/leased"))
        self.assertIn(lease.encode(), self.weft("lease", "renew", lease))
        self.assertIn(b"would be revoked", self.weft("lease", "revoke", lease, "--dry-run"))
        self.assertIn(f"leases/{lease} revoked, revision".encode(), self.weft("lease", "revoke", lease))
        self.weft("get", "kv/leased", status=REFUSED)
        self.weft("lease", "renew", lease, status=REFUSED)
        for words in (("grant",), ("grant", "0"), ("grant", "1s"), ("renew",), ("list", "x"), ("steal", lease)):
            self.weft("lease", *words, status=USAGE)

    def test_a_write_can_be_tried_and_repeated(self):
        self.assertIn(b"kv/tried would be created", self.weft("put", "kv/tried", "1", "--dry-run"))
        self.weft("get", "kv/tried", status=REFUSED)
        first = self.weft("put", "kv/tried", "1", "--idempotency-key", "tried-1")
        self.assertEqual(self.weft("put", "kv/tried", "1", "--idempotency-key", "tried-1"), first)
        self.weft("put", "kv/tried", "2", "--idempotency-key", "tried-1", status=REFUSED)
        self.assertIn(b"kv/tried would be deleted", self.weft("delete", "kv/tried", "--dry-run"))
        self.assertEqual(self.weft("get", "kv/tried"), b"1")

    def test_a_refusal_says_why_and_what_to_do(self):
        result = subprocess.run(
            self.command("put", "networks/bad", '{"ipv4":"10.244.0.0/26","subnet_len":24}'),
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        self.assertEqual(result.returncode, REFUSED)
        self.assertIn("/subnet_len", result.stderr)
        self.assertIn("24 is not longer than the network's /26", result.stderr)
        self.assertEqual(result.stdout, "")

    def test_mistakes_of_usage_exit_with_2(self):
        for words in (
            (),
            ("gett", "kv/a"),
            ("get",),
            ("get", "kv/a", "--force"),
            ("get", "--nonsense"),
            ("put", "kv/a"),
            ("put", "kv/a", "1", "-f", "-"),
            ("put", "kv/a", "-f", "/nonexistent"),
            ("list", "networks", "-o", "yaml"),
            ("--timeout", "0", "status"),
        ):
            with self.subTest(words=words):
                self.weft(*words, status=USAGE)
        self.weft("status", servers="not a url", status=USAGE)

    def test_servers_that_do_not_answer_exit_with_3(self):
        [port] = free_ports(1)
        self.weft("get", "kv/a", servers=f"http://127.0.0.1:{port}", status=UNREACHABLE)
        self.weft("status", servers=f"http://127.0.0.1:{port}", status=UNREACHABLE)

    def test_the_next_server_is_tried_when_one_does_not_answer(self):
        [port] = free_ports(1)
        self.api.put("/v1/kv/next", b"1")
        servers = f"http://127.0.0.1:{port},{self.cluster.members[1].url}"
        self.assertEqual(self.weft("get", "kv/next", servers=servers), b"1")

    def test_status_names_leader_quorum_and_members(self):
        text = self.weft("status").decode()
        self.assertIn(self.cluster.leader().name, text)
        self.assertIn("3 of 3 reachable, 2 needed", text)
        for member in self.cluster.members:
            self.assertIn(member.url, text)
        cluster = json.loads(self.weft("status", "-o", "json"))
        self.assertEqual(cluster["leader"], self.cluster.leader().name)

    def test_a_watch_prints_each_change_as_it_comes(self):
        self.api.put("/v1/kv/watched/start", b"1")
        start = self.api.get("/v1/kv/watched/start?meta=true").json["revision"]
        process = subprocess.Popen(
            self.command("watch", "kv/watched", "--from", str(start), "-o", "json"), stdout=subprocess.PIPE, text=True
        )
        try:
            self.api.put("/v1/kv/watched/a", b"1")
            self.api.delete("/v1/kv/watched/a")
            events = []
            while len(events) < 2:
                event = json.loads(process.stdout.readline())
                if event["type"] != "BOOKMARK":
                    events.append((event["type"], event["key"]))
            self.assertEqual(events, [("PUT", "kv/watched/a"), ("DELETE", "kv/watched/a")])
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(10)
            process.stdout.close()

    def test_a_watch_goes_on_when_its_server_dies(self):
        with Cluster(3) as cluster:
            first, second, third = cluster.members
            start = first.api.put("/v1/kv/on", b"0").json["revision"]
            process = subprocess.Popen(
                self.command(
                    "watch", "kv", "--from", str(start), "-o", "json",
                    servers=",".join(member.url for member in cluster.members),
                ),
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            try:
                wait_until("a write", lambda: second.api.put("/v1/kv/on", b"1").status == 200, 10)
                self.assertEqual(self.next_revision(process), start + 1)
                first.kill()

                def write():
                    return third.api.put("/v1/kv/on?timeout=2s", b"2").status == 200

                wait_until("a write without the first server", write, 15)
                self.assertEqual(self.next_revision(process), start + 2)
            finally:
                process.kill()
                process.wait(10)
                process.stdout.close()

    @staticmethod
    def next_revision(process):
        while True:
            event = json.loads(process.stdout.readline())
            if event["type"] != "BOOKMARK":
                return event["revision"]

    def test_help_and_version_are_there(self):
        for program in ("weft", "weftd"):
            for flag in ("--help", "--version"):
                result = subprocess.run([os.path.join(BIN, program), flag], capture_output=True, timeout=10, check=False)
                self.assertEqual((result.returncode, result.stderr), (0, b""))
                self.assertIn(program.encode(), result.stdout)

    def test_the_environment_names_the_servers(self):
        self.api.put("/v1/kv/env", b"1")
        result = subprocess.run(
            [os.path.join(BIN, "weft"), "get", "kv/env"],
            capture_output=True, timeout=30, check=False, env={**os.environ, "WEFT_SERVER": self.urls},
        )  # fmt: skip
        self.assertEqual((result.returncode, result.stdout), (0, b"1"))


class Dev(claims.TestCase):
    def test_print_config_shows_what_would_be_used(self):
        result = subprocess.run(
            [os.path.join(BIN, "weftd"), "--name", "s9", "--election-ms", "700", "--print-config"],
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("name = s9\n", result.stdout)
        self.assertIn("election_ms = 700\n", result.stdout)
        self.assertIn("heartbeat_ms = 100\n", result.stdout)

    def test_listening_beyond_loopback_needs_to_be_spelled_out(self):
        result = subprocess.run(
            [os.path.join(BIN, "weftd"), "--dev", "--api-listen", "0.0.0.0:0"],
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("--insecure", result.stderr)


claims.main()
