"""Behind scripts/test: builds, runs every kind of test, counts every claim, sums up.

A stage hands over (name, Result) pairs as they come. What crashes, hangs or runs nothing is a failure of
its own name: a run that proves nothing must not look like success.
"""

import argparse
import fnmatch
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import tap

FILE_TIMEOUT_S = 300  # one test file
CHECK_TIMEOUT_S = 600
SANITIZERS = {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}


class Runner:
    def __init__(self, root, only):
        self.root = root
        self.only = only
        self.results = []  # (name, Result)

    def wants(self, name):
        """Whether the glob asks for this name, or for something below it."""
        if self.only is None or fnmatch.fnmatch(name, self.only):
            return True
        parts = name.split("/")
        return fnmatch.fnmatch(name, "/".join(self.only.split("/")[: len(parts)]))

    def take(self, name, result):
        self.results.append((name, result))
        if result.skip_reason is not None:
            print(f"skip   {name}  ({result.skip_reason})", flush=True)
        else:
            print(f"{'ok     ' if result.is_ok else 'FAILED '}{name}", flush=True)
        if not result.is_ok:
            for line in result.diagnosis:
                print(f"    {line}", flush=True)

    def fail(self, name, text):
        self.take(name, tap.Result(name, False, diagnosis=text.rstrip().split("\n")[-60:]))

    # ---- running a program ----

    def run(self, command, timeout_s, environment=None):
        """(exit status or None when it was stopped, stdout, stderr). Stops its whole process group."""
        process = subprocess.Popen(
            command,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            out, err = process.communicate(timeout=timeout_s)
            return process.returncode, out, err
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            return None, out, err

    def run_tap(self, name, command, timeout_s, environment=None):
        """A program that prints TAP; one that prints none counts as one claim (exit 77 skips)."""
        status, out, err = self.run(command, timeout_s, environment)
        results, planned = tap.parse(out)
        for result in results:
            self.take(f"{name}/{result.name}", result)
        if status is None:
            self.fail(name, f"{out}\n{err}\nstopped after {timeout_s} s")
        elif not results and planned is None:
            lines = out.rstrip().split("\n")
            reason = lines[-1] if status == 77 else None
            self.take(name, tap.Result(name, status in (0, 77), reason, (out + err).rstrip().split("\n")[-60:]))
        elif planned is None or planned != len(results):
            self.fail(name, f"{out}\n{err}\nplanned {planned} claims, ran {len(results)}")
        elif status != 0 and all(result.is_ok for result in results):
            self.fail(name, f"{out}\n{err}\nall claims held, but it exited with {status}")

    def build(self, *options):
        status, out, err = self.run([f"{self.root}/scripts/build", *options], CHECK_TIMEOUT_S)
        if status != 0:
            self.fail(" ".join(["build", *options]), out + err)
        return status == 0

    # ---- stages ----

    def check(self):
        if self.wants("check"):
            self.run_tap("check", [f"{self.root}/scripts/check"], CHECK_TIMEOUT_S)
            self.run_tap("check", [f"{self.root}/scripts/check", "--self-test"], CHECK_TIMEOUT_S)

    def unit(self):
        if not self.wants("unit") or not self.build("--sanitize"):
            return
        folder = f"{self.root}/build-sanitize"
        names = [name for name in self._meson_tests(folder) if self.wants(f"unit/{name}")]
        if not names:
            return
        command = ["meson", "test", "-C", folder, "--no-rebuild", "--timeout-multiplier", "4", *names]
        self.run(command, CHECK_TIMEOUT_S, SANITIZERS)
        seen = set()
        with open(f"{folder}/meson-logs/testlog.json", encoding="utf-8") as file:
            for line in file:
                seen.add(self._take_unit(json.loads(line)))
        for name in sorted(set(names) - seen):
            self.fail(f"unit/{name}", "it left no result")

    @staticmethod
    def _meson_tests(folder):
        command = ["meson", "introspect", "--tests", folder]
        rows = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        return [row["name"] for row in rows if "unit" in "".join(row["suite"])]

    def _take_unit(self, row):
        name = row["name"].split(" / ")[-1]
        text = f"{row.get('stdout', '')}\n{row.get('stderr', '')}".rstrip().split("\n")
        is_skipped = row["result"] == "SKIP"
        result = tap.Result(name, row["result"] in ("OK", "SKIP"), text[-1] if is_skipped else None, text[-60:])
        self.take(f"unit/{name}", result)
        return name

    def files(self, kind):
        """Test files of tests/e2e, tests/load or tests/netns: *_test.py, *_test.sh."""
        folder = f"{self.root}/tests/{kind}"
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        return [(f"{kind}/{n.rsplit('_test.', 1)[0]}", f"{folder}/{n}") for n in names if n.endswith(("_test.py", "_test.sh"))]

    def programs(self, kind, build_folder, why_not=None):
        """Runs the files of one kind against that build. `why_not`: a reason to skip them all."""
        chosen = [(name, path) for name, path in self.files(kind) if self.wants(name)]
        if why_not:
            for name, _ in chosen:
                self.take(name, tap.Result(name, True, why_not))
            return
        if not chosen or not self.build(*(["--sanitize"] if build_folder == "build-sanitize" else [])):
            return
        environment = {"PYTHONPATH": f"{self.root}/tests/lib", "WEFT_ROOT": self.root, **SANITIZERS}
        if "WEFT_BIN" not in os.environ:
            environment["WEFT_BIN"] = f"{self.root}/{build_folder}/bin"
        if self.only and self.only.count("/") > 1:
            environment["WEFT_TEST_ONLY"] = self.only.split("/", 2)[2]
        for name, path in chosen:
            interpreter = sys.executable if path.endswith(".py") else "bash"
            self.run_tap(name, [interpreter, path], FILE_TIMEOUT_S, environment)

    def list(self):
        out = self.run([f"{self.root}/scripts/check", "--list"], CHECK_TIMEOUT_S)[1]
        for line in out.splitlines():
            print(f"check/{line.split()[0]}")
            print(f"check/self-test/{line.split()[0]}")
        if self.build("--sanitize", "--configure"):
            for name in self._meson_tests(f"{self.root}/build-sanitize"):
                print(f"unit/{name}")
        for kind in ("e2e", "load", "netns"):
            for name, _ in self.files(kind):
                print(f"{name}/*")

    def summary(self, seconds):
        failed = [name for name, result in self.results if not result.is_ok]
        skipped = [(n, r.skip_reason) for n, r in self.results if r.is_ok and r.skip_reason is not None]
        passed = len(self.results) - len(failed) - len(skipped)
        print(f"\n{seconds:.0f} s")
        for name, reason in skipped:
            print(f"skipped: {name}: {reason}")
        for name in failed:
            print(f"failed: {name}")
        if not self.results:
            print(f"nothing ran{f': no test matches {self.only}' if self.only else ''}")
        print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped", flush=True)
        return 0 if passed > 0 and not failed else 1


def why_no_namespaces():
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not shutil.which("ip"):
        return "iproute2 is not installed"
    return None


def main():
    # A shell's background job ignores Ctrl-C, and so would all that the tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--only", metavar="GLOB")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    runner = Runner(arguments.root, arguments.only)
    if arguments.list:
        runner.list()
        return 0
    started = time.monotonic()
    runner.check()
    runner.unit()
    runner.programs("e2e", "build-sanitize")
    runner.programs("load", "build")
    runner.programs("netns", "build", why_no_namespaces())
    return runner.summary(time.monotonic() - started)


sys.exit(main())
