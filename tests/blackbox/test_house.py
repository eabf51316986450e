"""The process itself: start, memory, stop, one owner of a store, the demo, outbound mail that fails and recovers."""

import imaplib
import json
import os
import resource
import shutil
import smtplib
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from house import BINARY, House, NameServer, letter, until


class Process(unittest.TestCase):
    def test_ready_memory_and_clean_end(self):
        house = House()
        try:
            house.start()
            time.sleep(1)
            resident = house.memory_kib()
            print(f"  start to ready {house.ready_s * 1000:.0f} ms; idle memory {resident / 1024:.1f} MB RSS", flush=True)
            self.assertEqual(sorted(house.ports), sorted(["smtp", "submission", "submissions", "lmtp", "imap", "imaps", "pop3", "pop3s"]))
            self.assertLess(resident, 40 * 1024, "idle memory, all services on")
            fastest = house.ready_s
            for _ in range(4):  # the machine may be busy: the best of five is what the program needs
                self.assertEqual(house.stop(), 0)
                fastest = min(fastest, house.start().ready_s)
            self.assertLess(fastest, 0.3, "start to ready")
            self.assertEqual(house.stop(), 0)
        finally:
            house.close()

    def test_a_store_has_one_owner(self):
        house = House()
        try:
            house.start()
            second = subprocess.run([BINARY, "serve", "--config", str(house.config)], capture_output=True, text=True, timeout=30)
            self.assertEqual(second.returncode, 1, second.stderr)
            self.assertIn(str(house.directory / "data"), second.stderr)
        finally:
            house.close()

    def test_check_tells_file_line_and_key(self):
        house = House()
        try:
            self.assertEqual(house.run("check", check=False).returncode, 0)
            house.config.write_text(house.config.read_text().replace("hostname =", "hostnaem ="))
            done = house.run("check", check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("posthouse.toml", done.stderr)
            self.assertIn("hostname", done.stderr)
        finally:
            house.close()

    def test_the_medium_is_looked_at(self):
        """What lies under data_dir, what a sync takes there, and a warning where that cannot keep mail."""
        house = House()
        memory = Path(tempfile.mkdtemp(prefix="posthouse-", dir="/dev/shm"))
        try:
            (house.directory / "data").mkdir()
            self.assertRegex(house.run("check").stdout, r"data_dir +\S+, a sync takes \d")
            house.start()
            disk = until(lambda: house.status()["disk"], what="the disk to have been looked at")
            self.assertGreater(disk["sync_microseconds"], 0)
            self.assertEqual(house.stop(), 0)
            self.assertEqual(sorted(path.name for path in (house.directory / "data").iterdir() if "probe" in path.name), [])
            house.config.write_text(house.config.read_text().replace(f"{house.directory}/data", str(memory)))
            self.assertIn("all mail is gone when the machine stops", house.run("check").stdout)
            house.start()
            disk = until(lambda: house.status()["disk"], what="the disk to have been looked at")
            self.assertEqual((disk["file_system"], len(disk["warnings"])), ("tmpfs", 1))
            self.assertIn("all mail is gone when the machine stops", house.tail())
        finally:
            house.close()
            shutil.rmtree(memory, ignore_errors=True)

    def test_commands_work_with_and_without_the_server(self):
        house = House()
        try:
            house.people("ann")
            house.start()
            house.add_account("bob@alpha.test")
            house.run("alias", "add", "info@alpha.test", "ann@alpha.test", "bob@alpha.test")
            running = house.run("account", "list", "--json").stdout
            with house.smtp() as client:
                client.sendmail("out@side.test", ["info@alpha.test"], letter("to both"))
            for name in ("ann", "bob"):
                house.wait_for(f"{name}@alpha.test", "Subject: to both")
            self.assertEqual(house.stop(), 0)
            self.assertEqual(json.loads(house.run("account", "list", "--json").stdout), json.loads(running))
        finally:
            house.close()

    def test_a_failing_disk_ends_the_server_and_a_start_recovers(self):
        house = House()
        try:
            house.people("ann").start()
            with house.smtp() as client:
                client.sendmail("out@side.test", ["ann@alpha.test"], letter("before"))
            # No write reaches beyond this now: the log's fail as on a broken disk.
            resource.prlimit(house.process.pid, resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))
            idle = house.imap("ann@alpha.test")
            with self.assertRaises(smtplib.SMTPException), house.smtp() as client:
                client.sendmail("out@side.test", ["ann@alpha.test"], letter("lost", body=("x" * 70 + "\r\n") * 2000))
            self.assertEqual(house.process.wait(20), 1, house.tail())
            with self.assertRaises(imaplib.IMAP4.abort):
                idle.noop()
            self.assertIn("the store stopped taking changes because its disk failed", house.tail())
            house.start()
            with house.smtp() as client:
                client.sendmail("out@side.test", ["ann@alpha.test"], letter("after"))
            house.wait_for("ann@alpha.test", "Subject: after")
            self.assertEqual(len(house.messages("ann@alpha.test")), 2)
        finally:
            house.close()

    def test_status_needs_the_server(self):
        house = House()
        try:
            house.people("ann").start()
            with house.smtp() as client:
                client.sendmail("out@side.test", ["ann@alpha.test"], letter("counted"))
                status = house.status()
            self.assertEqual(status["pid"], house.process.pid)
            self.assertEqual(status["connections"]["services"]["smtp"], 1)
            self.assertGreaterEqual(status["store"]["syncs"], 1)
            self.assertEqual(status["queue"], {"items": 0, "due": 0, "held": 0, "next_due": None, "outage_since": None})
            self.assertIn("posthouse", house.run("status").stdout)
            self.assertEqual(house.stop(), 0)
            ended = house.run("status", check=False)
            self.assertEqual((ended.returncode, ended.stdout), (1, ""))
            self.assertIn("no server is running", ended.stderr)
        finally:
            house.close()

    def test_usage_errors_have_status_2(self):
        for arguments in (["nonsense"], ["serve", "--config", "/nowhere/posthouse.toml"], ["account", "add"]):
            with self.subTest(arguments):
                self.assertEqual(subprocess.run([BINARY, *arguments], capture_output=True).returncode, 2)


