"""A long queue of which nine tenths cannot be delivered: the rest is not kept waiting, and nothing grows without end (F22).

`./test` plays it small. The whole of it is

    export POSTHOUSE_BIN=target/release/posthouse
    POSTHOUSE_QUEUE=1000000 python3 tests/blackbox test_queue
    POSTHOUSE_QUEUE=1000000 POSTHOUSE_DOMAINS=100000 python3 tests/blackbox test_queue
"""

import json
import os
import socket
import subprocess
import time
import unittest

from house import BINARY, ROOT, House, letter, until
from peers import free_port
from sink import Sink
from zone import NameServer

ITEMS = int(os.environ.get("POSTHOUSE_QUEUE", "10000"))
DOMAINS = int(os.environ.get("POSTHOUSE_DOMAINS", "10"))
# Of ten domains one lives. Of the dead ones four in nine say nothing, as long as there are few: each takes a place for the
# five minutes that the standard gives a greeting (RFC 5321 §4.5.3.2.1), and a thousand such are enough for any test.
SILENT_EACH = 2 if DOMAINS <= 1000 else DOMAINS // 1000


def address(number):
    if number % 10 == 0:
        return "127.0.0.1"
    return "127.0.0.3" if number % 10 > 5 and number // 10 % (SILENT_EACH // 2) == 0 else "127.0.0.2"


def filler(*arguments):
    """The tool that fills a queue; built as the server was."""
    release = ["--release"] if "release" in BINARY else []
    command = ["cargo", "run", "--quiet", "--locked", *release, "--package", "bench", "--", "queue", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class LongQueue(unittest.TestCase):
    def setUp(self):
        self.sink = Sink(free_port())
        # The dead domains refuse connections, or take them and say nothing.
        self.silent = socket.create_server(("127.0.0.3", self.sink.port), backlog=1000)
        zones = {"alpha.test": {"MX": [(10, "mx.alpha.test")]}, "mx.alpha.test": {"A": ["127.0.0.1"]}}
        zones |= {f"d{number}.test": {"A": [address(number)]} for number in range(DOMAINS)}
        zones["new.test"] = {"A": ["127.0.0.1"]}
        self.names = NameServer(zones)
        extra = f"\n[outbound]\nport = {self.sink.port}\nallow_private = true\n"
        self.house = House(services=["smtp", "submission"], names=self.names, extra=extra)
        self.house.people("ann")

    def tearDown(self):
        self.house.close()
        self.sink.close()
        self.silent.close()
        self.names.close()

    def say(self, text):
        print(f"  {text}; memory {self.house.memory_kib() // 1024} MB", flush=True)

    def timed(self, what, *arguments):
        began = time.monotonic()
        done = self.house.run(*arguments, "--json")
        seconds = time.monotonic() - began
        self.say(f"{what}: {seconds * 1000:.0f} ms")
        return json.loads(done.stdout), seconds

    def test_the_dead_do_not_keep_the_living_waiting(self):
        store = str(self.house.directory / "data/store")
        filled = filler("--store", store, "--items", str(ITEMS), "--domains", str(DOMAINS),
                        "--sender", "ann@alpha.test", "--bytes", "2000")
        print(f"  {ITEMS} items put there in {filled['seconds']:.0f} s", flush=True)
        self.house.start()
        self.say(f"start to ready {self.house.ready_s * 1000:.0f} ms")
        began = time.monotonic()
        until(lambda: self.sink.ledger, 30, "the first delivery")
        self.say(f"first delivery to the domain that lives {time.monotonic() - began:.2f} s after the start")
        self.a_new_message(1)
        for _ in range(3):
            time.sleep(2)
            self.a_new_message(2)
        _, seconds = self.timed("status", "status")
        self.assertLess(seconds, 5)
        page, seconds = self.timed("the first 100 of `queue list`", "queue", "list", "--limit", "100")
        self.assertEqual(len(page), 100)
        self.assertLess(seconds, 2)
        page, seconds = self.timed("another 100 behind them", "queue", "list", "--limit", "100", "--after", page[-1]["id"])
        self.assertEqual(len(page), 100)
        self.assertLess(seconds, 2)
        self.house.kill()
        self.house.start()
        self.say(f"start to ready after kill -9 {self.house.ready_s * 1000:.0f} ms")
        self.assertLess(self.house.ready_s, 10)
        self.a_new_message(3)
        self.drain()
        self.assertLess(self.house.memory_kib(), 300 * 1024)

    def a_new_message(self, number):
        """One more to a domain that lives, submitted now."""
        subject = f"new-{number}-{time.monotonic_ns()}"
        with self.house.submission("ann@alpha.test") as client:
            client.sendmail("ann@alpha.test", ["x@new.test"], letter(subject, sender="ann@alpha.test"))
        began = time.monotonic()
        until(lambda: subject in self.sink.subjects(), 30, "a new message to arrive")
        waited = time.monotonic() - began
        self.say(f"a new message arrives after {waited:.2f} s, {len(self.sink.ledger)} delivered by then")
        self.assertLess(waited, 10)

    def drain(self):
        """All that can be delivered is."""
        alive, began = ITEMS // 10, time.monotonic()
        before = len(self.sink.ledger)
        until(lambda: len(self.sink.ledger) >= alive, 60 + ITEMS / 200, "the domain that lives to have all its mail")
        seconds = time.monotonic() - began
        self.say(f"{alive} delivered, the last {alive - before} of them at {(alive - before) / max(seconds, 0.1):.0f}/s")
