"""Runs the black-box tests: `python3 tests/blackbox [module or module.Class.test …]`.

Every test and every subtest is one check. The last line is `N passed, N failed, N skipped`; the reasons of skips
are printed.
"""

import os
import signal
import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


class Tally(unittest.TestResult):
    """Counts checks and prints one line per test."""

    def __init__(self):
        super().__init__()
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.subtests = 0
        self.began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.subtests = 0
        self.began = time.monotonic()

    def say(self, word, test, detail=""):
        seconds = time.monotonic() - self.began
        checks = f", {self.subtests} checks" if self.subtests else ""
        print(f"  {word:7} {test.id()} ({seconds:.1f} s{checks}){detail}", flush=True)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        self.subtests += 1
        self.counts["failed" if error else "passed"] += 1
        if error:
            print(f"  FAILED  {subtest.id()}\n{self._exc_info_to_string(error, test)}", flush=True)

    def addSuccess(self, test):
        self.counts["passed"] += 1
        self.say("ok", test)

    def addFailure(self, test, error):
        self.counts["failed"] += 1
        self.say("FAILED", test, "\n" + self._exc_info_to_string(error, test))

    addError = addFailure

    def addSkip(self, test, reason):
        self.counts["skipped"] += 1
        self.say("skipped", test, f": {reason}")


def main(names):
    loader = unittest.TestLoader()
    names = names or sorted(path.stem for path in HERE.glob("test_*.py"))
    suite = loader.loadTestsFromNames(names)
    tally = Tally()
    suite.run(tally)
    print(", ".join(f"{count} {word}" for word, count in tally.counts.items()))
    sys.stdout.flush()
    return 1 if tally.counts["failed"] or not tally.counts["passed"] else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    status = 1
    try:
        status = main(sys.argv[1:])
    finally:
        from house import leave_nothing

        leave_nothing()
        os._exit(status)  # name server threads are daemons; do not wait for them