class Demo(unittest.TestCase):
    def test_once_ends_well(self):
        environment = dict(os.environ, TERM="dumb")
        done = subprocess.run([BINARY, "demo", "--once"], capture_output=True, text=True, timeout=180, env=environment)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
        for word in ("alpha.test", "beta.test"):
            self.assertIn(word, done.stdout)
        self.assertNotIn("\x1b[", done.stdout, "no colour when not a terminal")


class Outbound(unittest.TestCase):
    """Two houses; what DNS and a dead peer do to mail between them."""

    def setUp(self):
        self.beta = House("beta.test").start().people("bob")
        self.names = NameServer(
            {
                "alpha.test": {"MX": [(10, "mx.alpha.test")]},
                "mx.alpha.test": {"A": ["127.0.0.1"]},
                "beta.test": {"MX": [(10, "mx.beta.test")]},
                "mx.beta.test": {"A": ["127.0.0.1"]},
                "null.test": {"MX": [(0, ".")]},
                "broken.test": "SERVFAIL",
                "alias.test": {"CNAME": ["beta.test"]},
                "empty.test": {},
            }
        )
        extra = f'\n[outbound]\nport = {self.beta.ports["smtp"]}\nallow_private = true\nretry = ["1s", "1s"]\nlifetime = "10s"\n'
        self.alpha = House(names=self.names, extra=extra).start().people("ann")

    def tearDown(self):
        self.alpha.close()
        self.beta.close()
        self.names.close()

    def send(self, subject, recipient):
        with self.alpha.submission("ann@alpha.test") as client:
            client.sendmail("ann@alpha.test", [recipient], letter(subject, sender="ann@alpha.test", to=recipient))

    def test_by_mx(self):
        self.send("by mx", "bob@beta.test")
        found = self.beta.wait_for("bob@beta.test", "Subject: by mx")
        self.assertIn(b"with ESMTPS", found)

    def test_unknown_user_there(self):
        self.send("unknown there", "nobody@beta.test")
        report = self.alpha.wait_for("ann@alpha.test", "nobody@beta.test")
        for phrase in (b"Action: failed", b"Status: 5.1.1", b"message/delivery-status", b"Subject: unknown there"):
            self.assertIn(phrase, report)

    def test_domains_that_take_no_mail(self):
        for domain, status in (("null.test", b"5.1.10"), ("unheard-of.test", b"5.1.2")):
            with self.subTest(domain):
                self.send(f"to {domain}", f"x@{domain}")
                self.assertIn(b"Status: " + status, self.alpha.wait_for("ann@alpha.test", f"x@{domain}"))

    def test_broken_names_expire_into_a_report(self):
        self.send("to broken", "x@broken.test")
        report = self.alpha.wait_for("ann@alpha.test", b"Action: failed", 60)
        self.assertIn(b"Status: 5.4.7", report)
        self.assertIn(b"4.4.3", report)

    def test_dead_host_that_comes_back(self):
        ports = dict(self.beta.ports)
        self.assertEqual(self.beta.stop(), 0)
        self.send("patience", "bob@beta.test")
        until(self.alpha.queue, 10, "the message in the queue")
        self.beta.config.write_text(self.beta.config.read_text().replace(
            'service = "smtp"\nbind = ["127.0.0.1:0"]', f'service = "smtp"\nbind = ["127.0.0.1:{ports["smtp"]}"]'
        ))
        self.beta.start()
        self.beta.wait_for("bob@beta.test", "Subject: patience")
        until(lambda: not self.alpha.queue(), 10, "an empty queue")
        self.assertEqual(len(self.beta.messages("bob@beta.test")), 1)
