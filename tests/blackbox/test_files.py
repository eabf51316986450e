"""64 open files and no more: connections wait or are refused, nobody spins, and the store goes on (F21)."""

import os
import resource
import socket
import time
import unittest

from house import House, letter, until

FILES = 64
CLIENTS = 200


class FewFiles(unittest.TestCase):
    def setUp(self):
        self.house = House(services=["smtp", "imaps"])
        self.house.people("ann").start()
        self.clients = []

    def tearDown(self):
        self.hang_up()
        self.house.close()

    def limit(self):
        resource.prlimit(self.house.process.pid, resource.RLIMIT_NOFILE, (FILES, FILES))

    def hang_up(self):
        for client in self.clients:
            client.close()
        self.clients = []

    def crowd(self):
        """More clients than there are files; all are in the kernel's queue at least."""
        for _ in range(CLIENTS):
            self.clients.append(socket.create_connection(("127.0.0.1", self.house.ports["smtp"]), 10))

    def cpu_seconds(self):
        fields = open(f"/proc/{self.house.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def files(self):
        return len(os.listdir(f"/proc/{self.house.process.pid}/fd"))

    def deliver(self, subject):
        with self.house.smtp() as client:
            client.sendmail("out@side.test", ["ann@alpha.test"], letter(subject))

    def test_started_with_few_files(self):
        """The server knows, takes few connections, says so to the rest, and keeps files for the store."""
        self.assertEqual(self.house.stop(), 0)
        self.house.start(files=FILES)
        self.assertIn("taking fewer connections than configured", self.house.tail())
        self.crowd()
        answers = [self.greeting(client) for client in self.clients]
        self.assertGreater(answers.count(b"220"), 5)
        self.assertEqual(answers.count(b"220") + answers.count(b"421") + answers.count(b""), CLIENTS)
        self.assertLess(self.files(), FILES)
        self.hang_up()
        until(lambda: self.house.status()["connections"]["open"] == 0, 10, "no connections")
        self.deliver("after")
        self.house.wait_for("ann@alpha.test", "Subject: after")

    @staticmethod
    def greeting(client):
        client.settimeout(10)
        try:
            return client.recv(100)[:3]
        except ConnectionError:
            return b""

    def test_files_run_out_while_it_runs(self):
        """The system takes files away behind its back: accept fails, and the listener rests in between."""
        talking = self.house.smtp()
        talking.ehlo()
        reader = self.house.imap("ann@alpha.test")
        self.limit()
        self.crowd()
        until(lambda: self.files() >= FILES - 1, 10, "no file left")
        spent = self.cpu_seconds()
        time.sleep(3)
        spent = self.cpu_seconds() - spent
        print(f"  {spent:.2f} s of CPU in 3 s without a file to accept with", flush=True)
        self.assertLess(spent, 0.5)
        # Who is in already goes on, and the store takes mail.
        talking.sendmail("out@side.test", ["ann@alpha.test"], letter("meanwhile"))
        reader.select("INBOX")
        self.assertEqual(reader.fetch("1", "(BODY.PEEK[])")[0], "OK")
        self.assertIn("cannot accept connections", self.house.tail())
        self.hang_up()
        began = time.monotonic()
        self.deliver("after")
        print(f"  mail is taken again {time.monotonic() - began:.1f} s after the crowd has gone", flush=True)
        self.house.wait_for("ann@alpha.test", "Subject: after")
        talking.quit()
        reader.logout()
        self.assertEqual(len(self.house.messages("ann@alpha.test")), 2)
