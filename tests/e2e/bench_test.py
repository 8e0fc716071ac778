"""scripts/bench: its files have the promised form, and it leaves nothing behind, however it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import claims
from weft import BIN, ROOT, wait_until

BENCH = f"{ROOT}/tests/bench"
sys.path.insert(0, BENCH)

import loads  # noqa: E402 (the path above comes first)
import plot  # noqa: E402
import programs  # noqa: E402
import report  # noqa: E402
from cluster import Cluster, Failed  # noqa: E402
from results import Results  # noqa: E402
from store_weft import Weft  # noqa: E402

ROW_KEYS = ["load", "connections", "unit", "weft", "etcd", "ratio"]
WAIT_S = 60


def made_up():
    """Every load at every number of connections, in three rounds of which one is far off."""
    results = Results(loads.NAMES)
    for load in loads.LOADS:
        for connections in load.connections:
            for noise in (1, 100, 1):
                results.add(load.name, connections, "weft", 2.0 * noise)
                results.add(load.name, connections, "etcd", 4.0 * noise)
    for load in loads.FLOORS:
        for connections in load.connections:
            results.add(load.name, connections, "machine", 5.0)
    return results


class Report(claims.TestCase):
    def write(self, results):
        with tempfile.TemporaryDirectory() as folder:
            report.write_json(results, f"{folder}/rows.json")
            with open(f"{folder}/rows.json", encoding="utf-8") as file:
                return json.load(file)

    def test_a_row_has_exactly_the_promised_keys(self):
        rows = self.write(made_up())["rows"]
        self.assertEqual(len(rows), sum(len(load.connections) for load in loads.LOADS))
        for row in rows:
            self.assertEqual(list(row), ROW_KEYS)
            self.assertIsInstance(row["connections"], int)

    def test_a_ratio_is_that_of_the_medians_weft_by_etcd(self):
        row = self.write(made_up())["rows"][0]
        self.assertEqual((row["weft"], row["etcd"], row["ratio"]), (2.0, 4.0, 0.5))

    def test_a_load_that_failed_once_has_no_row_and_a_reason(self):
        results = made_up()
        results.fault("put", "etcd", "refused")
        self.assertNotIn("put", {row["load"] for row in self.write(results)["rows"]})
        self.assertIn("put                    not measured, etcd: refused", report.table(results))

    def test_a_load_that_was_not_asked_for_is_not_noted(self):
        results = Results(["read"])
        results.add("put", 1, "weft", 1.0)
        results.fault("put", "weft", "refused")
        self.assertEqual((results.values, results.faults), ({}, {}))

    def test_a_reach_is_a_least_for_rates_and_a_most_for_the_rest(self):
        rate = loads.Load("a", "req/s", (64,), True, {64: 4})
        time = loads.Load("b", "ms", (1,), False, {1: 0.5})
        self.assertEqual([report.is_reached(rate, 64, ratio) for ratio in (3.9, 4, 5)], [False, True, True])
        self.assertEqual([report.is_reached(time, 1, ratio) for ratio in (0.4, 0.5, 0.6)], [True, True, False])
        self.assertIsNone(report.is_reached(rate, 1, 9))

    def test_the_plot_is_svg_with_a_bar_a_row(self):
        results = made_up()
        tree = xml.etree.ElementTree.fromstring(plot.draw(results, ["<facts> & figures"]))
        bars = [shape for shape in tree if shape.get("height") == "14"]
        self.assertEqual(tree.tag, "{http://www.w3.org/2000/svg}svg")
        self.assertEqual(len(bars), len(report.rows(results)))

    def test_the_plot_of_nothing_is_svg_too(self):
        xml.etree.ElementTree.fromstring(plot.draw(Results(loads.NAMES), []))


class Tools(claims.TestCase):
    """The C tools on a weft of three."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.cluster = Cluster(Weft(), 3, cls.folder.name)
        try:
            cls.cluster.start()
            cls.leader = cls.cluster.leader()
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()
        cls.folder.cleanup()

    def run_tool(self, name, *arguments, stdin=""):
        command = [os.path.join(os.path.dirname(BIN), "tests", "bench", name), "weft", self.leader.port, *arguments]
        return subprocess.run(
            list(map(str, command)), input=stdin, capture_output=True, text=True, timeout=WAIT_S, check=False
        )

    def test_fill_writes_every_key_once(self):
        done = self.run_tool("bench-fill", 300, 256, 7)
        self.assertEqual(done.returncode, 0, done)
        items = self.leader.call("GET", "/v1/kv?prefix=bench/&limit=1000").json()["items"]
        self.assertEqual([item["version"] for item in items], [1] * 300)

    def test_a_number_out_of_bounds_is_refused(self):
        done = self.run_tool("bench-fill", 1, 65537, 1)
        self.assertEqual((done.returncode, done.stderr), (1, "bench-fill: '65537' is no number from 1 to 65536\n"))

    def test_watch_waits_for_the_last_watcher(self):
        done = self.run_tool("bench-watch", 50, 5, stdin="go\n")
        self.assertEqual(done.returncode, 0, done)
        found = json.loads(done.stdout.splitlines()[1])
        self.assertEqual((found["watchers"], found["puts"]), (50, 5))
        self.assertGreater(found["last_ms"], 0)
        self.assertGreaterEqual(found["worst_ms"], found["last_ms"])

    def test_join_gives_every_node_a_subnet_with_one_request(self):
        self.assertEqual(self.leader.call(*Weft().network("many", "10.64.0.0/12")).status, 201)
        done = self.run_tool("bench-join", 200, "many")
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(json.loads(done.stdout)["requests"], 200)
        items = self.leader.call("GET", "/v1/subnets/many?limit=1000").json()["items"]
        self.assertEqual(len({item["subnet"] for item in items}), 200)

    def test_a_refused_join_is_a_fault_and_no_figure(self):
        done = self.run_tool("bench-join", 3, "nowhere")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("bench-join: refused: 404", done.stderr)


