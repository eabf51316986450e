"""A disk that is really full: a small tmpfs as data_dir, in a mount namespace of its own (P5, F14).

The test runs itself again inside the namespace, so that the mount ends with it however it ends.
"""

import os
import shutil
import smtplib
import subprocess
import sys
import time
import unittest
from pathlib import Path

import letters
from house import House, letter, until

SIZE_MB = 128  # of these the store keeps 64 for changes of state
BIG = 200_000


def unshare():
    """The command that enters a namespace where a tmpfs may be mounted, or why there is none."""
    command = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    probe = "mkdir -p $0 && mount -t tmpfs -o size=1m tmpfs $0"
    directory = f"/tmp/posthouse-mount-{os.getpid()}"
    try:
        done = subprocess.run([*command, "sh", "-c", probe, directory], capture_output=True, text=True)
    except FileNotFoundError:
        return None, "there is no unshare (util-linux)"
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return (command, None) if done.returncode == 0 else (None, f"no tmpfs can be mounted: {done.stderr.strip()}")


def load_tests(loader, tests, pattern):
    """What the whole run takes of this module; the rest is for Outside to start."""
    return loader.loadTestsFromTestCase(Outside)


class Outside(unittest.TestCase):
    def test_a_small_disk(self):
        command, why = unshare()
        if why:
            self.skipTest(why)
        here = Path(__file__).resolve().parent
        done = subprocess.run(
            [*command, sys.executable, str(here), "test_full.Full"], env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
            capture_output=True, text=True, timeout=300,
        )
        print("\n".join(line for line in done.stdout.splitlines()[:-1]), flush=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Full(unittest.TestCase):
    """Runs inside only."""

    def setUp(self):
        self.house = House(services=["smtp", "imaps", "pop3s"], segment="4MB")
        self.data = self.house.directory / "data"
        self.data.mkdir(mode=0o700)
        self.mount(f"size={SIZE_MB}m", "-t", "tmpfs", "tmpfs")
        self.house.people("ann", "pop").start()
        self.acknowledged = []
        self.sent = 0

    def tearDown(self):
        self.house.close()
        subprocess.run(["umount", "-l", str(self.data)], check=True)

    def mount(self, options, *what):
        subprocess.run(["mount", "-o", options, *what, str(self.data)], check=True)

    def free_mb(self):
        facts = os.statvfs(self.data)
        return facts.f_bavail * facts.f_frsize / 1e6

    def send(self, client, size=BIG, to="ann@alpha.test", esmtp=True):
        """One message; the first refusal as (stage, code, text), or None."""
        token = f"m{self.sent}"
        self.sent += 1
        message = letter(token, body=("x" * 70 + "\r\n") * (size // 72))
        options = f" SIZE={len(message)}" if esmtp else ""
        for stage, line in (("MAIL", f"MAIL FROM:<out@side.test>{options}"), ("RCPT", f"RCPT TO:<{to}>")):
            code, text = client.docmd(line)
            if code != 250:
                client.rset()
                return stage, code, text.decode()
        try:
            code, text = client.data(message)
        except smtplib.SMTPDataError as error:
            code, text = error.smtp_code, error.smtp_error
        if code != 250:
            client.rset()
            return "DATA", code, text.decode()
        if to == "ann@alpha.test":
            self.acknowledged.append(token)
        return None

    def client(self):
        client = self.house.smtp()
        client.ehlo()
        return client

    def fill(self, size=BIG, esmtp=True):
        """Sends until it is refused; gives the refusal."""
        with self.client() as client:
            for _ in range(3000):
                refusal = self.send(client, size, esmtp=esmtp)
                if refusal:
                    return refusal
        raise AssertionError("the disk never filled")

    def tokens(self):
        return [letters.WORD.search(message)[1].decode() for message in self.house.messages("ann@alpha.test")]

    def append(self, size):
        client = self.house.imap("ann@alpha.test")
        status, data = client.append("INBOX", None, None, letter("appended", body=("x" * 70 + "\r\n") * (size // 72)))
        client.logout()
        return status, data[0].decode()

    def test_mail_is_refused_for_now_and_all_else_goes_on(self):
        for _ in range(3):
            self.assertIsNone(self.send(self.client(), 1000, "pop@alpha.test"))
        # First a client that says how much is coming, then one that does not, then small mail.
        self.assertEqual(self.fill()[:2], ("MAIL", 452))
        self.assertEqual(self.fill(esmtp=False)[1], 452)
        stage, code, text = self.fill(1000)
        self.assertEqual((stage, code, text[:5]), ("MAIL", 452, "4.3.1"))
        filled = len(self.acknowledged)
        print(f"  {filled} messages, {self.free_mb():.0f} MB of {SIZE_MB} kept free", flush=True)
        self.refused_and_the_rest_works()
        # Nobody restarts anything: what is deleted makes room.
        client = self.house.imap("ann@alpha.test")
        client.select("INBOX")
        client.store(f"1:{filled * 2 // 3}", "+FLAGS.SILENT", "(\\Deleted)")
        self.assertEqual(client.expunge()[0], "OK")
        client.logout()
        self.acknowledged = self.acknowledged[filled * 2 // 3 :]
        self.takes_mail_again("room by deleting")
        # And so does a larger disk, at once.
        self.fill()
        self.fill(1000)
        self.mount(f"remount,size={SIZE_MB + 64}m")
        self.assertIsNone(self.send(self.client()))
        self.assertEqual(self.tokens(), self.acknowledged)
        self.house.kill()
        self.house.start()
        self.assertEqual(self.tokens(), self.acknowledged)

    def refused_and_the_rest_works(self):
        for size in (1000, BIG):
            status, text = self.append(size)
            self.assertEqual((status, text[:13]), ("NO", "[UNAVAILABLE]"), text)
        client = self.house.imap("ann@alpha.test")
        client.select("INBOX")
        self.assertEqual(client.store("1:5", "+FLAGS", "(\\Seen)")[0], "OK")
        self.assertEqual(client.create("Made")[0], "OK")
        client.logout()
        self.assertEqual(self.tokens(), self.acknowledged)
        client = self.house.pop3("pop@alpha.test")
        self.assertIn(b"Subject: m0", b"\n".join(client.retr(1)[1]))
        client.dele(1)
        client.quit()
        client = self.house.pop3("pop@alpha.test")
        self.assertEqual(client.stat()[0], 2)
        client.quit()

    def takes_mail_again(self, what):
        began = time.monotonic()

        def taken():
            with self.client() as client:
                return self.send(client) is None

        until(taken, 30, what)
        print(f"  {what}: mail is taken {time.monotonic() - began:.1f} s later", flush=True)

    def test_nothing_is_left_at_all(self):
        """Somebody else fills the disk to the last byte."""
        for number in range(20):
            self.assertIsNone(self.send(self.client(), 20_000))
        ballast = self.data / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass
        refusal = self.fill(1000)
        self.assertEqual((refusal[0], refusal[1]), ("MAIL", 452))
        self.assertEqual(self.tokens(), self.acknowledged)
        client = self.house.imap("ann@alpha.test")
        client.select("INBOX")
        client.store("1", "+FLAGS.SILENT", "(\\Deleted)")
        self.assertEqual(client.expunge()[0], "OK")
        client.logout()
        del self.acknowledged[0]
        self.house.kill()
        self.house.start()
        self.assertEqual(self.tokens(), self.acknowledged)
        ballast.unlink()
        self.takes_mail_again("room by others")
        self.assertEqual(self.tokens(), self.acknowledged)
