"""A long queue of which nine tenths or all cannot be delivered: the rest is not kept waiting, and nothing grows without
end (F22).

`./test` plays it small. The whole of it is

    POSTHOUSE_QUEUE=1000000 POSTHOUSE_BIN=target/release/posthouse python3 tests/blackbox test_queue
"""

import json
import os
import socket
import subprocess
import time
import unittest

from house import BINARY, ROOT, House, letter, until
from ports import free_port
from sink import Sink
from zone import NameServer

ITEMS = int(os.environ.get("POSTHOUSE_QUEUE", "10000"))
# One domain lives, five refuse connections, four take them and say nothing.
ADDRESSES = ["127.0.0.1"] + ["127.0.0.2"] * 5 + ["127.0.0.3"] * 4
MANY_DOMAINS = ITEMS // 10
MEMORY_MB = 300


def filler(*arguments):
    """The tool that fills a queue; built as the server was."""
    release = ["--release"] if "release" in BINARY else []
    command = ["cargo", "run", "--quiet", "--locked", *release, "--package", "bench", "--", "queue", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Queues(unittest.TestCase):
    """A server whose queue is filled before it starts, with mail to domains at the addresses given for each."""

    def town(self, addresses):
        self.sink = Sink(free_port())
        # Takes connections and says nothing.
        self.silent = socket.create_server(("127.0.0.3", self.sink.port), backlog=1000)
        zones = {"alpha.test": {"MX": [(10, "mx.alpha.test")]}, "mx.alpha.test": {"A": ["127.0.0.1"]}}
        for number, address in enumerate(addresses):
            zones[f"d{number}.test"] = {"A": [address]}
        zones["new.test"] = {"A": ["127.0.0.1"]}
        self.names = NameServer(zones)
        extra = f"\n[outbound]\nport = {self.sink.port}\nallow_private = true\n"
        self.house = House(services=["smtp", "submission"], names=self.names, extra=extra)
        self.house.people("ann")
        filled = filler("--store", str(self.house.directory / "data/store"), "--items", str(ITEMS),
                        "--domains", str(len(addresses)), "--sender", "ann@alpha.test", "--bytes", "2000")
        print(f"  {ITEMS} items to {len(addresses)} domains put there in {filled['seconds']:.0f} s", flush=True)
        self.house.start()
        self.say(f"start to ready {self.house.ready_s * 1000:.0f} ms")

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

    def a_new_message(self, number, patience=10):
        """One more to a domain that lives, submitted now; it arrives within `patience` seconds."""
        subject = f"new-{number}-{time.monotonic_ns()}"
        with self.house.submission("ann@alpha.test") as client:
            client.sendmail("ann@alpha.test", ["x@new.test"], letter(subject, sender="ann@alpha.test"))
        began = time.monotonic()
        until(lambda: subject in self.sink.subjects(), patience + 20, "a new message to arrive")
        waited = time.monotonic() - began
        self.say(f"a new message arrives after {waited:.2f} s, {len(self.sink.ledger)} delivered by then")
        self.assertLess(waited, patience)

    def is_bounded(self):
        self.assertLess(self.house.memory_kib(), MEMORY_MB * 1024)


class LongQueue(Queues):
    def test_the_dead_do_not_keep_the_living_waiting(self):
        self.town(ADDRESSES)
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
        self.house.kill()
        self.house.start()
        self.say(f"start to ready after kill -9 {self.house.ready_s * 1000:.0f} ms")
        self.assertLess(self.house.ready_s, 10)
        self.a_new_message(3)
        self.drain()
        self.is_bounded()

    def drain(self):
        """All that can be delivered is."""
        alive, began = ITEMS // len(ADDRESSES), time.monotonic()
        before = len(self.sink.ledger)
        until(lambda: len(self.sink.ledger) >= alive, 60 + ITEMS / 200, "the domain that lives to have all its mail")
        seconds = time.monotonic() - began
        self.say(f"{alive} delivered, the last {alive - before} of them at {(alive - before) / max(seconds, 0.1):.0f}/s")


class ManyDomains(Queues):
    """A tenth as many domains as messages: a million messages are for 100,000."""

    def test_none_of_them_can_be_reached(self):
        self.town(["127.0.0.2"] * MANY_DOMAINS)
        self.assertEqual(len(self.listed()), ITEMS)
        self.say("all listed by page")
        _, seconds = self.timed("status", "status")
        self.assertLess(seconds, 5)
        # It does not wait until the round through all of them comes by.
        self.a_new_message(1)
        self.is_bounded()

    def listed(self):
        """The ids of all that is in the queue."""
        ids, after = set(), []
        while True:
            done = self.house.run("queue", "list", "--limit", "1000", *after, "--json")
            page = [row["id"] for row in json.loads(done.stdout)]
            if not page:
                return ids
            ids.update(page)
            after = ["--after", page[-1]]