class Run(claims.TestCase):
    """The program itself. etcd is not needed: a run is stopped while weft's turn is on. Where there is none,
    one that does nothing stands in."""

    @classmethod
    def setUpClass(cls):
        cls.stand_ins = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.stand_ins)
        with open(f"{cls.stand_ins}/etcd", "w", encoding="ascii", opener=lambda *at: os.open(*at, 0o755)) as file:
            file.write("#!/bin/sh\n")

    def start(self, folder, *options):
        return subprocess.Popen(
            ["python3", BENCH, "--dir", folder, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONDONTWRITEBYTECODE": "1",
                "PATH": f"{os.environ['PATH']}:{self.stand_ins}",
            },
        )

    def processes_with(self, folder):
        """The ids of processes that have the folder among their arguments."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    if folder.encode() in file.read():
                        found.append(int(pid))
            except OSError:
                continue  # it ended meanwhile
        return found

    def are_three_servers(self, process, folder):
        self.assertIsNone(process.poll(), "the run ended before its time")
        return len(self.processes_with(f"{folder}/weft-bench-")) >= 3

    def expect_nothing_left(self, number):
        try:
            programs.wrk()
        except programs.Missing as why:
            self.skipTest(str(why))
        with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
            process = self.start(folder, "--only", "put", "--rounds", "1")
            try:
                wait_until("three servers", lambda: self.are_three_servers(process, folder), WAIT_S)
                process.send_signal(number)
                _, errors = process.communicate(timeout=WAIT_S)
            finally:
                process.kill()
                process.wait()
            wait_until("the servers' end", lambda: not self.processes_with(folder), WAIT_S)
            return process.returncode, errors, os.listdir(folder)

    def test_an_interrupted_run_leaves_nothing_behind(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                status, errors, left = self.expect_nothing_left(number)
                self.assertEqual((status, left), (1, []), errors)
                self.assertIn(f"bench: stopped by {signal.Signals(number).name}", errors)

    def test_servers_end_with_a_run_that_is_killed(self):
        status, errors, _ = self.expect_nothing_left(signal.SIGKILL)
        self.assertEqual(status, -signal.SIGKILL, errors)

    def test_memory_is_no_disk(self):
        process = self.start("/dev/shm")
        _, errors = process.communicate(timeout=WAIT_S)
        self.assertEqual(process.returncode, 1)
        self.assertIn("memory and no disk", errors)

    def test_an_option_that_makes_no_sense_is_refused(self):
        for options in (["--only", "putt"], ["--rounds", "0"], ["--json", "/nowhere/rows.json"], ["--nonsense"]):
            with self.subTest(options=options):
                process = self.start("/var/tmp", *options)
                process.communicate(timeout=WAIT_S)
                self.assertEqual(process.returncode, 2)

    def test_a_server_that_ends_by_itself_is_a_fault(self):
        with tempfile.TemporaryDirectory() as folder:
            cluster = Cluster(Weft(), 1, folder)
            cluster.members[0].command.append("--nonsense")
            with self.assertRaisesRegex(Failed, "ended by itself"):
                cluster.__enter__()
            self.assertEqual(os.listdir(folder), [])


claims.main()
