"""100 rounds of kill -9 under load: every acknowledged message is there, exactly once."""

import random
import re
import smtplib
import threading
import time
import unittest

from house import House, letter

ROUNDS = 100
SENDERS = 6


class Crash(unittest.TestCase):
    def test_kill_9_under_load(self):
        house = House(services=["smtp", "imaps"])
        source = random.Random(9)
        acknowledged, sent, starts = [], [0], []
        try:
            house.people("ann")
            for round_number in range(ROUNDS):
                with self.subTest(f"round {round_number}"):
                    starts.append(house.start().ready_s)
                    threads = [
                        threading.Thread(target=self.load, args=[house, round_number, sender, acknowledged, sent])
                        for sender in range(SENDERS)
                    ]
                    for thread in threads:
                        thread.start()
                    time.sleep(source.uniform(0.1, 0.6))
                    house.kill()
                    for thread in threads:
                        thread.join()
                    if round_number % 20 == 19:
                        house.start()
                        self.compare(house, acknowledged)
                        house.kill()
                        print(f"  round {round_number + 1} of {ROUNDS}: {len(acknowledged)} acknowledged, all there", flush=True)
            starts.sort()
            print(
                f"  {ROUNDS} rounds: {len(acknowledged)} of {sent[0]} acknowledged; start to ready after kill "
                f"p50 {starts[len(starts) // 2] * 1000:.0f} ms, max {starts[-1] * 1000:.0f} ms",
                flush=True,
            )
            self.assertGreater(len(acknowledged), ROUNDS)
        finally:
            house.close()

    def load(self, house, round_number, sender, acknowledged, sent):
        """Sends until the server dies; remembers what got its 250."""
        number = 0
        try:
            client = smtplib.SMTP("127.0.0.1", house.ports["smtp"], local_hostname="load.test", timeout=10)
            while True:
                name = f"r{round_number}s{sender}n{number}"
                number += 1
                sent[0] += 1
                client.sendmail("out@side.test", ["ann@alpha.test"], letter(name, body="x" * 70 + "\r\n" * (number % 40)))
                acknowledged.append(name)
        except (OSError, smtplib.SMTPException):
            return

    def compare(self, house, acknowledged):
        client = house.imap("ann@alpha.test")
        client.select("INBOX", readonly=True)
        _, data = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        client.logout()
        found = [match[1].decode() for part in data if isinstance(part, tuple) for match in [re.search(rb"Subject: (\S+)", part[1])]]
        self.assertEqual(len(found), len(set(found)), "no message twice")
        self.assertEqual(set(acknowledged) - set(found), set(), "acknowledged but not there")
