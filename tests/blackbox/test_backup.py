"""Backups of a running server, and what comes back from them."""

import json
import os
import random
import re
import signal
import subprocess
import threading
import time
import unittest

from house import BINARY, House, letter, scratch, until
from zone import NameServer

SENDERS = 4


def backup(house, directory, *more):
    return json.loads(house.run("backup", str(directory), "--json", *more).stdout)


def elsewhere(directory, *more, names=None):
    """A house on a new machine, with what the backup brings back; not started."""
    house = House(services=["smtp", "imaps"], outbound=1, names=names)
    made = json.loads(house.run("restore", str(directory), "--json", *more).stdout)
    return house, made


def subjects(house, user="ann@alpha.test"):
    found = [re.search(rb"Subject: (\S+)", message)[1].decode() for message in house.messages(user)]
    return found


def on_disk(directory):
    """The bytes in the log, the archives and the bodies of a backup."""
    return sum(path.stat().st_size for path in (directory / "files").glob("*/*"))


class Load:
    """Senders that go on until they are told to end, and remember what got its 250."""

    def __init__(self, house):
        self.house, self.acknowledged, self.ended = house, [], threading.Event()
        self.threads = [threading.Thread(target=self.send, args=[number]) for number in range(SENDERS)]
        for thread in self.threads:
            thread.start()

    def send(self, sender):
        number = 0
        client = self.house.smtp()
        while not self.ended.is_set():
            name = f"s{sender}n{number}"
            number += 1
            size = 400_000 if number % 50 == 0 else 100 * (number % 30)
            client.sendmail("out@side.test", ["ann@alpha.test"], letter(name, body=("x" * 78 + "\r\n") * (size // 80)))
            self.acknowledged.append(name)
        client.quit()

    def at_least(self, count):
        until(lambda: len(self.acknowledged) >= count, what=f"{count} messages")

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class Backup(unittest.TestCase):
    def test_under_load_cut_short_and_restored_elsewhere(self):
        house = House(services=["smtp", "imaps"])
        directory = scratch("backup") / "kept"
        source = random.Random(3)
        try:
            house.start().people("ann")
            load = Load(house)
            load.at_least(50)
            expected, cut_short = {}, 0
            for round_number in range(6):
                # Some are killed on the way: the next one goes on as if they had not been.
                environment = dict(os.environ, POSTHOUSE_CONFIG=str(house.config))
                killed = subprocess.Popen([BINARY, "backup", str(directory)], env=environment, stdout=subprocess.DEVNULL)
                threading.Timer(source.uniform(0, 0.06), killed.kill).start()
                status = killed.wait()
                self.assertIn(status, (0, -signal.SIGKILL))
                cut_short += status != 0
                load.at_least(len(load.acknowledged) + 30)
                before = list(load.acknowledged)
                made = backup(house, directory)
                expected[made["checkpoint"]] = before
            load.end()
            self.assertEqual(set(subjects(house)), set(load.acknowledged))
            old_validity = self.validity(house)
            house.kill()
            for number, before in expected.items():
                with self.subTest(f"checkpoint {number}"):
                    other, made = elsewhere(directory, "--checkpoint", str(number))
                    try:
                        self.assertEqual((made["checkpoint"], made["missing_bodies"]), (number, 0))
                        other.start()
                        found = subjects(other)
                        self.assertEqual(len(found), len(set(found)), "no message twice")
                        self.assertEqual(set(before) - set(found), set(), "acknowledged before the backup, and not there")
                        self.assertGreater(self.validity(other), old_validity, "clients fetch anew (F31)")
                        other.smtp().sendmail("o@side.test", ["ann@alpha.test"], letter("goes-on"))
                        other.wait_for("ann@alpha.test", "goes-on")
                    finally:
                        other.close()
            print(f"  {len(load.acknowledged)} messages, {len(expected)} checkpoints under load restored, {cut_short} backups cut short", flush=True)
        finally:
            house.close()

    @staticmethod
    def validity(house):
        client = house.imap("ann@alpha.test")
        _, data = client.status("INBOX", "(UIDVALIDITY)")
        client.logout()
        return int(re.search(rb"UIDVALIDITY (\d+)", data[0])[1])

    def test_copies_only_what_is_new(self):
        house = House(services=["smtp", "imaps"])
        directory = scratch("backup") / "kept"
        try:
            house.start().people("ann")
            client = house.smtp()
            sizes = []
            for round_number in range(4):
                log = house.status()["store"]["log_bytes"]
                for number in range(50):
                    client.sendmail("o@side.test", ["ann@alpha.test"], letter(f"r{round_number}n{number}", body="y" * 70 + "\r\n"))
                written = house.status()["store"]["log_bytes"] - log
                before = on_disk(directory) if round_number else 0
                made = backup(house, directory)
                grown = on_disk(directory) - before
                sizes.append((made["copied_bytes"], written))
                self.assertEqual(grown, made["copied_bytes"])
                if round_number:
                    self.assertLess(abs(made["copied_bytes"] - written), 2000, "the log's new bytes, no more")
            self.assertEqual(backup(house, directory)["copied_bytes"], 0, "nothing is new")
            made = backup(house, directory, "--keep", "2")
            self.assertEqual(made["removed_checkpoints"], 4)
            listed = json.loads(house.run("backup", str(directory), "--list", "--json").stdout)
            self.assertEqual([row["checkpoint"] for row in listed], [made["checkpoint"] - 1, made["checkpoint"]])
            self.assertEqual(backup(house, directory, "--keep", "1")["removed_checkpoints"], 2)
            print(f"  copied bytes and bytes of log written meanwhile: {sizes}", flush=True)
            # The same once the server does not run.
            self.assertEqual(house.stop(), 0)
            self.assertLess(backup(house, directory)["copied_bytes"], 2000)
            other, _ = elsewhere(directory)
            other.start()
            self.assertEqual(len(subjects(other)), 200)
            other.close()
        finally:
            house.close()

    def test_a_point_in_time(self):
        house = House(services=["smtp", "imaps"])
        directory = scratch("backup") / "kept"
        stamp = lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            house.start().people("ann")
            client = house.smtp()
            begun = stamp()
            moments, sent = [], []

            def pass_by(seconds):
                end = time.monotonic() + seconds
                until(lambda: time.monotonic() > end, what="time to pass")

            for number in range(3):
                sent.append(f"m{number}")
                client.sendmail("o@side.test", ["ann@alpha.test"], letter(sent[-1]))
                # A stamp lies up to a second back, and a machine's wall clock may be set back a little, too.
                pass_by(2)
                moments.append((stamp(), list(sent)))
                pass_by(1)
                if number == 1:
                    backup(house, directory)
            imap = house.imap("ann@alpha.test")
            imap.select("INBOX")
            imap.store("1:*", "+FLAGS", r"(\Deleted)")
            imap.expunge()
            imap.logout()
            backup(house, directory)
            for moment, expected in moments:
                with self.subTest(moment):
                    other, made = elsewhere(directory, "--to", moment)
                    self.assertLessEqual(made["time"], moment)
                    other.start()
                    self.assertEqual(subjects(other), expected)
                    other.close()
            for to, words in [("2020-01-01", "cannot be had"), ("2090-01-01", "does not reach that far"), ("noon", "no point in time")]:
                other = House()
                done = other.run("restore", str(directory), "--to", to, check=False)
                self.assertEqual(done.returncode, 2 if to == "noon" else 1)
                self.assertIn(words, done.stderr)
                other.close()
            self.assertLess(begun, moments[0][0])
        finally:
            house.close()

    def test_the_queue_is_held(self):
        zones = {"away.test": {"MX": [(10, "mx.away.test")]}, "mx.away.test": {"A": ["127.0.0.1"]}}
        names = NameServer(zones)
        house = House(services=["smtp", "submission", "imaps"], outbound=1, names=names)
        directory = scratch("backup") / "kept"
        try:
            house.start().people("ann")
            client = house.submission("ann@alpha.test")
            for number in range(3):
                client.sendmail("ann@alpha.test", ["bob@away.test"], letter(f"out{number}", sender="ann@alpha.test", to="bob@away.test"))
            self.assertEqual(len(house.queue()), 3)
            backup(house, directory)
            other, made = elsewhere(directory, names=names)
            self.assertEqual(made["held"], 3)
            other.start()
            self.assertEqual([item["held"] for item in other.queue()], [True] * 3)
            other.run("queue", "release", "--all")
            self.assertEqual([item["held"] for item in other.queue()], [False] * 3)
            other.close()
        finally:
            house.close()
            names.close()

    def test_what_is_refused(self):
        house = House(services=["smtp", "imaps"])
        directory, data = scratch("backup") / "kept", house.directory / "data"
        foreign = scratch("foreign")
        (foreign / "letter.txt").write_text("mine")

        def refused(status, words, *arguments):
            with self.subTest(words):
                before = sorted(str(path) for path in foreign.rglob("*"))
                done = house.run(*[str(argument) for argument in arguments], check=False)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stderr.count("posthouse:"), 1, done.stderr)
                self.assertEqual(sorted(str(path) for path in foreign.rglob("*")), before, "nothing touched")

        try:
            refused(1, "there is no store", "backup", directory)
            house.start().people("ann")
            house.smtp().sendmail("o@side.test", ["ann@alpha.test"], letter("kept"))
            refused(2, "lie in each other", "backup", data / "backup")
            refused(2, "lie in each other", "backup", house.directory)
            refused(1, "has other files in it", "backup", foreign)
            refused(1, "is not a backup", "backup", foreign, "--list")
            backup(house, directory)
            refused(1, "a server runs", "restore", directory, "--replace")
            house.stop()
            refused(1, "is not a backup", "restore", foreign, "--replace")
            refused(1, "has a store already", "restore", directory)
            refused(1, "no checkpoint 7", "restore", directory, "--checkpoint", "7", "--replace")
            segment = directory / "files/log/0000000000000001"
            good = segment.read_bytes()
            segment.write_bytes(good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
            refused(1, "things are wrong", "verify", directory)
            refused(1, f"{segment} of the backup fails its checksum", "restore", directory, "--replace")
            segment.write_bytes(good[:-5])
            refused(1, f"{segment} of the backup is too short", "restore", directory, "--replace")
            segment.write_bytes(good)
            self.assertEqual(house.run("verify", str(directory), "--json", check=False).returncode, 0)
            manifest = directory / "checkpoints/00000001"
            text = manifest.read_text()
            manifest.write_text(text.replace("posthouse-checkpoint 1", "posthouse-checkpoint 9"))
            refused(1, "written by a newer posthouse", "restore", directory, "--replace")
            refused(1, "written by a newer posthouse", "backup", directory)
            manifest.write_text(text.replace("host mx", "host my"))
            refused(1, f"{manifest}: it is not what was written", "restore", directory, "--replace")
            manifest.write_text(text)
            # After all that, the store that was there is as it was.
            house.start()
            self.assertEqual(subjects(house), ["kept"])
            house.stop()
            made = json.loads(house.run("restore", str(directory), "--replace", "--json").stdout)
            self.assertTrue((data / made["moved_to"].rsplit("/", 1)[1] / "log").is_dir(), "the old store is kept")
            house.start()
            self.assertEqual(subjects(house), ["kept"])
        finally:
            house.close()

    def test_a_restore_cut_short_leaves_no_half_store(self):
        house = House(services=["smtp", "imaps"])
        directory = scratch("backup") / "kept"
        try:
            house.start().people("ann")
            house.smtp().sendmail("o@side.test", ["ann@alpha.test"], letter("kept", body=("z" * 78 + "\r\n") * 500_000))
            backup(house, directory)
            other = House(services=["smtp", "imaps"])
            environment = dict(os.environ, POSTHOUSE_CONFIG=str(other.config))
            draft = other.directory / "data/store.new/store"
            process = subprocess.Popen([BINARY, "restore", str(directory)], env=environment, stdout=subprocess.DEVNULL)
            until(lambda: draft.exists() or process.poll() is not None, what="the restore to begin")
            process.kill()
            if process.wait() == -signal.SIGKILL and draft.exists():
                done = other.run("account", "list", check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn("a restore into it was not finished", done.stderr)
                other.run("restore", str(directory))
            other.start()
            self.assertEqual(subjects(other), ["kept"])
            other.close()
        finally:
            house.close()
