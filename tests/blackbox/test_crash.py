"""Rounds of kill -9 under mixed load: what was acknowledged is there, once, under its number (P1, P2, P6, P8).

`./test` plays a short run. The long one is

    POSTHOUSE_ROUNDS=500 POSTHOUSE_BIN=target/release/posthouse python3 tests/blackbox test_crash
"""

import os
import random
import threading
import time
import unittest
from collections import Counter

from actors import Archive, Popper, Reader, Sender
from house import House, until
from ports import free_port
from sink import Sink
from zone import NameServer

ROUNDS = int(os.environ.get("POSTHOUSE_ROUNDS", "60"))
SEED = int(os.environ.get("POSTHOUSE_SEED", "9"))
SENDERS = 3
# Between a remote's 250 and the record of it: one commit. A machine may be slow.
WINDOW = 5.0
CONNECTIONS = 20  # to one destination: the default of `concurrency_per_destination`
LOCAL = ["ann@alpha.test", "ima@alpha.test", "pop@alpha.test"]
REMOTE = ["x@sink.test"]


class Crash(unittest.TestCase):
    def setUp(self):
        self.source = random.Random(SEED)
        zones = {
            "alpha.test": {"MX": [(10, "mx.alpha.test")]}, "mx.alpha.test": {"A": ["127.0.0.1"]},
            "sink.test": {"MX": [(10, "mx.sink.test")]}, "mx.sink.test": {"A": ["127.0.0.1"]},
        }
        self.names, self.sink = NameServer(zones), Sink(free_port())
        extra = f'\n[outbound]\nport = {self.sink.port}\nallow_private = true\nretry = ["1s", "1s", "2s"]\n'
        extra += '[relay]\nnetworks = ["127.0.0.0/8"]\n'
        self.house = House(services=["smtp", "imaps", "pop3s"], names=self.names, extra=extra)
        self.house.people("ann", "ima", "pop")
        fresh = lambda: random.Random(self.source.random())
        self.senders = [Sender(f"s{n}", LOCAL + REMOTE, fresh()) for n in range(SENDERS)]
        self.reader, self.popper = Reader(LOCAL[1], fresh()), Popper(LOCAL[2], fresh())
        self.archive = Archive(LOCAL[0])
        self.kills, self.starts = [], []

    def tearDown(self):
        self.house.close()
        self.sink.close()
        self.names.close()

    def test_kill_9_under_load(self):
        began = time.monotonic()
        self.start()
        client = self.house.imap(LOCAL[1])
        for name in Reader.BOXES[1:]:
            client.create(name)
        client.logout()
        for number in range(1, ROUNDS + 1):
            with self.subTest(f"round {number}"):
                self.round()
                self.start()
                self.reader.check(self.house)
                self.popper.check(self.house)
                if number % 20 == 0:
                    self.archive.check(self.house)
                    self.compare(number)
        self.finish()
        self.starts.sort()
        print(
            f"  {ROUNDS} rounds in {time.monotonic() - began:.0f} s; start to ready after a kill "
            f"p50 {self.starts[len(self.starts) // 2] * 1000:.0f} ms, max {self.starts[-1] * 1000:.0f} ms",
            flush=True,
        )
        self.assertGreater(len(self.acknowledged(LOCAL[0])), ROUNDS)

    def start(self):
        self.starts.append(self.house.start().ready_s)

    def round(self):
        """Load from everybody until the server is killed."""
        self.sink.set(self.source.choice(["up", "up", "up", "down", "busy", "mute"]))
        actors = [*self.senders, self.reader, self.popper]
        failures = []
        threads = [threading.Thread(target=self.run_actor, args=[actor, failures]) for actor in actors]
        for thread in threads:
            thread.start()
        time.sleep(self.source.uniform(0.1, 0.6))
        if self.source.random() < 0.1:
            # It may find the server, lose it, or open the store itself.
            threads.append(threading.Thread(target=lambda: self.house.run("queue", "retry", "--all", check=False)))
            threads[-1].start()
        self.kills.append(time.monotonic())
        self.house.kill()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def run_actor(self, actor, failures):
        try:
            actor.work(self.house)
        except Exception as error:  # what it saw while the server ran was wrong
            failures.append(f"{type(actor).__name__}: {error!r}")

    def acknowledged(self, recipient):
        return {token for sender in self.senders for token in sender.acknowledged[recipient]}

    def compare(self, number):
        """Everything acknowledged is where it belongs; prints how far it is."""
        found = {
            LOCAL[0]: set(self.archive.box.ever.values()),
            LOCAL[1]: self.reader.delivered,
            LOCAL[2]: set(self.popper.known.values()),
        }
        for recipient, tokens in found.items():
            lost = self.acknowledged(recipient) - tokens
            self.assertEqual(lost, set(), f"acknowledged for {recipient} and not there")
        messages = sum(len(self.acknowledged(recipient)) for recipient in LOCAL + REMOTE)
        doubles = self.check_doubles()
        print(
            f"  round {number} of {ROUNDS}: acknowledged {messages} deliveries (of {sum(s.sent for s in self.senders)} "
            f"messages sent), {self.reader.commands} IMAP changes, {self.popper.commands} POP3 deletions, all there; "
            f"sink took {len(self.sink.ledger)}, {doubles} twice in the window",
            flush=True,
        )

    def check_doubles(self):
        """The sink may have a message twice only where it could not say so, or a kill came between its word and our record
        of it: no more of them at each kill than there were connections. The sink may read what was sent before a kill."""
        taken, doubles, at_kill = {}, 0, Counter()
        for token, at, said in self.sink.ledger:
            if token in taken:
                before, said_before = taken[token]
                if said_before:
                    near = min(self.kills, key=lambda kill: abs(kill - before))
                    self.assertLess(abs(near - before), WINDOW, f"{token} twice outside the window")
                    at_kill[near] += 1
                    self.assertLessEqual(at_kill[near], CONNECTIONS, f"too much twice at one kill: {token}")
                doubles += 1
            taken[token] = (at, said)
        return doubles

    def finish(self):
        """The last word: the queue drains, and every byte is read again."""
        self.sink.set("up")
        self.house.run("queue", "retry", "--all")
        until(lambda: not self.house.queue(), 60, "an empty queue")
        self.assertEqual(self.acknowledged(REMOTE[0]) - set(self.sink.subjects()), set(), "never sent on")
        self.reader.check(self.house)
        self.popper.check(self.house)
        self.archive.check(self.house, whole=True)
        self.compare(ROUNDS)
        self.assertEqual(self.house.stop(), 0)
