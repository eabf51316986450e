"""Restarts under load: nothing acknowledged is lost, and every session hears why it ends (F43)."""

import os
import random
import socket
import threading
import time
import unittest

import letters
from actors import Archive
from house import Authority, House

RESTARTS = int(os.environ.get("POSTHOUSE_RESTARTS", "10"))
SENDERS = 4


class Talk:
    """One SMTP connection that sends until it ends; `how` it ended."""

    def __init__(self, house):
        self.socket = socket.create_connection(("127.0.0.1", house.ports["smtp"]), 20)
        self.lines = self.socket.makefile("rb")

    def command(self, line):
        """The reply's code; a failed write is no reason not to read what was said."""
        try:
            self.socket.sendall(line)
        except OSError:
            pass
        return self.reply()

    def reply(self):
        while True:
            line = self.lines.readline()
            if line[3:4] != b"-":
                return line[:3]

    def send(self, token):
        """Whether it was taken; `421` or what else ended the connection."""
        for line, good in (
            (b"MAIL FROM:<out@side.test>\r\n", b"250"), (b"RCPT TO:<ann@alpha.test>\r\n", b"250"),
            (b"DATA\r\n", b"354"), (letters.write(token) + b".\r\n", b"250"),
        ):
            code = self.command(line)
            if code != good:
                return code
        return b"250"


class Restart(unittest.TestCase):
    def test_a_rolling_restart_loses_nothing(self):
        self.house = House(services=["smtp", "imaps"], ports={"smtp": 0})
        self.house.people("ann")
        self.acknowledged, self.endings, self.stopping = [], [], threading.Event()
        source = random.Random(5)
        try:
            self.house.start()
            threads = [threading.Thread(target=self.load, args=[n]) for n in range(SENDERS)]
            for thread in threads:
                thread.start()
            slowest = 0
            for _ in range(RESTARTS):
                idle = self.reader()
                time.sleep(source.uniform(0.2, 0.6))
                began = time.monotonic()
                self.assertEqual(self.house.stop(), 0)
                slowest = max(slowest, time.monotonic() - began)
                self.assertIn(b"* BYE", idle.read())
                self.house.start()
            self.stopping.set()
            for thread in threads:
                thread.join()
            found = Archive("ann@alpha.test").check(self.house, whole=True)
            self.assertEqual(set(self.acknowledged) - found, set())
            print(f"  {RESTARTS} restarts, {len(self.acknowledged)} acknowledged, slowest end {slowest:.1f} s; "
                  f"connections ended with {dict((e, self.endings.count(e)) for e in set(self.endings))}", flush=True)
            self.assertEqual(set(self.endings) - {"421", "refused"}, set())
            self.assertIn("421", self.endings)
        finally:
            self.stopping.set()
            self.house.close()

    def reader(self):
        """An IMAP client that only waits."""
        raw = socket.create_connection(("127.0.0.1", self.house.ports["imaps"]), 30)
        return Authority.get().context().wrap_socket(raw, server_hostname="localhost").makefile("rb")

    def load(self, sender):
        number = 0
        while not self.stopping.is_set():
            try:
                talk = Talk(self.house)
                greeting = talk.reply()
            except OSError:
                time.sleep(0.02)
                continue
            if greeting != b"220":
                # Nobody was there yet, or any more, to say more than that.
                self.endings.append("421" if greeting == b"421" else "refused")
                continue
            ending = talk.command(b"HELO load.test\r\n")
            while ending == b"250" and not self.stopping.is_set():
                token = f"s{sender}n{number}"
                number += 1
                ending = talk.send(token)
                if ending == b"250":
                    self.acknowledged.append(token)
            if ending != b"250":
                self.endings.append(ending.decode() or "silence")
            talk.socket.close()
