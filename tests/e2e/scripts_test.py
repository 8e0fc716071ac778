"""The scripts themselves: that the runner cannot be fooled, and that set-up reads a machine's sources right."""

import glob
import os
import subprocess
import tempfile

import claims
from weft import ROOT

SCRIPTS = f"{ROOT}/scripts"


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)


class Runner(claims.TestCase):
    """tests/lib/runner.py on a small tree of its own."""

    def run_tests(self, files, *options):
        with tempfile.TemporaryDirectory() as root:
            files = {"scripts/build": "#!/bin/sh\nexit 0\n", "scripts/check": "#!/bin/sh\necho 1..0\n", **files}
            for path, text in files.items():
                os.makedirs(os.path.dirname(f"{root}/{path}"), exist_ok=True)
                with open(f"{root}/{path}", "w", encoding="utf-8") as file:
                    file.write(text)
                os.chmod(f"{root}/{path}", 0o755)
            command = ["python3", f"{ROOT}/tests/lib/runner.py", "--root", root, *(options or ["--only", "e2e/*"])]
            environment = {name: value for name, value in os.environ.items() if name != "WEFT_TEST_ONLY"}
            return run(command, env=environment)

    def expect(self, status, last_line, *words, **files):
        result = self.run_tests({f"tests/e2e/{name}_test.sh": text for name, text in files.items()})
        self.assertEqual(result.returncode, status, result)
        self.assertEqual(result.stdout.splitlines()[-1], last_line, result)
        for word in words:
            self.assertIn(word, result.stdout)

    def test_every_claim_is_counted(self):
        self.expect(0, "3 passed, 0 failed, 0 skipped", a="echo 'ok 1 - x'; echo 'ok 2 - y'; echo 1..2", b="exit 0")

    def test_a_failed_claim_fails_the_run_and_is_named(self):
        self.expect(1, "1 passed, 1 failed, 0 skipped", "failed: e2e/a/y", "why", a="echo 'ok 1 - x'; echo 'not ok 2 - y'; echo '# why'; echo 1..2; exit 1")

    def test_a_skipped_claim_is_named_with_its_reason(self):
        self.expect(0, "1 passed, 0 failed, 1 skipped", "skipped: e2e/a/y: no root", a="echo 'ok 1 - x'; echo 'ok 2 - y # SKIP no root'; echo 1..2")

    def test_a_run_of_nothing_fails(self):
        self.expect(1, "0 passed, 0 failed, 0 skipped", "nothing ran")

    def test_a_run_in_which_all_was_skipped_fails(self):
        self.expect(1, "0 passed, 0 failed, 1 skipped", a="echo no tools; exit 77")

    def test_a_program_that_stops_half_way_fails(self):
        self.expect(1, "1 passed, 1 failed, 0 skipped", "failed: e2e/a", a="echo 1..3; echo 'ok 1 - x'; exit 0")

    def test_a_program_that_prints_no_plan_fails(self):
        self.expect(1, "1 passed, 1 failed, 0 skipped", a="echo 'ok 1 - x'; exit 0")

    def test_a_program_that_crashes_after_its_claims_fails(self):
        self.expect(1, "1 passed, 1 failed, 0 skipped", a="echo 'ok 1 - x'; echo 1..1; kill -9 $$")

    def test_a_program_of_no_claims_fails_the_run(self):
        self.expect(1, "0 passed, 0 failed, 0 skipped", a="echo 1..0")

    def test_a_build_that_fails_is_a_failure(self):
        result = self.run_tests({"scripts/build": "#!/bin/sh\necho broken; exit 1\n", "tests/e2e/a_test.sh": "exit 0\n"})
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stdout.splitlines()[-1], "0 passed, 1 failed, 0 skipped")
        self.assertIn("broken", result.stdout)

    def test_a_glob_that_matches_nothing_fails(self):
        result = self.run_tests({"tests/e2e/a_test.sh": "exit 0\n"}, "--only", "e2e/b")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no test matches e2e/b", result.stdout)


