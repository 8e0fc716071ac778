"""scripts/demo: tells its story, says when a step fails, and leaves nothing behind, whatever ends it."""

import glob
import os
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "lib"))
import claims  # noqa: E402
from world import Failed, World, run  # noqa: E402
import world as world_module  # noqa: E402

DEMO = os.path.join(ROOT, "scripts", "demo")
BROKEN = f"""
import sys
sys.path.insert(0, {os.path.join(ROOT, "scripts")!r})
import demo_story
def broken(cluster, story):
    raise demo_story.Failed("planted")
demo_story.chapter_traffic = broken
sys.exit(demo_story.main([]))
"""
WITHOUT_ROOT = BROKEN.replace("sys.exit(demo_story.main([]))", "demo_story.tell_without_root(demo_story.Story())")


def traces():
    """What a demo makes: namespaces, folders, processes."""
    namespaces = [line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines()]
    folders = glob.glob(os.path.join(tempfile.gettempdir(), "weft-*"))
    programs = run(["pgrep", "-f", f"{ROOT}/build/bin/weft"], check=False).stdout.split()
    return set(namespaces), set(folders), set(programs)


class Demo(claims.TestCase):
    def setUp(self):
        self.before = traces()

    def tell(self, *command):
        return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)

    def leaves_nothing(self):
        self.assertEqual(traces(), self.before)

    def test_the_story_ends_well_and_leaves_nothing(self):
        done = self.tell(DEMO)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("All steps succeeded", done.stdout)
        self.leaves_nothing()

    def test_a_failed_step_exits_1_and_leaves_nothing(self):
        done = self.tell(sys.executable, "-B", "-c", BROKEN)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn("FAILED: planted", done.stderr)
        self.leaves_nothing()

    def test_an_interrupt_exits_130_and_leaves_nothing(self):
        demo = subprocess.Popen([DEMO], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in demo.stdout:
            if "Pods are attached" in line:
                demo.send_signal(signal.SIGINT)
        self.assertEqual(demo.wait(30), 130)
        self.leaves_nothing()

    def test_what_is_kept_is_removed_by_clean(self):
        self.assertEqual(self.tell(DEMO, "--keep").returncode, 0)
        self.assertNotEqual(traces(), self.before)
        done = self.tell(DEMO, "--clean")
        self.assertEqual(done.returncode, 0, done)
        self.leaves_nothing()

    def test_the_stores_part_needs_no_namespaces(self):
        done = self.tell(sys.executable, "-B", "-c", WITHOUT_ROOT)
        self.assertEqual(done.returncode, 0, done)
        self.assertIn("Run it as root to see nodes and pods too.", done.stdout)
        self.leaves_nothing()

    def test_a_world_that_cannot_be_made_leaves_nothing(self):
        def fail_at_the_bridge(command, *arguments, **options):
            if "bridge" in command:
                raise Failed("planted")
            return run(command, *arguments, **options)

        world_module.run = fail_at_the_bridge
        try:
            self.assertRaises(Failed, World)
        finally:
            world_module.run = run
        self.leaves_nothing()


claims.main()
