"""unittest that prints TAP: a test method is a claim, its name says what holds.

    class Kv(claims.TestCase):
        def test_a_put_of_a_new_key_answers_201(self): ...
    claims.main()

$WEFT_TEST_ONLY: a glob of claims to run. A failure prints its traceback and what diagnose() adds.
"""

import fnmatch
import os
import signal
import sys
import traceback
import unittest

import tap


def _time_is_up(_number, _frame):
    raise AssertionError("the test's time is up")


class TestCase(unittest.TestCase):
    maxDiff = 4000
    longMessage = True
    timeout_s = 120  # one test: what hangs fails by its own name

    def run(self, result=None):
        signal.signal(signal.SIGALRM, _time_is_up)
        signal.alarm(self.timeout_s)
        try:
            return super().run(result)
        finally:
            signal.alarm(0)

    @classmethod
    def diagnose(cls):
        """Lines that help with a failure: the servers' logs. May be an instance's method too."""
        return []


def claim_of(test):
    return getattr(test, "_testMethodName", str(test)).removeprefix("test_")


class _TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.faults = []  # of the test that runs now: its subtests may have several
        self.diagnosis = []  # taken at the first fault: cleaning up may remove the logs

    def startTest(self, test):
        super().startTest(test)
        self.faults, self.diagnosis = [], []

    def stopTest(self, test):
        super().stopTest(test)
        if self.faults:
            self.print_failure(claim_of(test), "".join(self.faults))

    def print_line(self, name, is_ok, skip_reason=None):
        self.count += 1
        print(tap.line_of(self.count, name, is_ok, skip_reason), flush=True)

    def print_failure(self, name, text):
        self.print_line(name, False)
        for line in text.rstrip().split("\n") + self.diagnosis:
            print(f"# {line}", flush=True)

    def addSuccess(self, test):
        if not self.faults:
            self.print_line(claim_of(test), True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.print_line(claim_of(test), True, reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.take_fault(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        if isinstance(test, unittest.TestCase):
            self.take_fault(test, err)
        else:  # setUpClass and its like: no test is running
            self.print_failure(str(test), "".join(traceback.format_exception(*err)))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.faults.append(f"{subtest}\n")
            self.take_fault(test, err)

    def take_fault(self, test, err):
        if not self.faults and isinstance(test, TestCase):
            self.diagnosis = test.diagnose()
        self.faults.append("".join(traceback.format_exception(*err)))


def _wanted(suite, pattern):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from _wanted(item, pattern)
        elif pattern is None or fnmatch.fnmatch(claim_of(item), pattern):
            yield item


def main():
    loaded = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    suite = unittest.TestSuite(_wanted(loaded, os.environ.get("WEFT_TEST_ONLY")))
    result = _TapResult()
    suite.run(result)
    print(f"1..{result.count}", flush=True)
    sys.exit(0 if result.wasSuccessful() and result.count else 1)