class Setup(claims.TestCase):
    def call(self, text, *arguments, stdin=""):
        """Runs functions of scripts/setup, which does nothing when it is sourced."""
        result = run(["bash", "-c", f"source {SCRIPTS}/setup; {text}", "setup", *arguments], input=stdin)
        self.assertEqual(result.returncode, 0, result)
        return result.stdout

    def test_the_list_of_packages_can_be_read(self):
        rows = self.call("read_list").splitlines()
        self.assertIn("libraft-dev;0.22.1", rows)
        self.assertIn("libllhttp-dev node-llhttp;", rows)
        self.assertTrue(all(row.count(";") == 1 and not row.startswith(";") for row in rows), rows)

    def test_every_package_says_why(self):
        with open(f"{SCRIPTS}/packages.txt", encoding="utf-8") as file:
            rows = [line for line in file if line.strip() and not line.startswith("#")]
        self.assertTrue(all("# " in row for row in rows), rows)

    def derive(self, function, text, entry):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(text)
            file.flush()
            return self.call(f'{function} "$1" "$2" bookworm-backports', file.name, str(entry))

    def test_a_stanza_keeps_mirror_key_and_options(self):
        text = (
            "# a comment\nTypes: deb deb-src\nURIs: http://mirror.invalid/debian\nSuites: bookworm bookworm-updates\n"
            "Components: main contrib\nArchitectures: arm64\nSigned-By:\n -----BEGIN PGP-----\n .\n abc\n"
            "\n\nTypes: deb\nURIs: http://mirror.invalid/security\nSuites: bookworm-security\nComponents: main\n"
        )
        self.assertEqual(
            self.derive("backports_stanza", text, 1),
            "URIs: http://mirror.invalid/debian\nArchitectures: arm64\nSigned-By:\n -----BEGIN PGP-----\n .\n abc\n"
            "Types: deb\nSuites: bookworm-backports\nComponents: main\n",
        )
        self.assertIn("mirror.invalid/security", self.derive("backports_stanza", text, 2))

    def test_a_line_keeps_mirror_key_and_options(self):
        text = (
            "# deb http://old.invalid bookworm main\n"
            "deb [ arch=amd64 signed-by=/a/b.gpg ] http://mirror.invalid/debian bookworm main contrib # why\n"
            "deb cdrom:[Debian]/ bookworm main\ndeb\thttp://mirror.invalid/debian\tbookworm main\n"
        )
        self.assertEqual(
            self.derive("backports_line", text, 2),
            "deb [ arch=amd64 signed-by=/a/b.gpg ] http://mirror.invalid/debian bookworm-backports main\n",
        )
        self.assertEqual(
            self.derive("backports_line", text, 4), "deb\thttp://mirror.invalid/debian bookworm-backports main\n"
        )

    def test_backports_that_we_add_give_nothing_but_libraft(self):
        ours = self.call("pin_lines bookworm-backports yes")
        self.assertIn("Package: *\nPin: release n=bookworm-backports\nPin-Priority: -1\n", ours)
        self.assertIn("Package: libraft-dev libraft0", ours)
        theirs = self.call("pin_lines bookworm-backports no")
        self.assertNotIn("Package: *", theirs)

    def test_nothing_is_missing_on_a_machine_that_runs_the_tests(self):
        result = run([f"{SCRIPTS}/setup", "--check"])
        self.assertEqual((result.returncode, result.stdout), (0, "setup: everything is installed\n"), result)

    def test_no_host_is_named(self):
        for path in glob.glob(f"{SCRIPTS}/**", recursive=True):
            if os.path.isfile(path):
                with open(path, encoding="utf-8") as file:
                    self.assertNotIn("debian.org", file.read(), path)


class Help(claims.TestCase):
    def test_every_script_explains_itself(self):
        for path in sorted(glob.glob(f"{SCRIPTS}/*")):
            if os.access(path, os.X_OK) and os.path.isfile(path):
                with self.subTest(path=path):
                    result = run([path, "--help"])
                    self.assertEqual((result.returncode, result.stderr), (0, ""))
                    self.assertIn(f"scripts/{os.path.basename(path)}", result.stdout)

    def test_an_unknown_option_is_refused(self):
        for name in ("setup", "build", "demo", "test", "check", "bench"):
            with self.subTest(name=name):
                self.assertNotEqual(run([f"{SCRIPTS}/{name}", "--nonsense"]).returncode, 0)


claims.main()
