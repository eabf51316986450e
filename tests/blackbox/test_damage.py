"""Damage in the files of a store: what is said of it, that everything else goes on, and what is not touched."""

import hashlib
import json
import poplib
import subprocess
import struct
import unittest
import zlib
from pathlib import Path

from house import BINARY, House, NameServer, letter, until


def store_of(house):
    return house.directory / "data" / "store"


def find(house, needle):
    """The only file of the store that holds these bytes, and where."""
    found = []
    for part in ["log", "bodies", "archive"]:
        for path in sorted((store_of(house) / part).iterdir()):
            at = path.read_bytes().find(needle)
            if at >= 0:
                found.append((path, at))
    assert len(found) == 1, found
    return found[0]


def flip(path, at):
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0x20]))


def verify(house, *arguments):
    done = house.run("verify", "--json", *arguments, check=False)
    return done.returncode, json.loads(done.stdout)


def tree(directory):
    """What every file holds; the lock is always empty."""
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(directory.rglob("*")) if path.is_file() and path.name != "lock"}


class Damage(unittest.TestCase):
    def setUp(self):
        self.house = House(extra='\n[store]\nscrub = "1m"\n')
        self.addCleanup(self.house.close)
        self.house.start().people("ann", "bob")
        with self.house.smtp() as client:
            client.sendmail("out@side.test", ["ann@alpha.test"], letter("first", body="first words\r\n"))
            client.sendmail("out@side.test", ["ann@alpha.test"], letter("second", body="second words\r\n"))
            client.sendmail("out@side.test", ["ann@alpha.test"], letter("third", body="third words\r\n" * 40_000))
        self.house.wait_for("ann@alpha.test", "third words")

    def test_one_damaged_message_is_told_of_and_all_else_goes_on(self):
        house = self.house
        self.assertEqual(verify(house)[0], 0, "sound, by the running server")
        for needle, uid in [(b"second words", 2), (b"third words\r\nthird", 3)]:
            path, at = find(house, needle)
            flip(path, at)
            status, report = verify(house)
            self.assertEqual(status, 1)
            finding = next(f for f in report["findings"] if f["kind"] == "message" and f["message"]["uid"] == uid)
            self.assertEqual((finding["message"]["account"], finding["message"]["mailbox"]), ("ann@alpha.test", "INBOX"))
            self.assertEqual(finding["message"]["subject"], {2: "second", 3: "third"}[uid])
            self.assertEqual(finding["message"]["from"], "out@side.test")
            self.assertTrue(path.match(finding["file"]))
            self.assertTrue(finding["from"] <= at < finding["to"])
        self.assertEqual(len([f for f in report["findings"]]), 2, report)
        self._readers()
        with house.smtp() as client:
            client.sendmail("out@side.test", ["ann@alpha.test"], letter("fourth"))
        until(lambda: b"OK" in house.imap("ann@alpha.test").noop()[0].encode(), what="the server to go on")
        self.assertEqual(house.stop(), 0)
        status, at_rest = verify(house)
        self.assertEqual((status, len(at_rest["findings"])), (1, 2), at_rest)
        status, by_path = verify(house, str(store_of(house)))
        self.assertEqual(by_path["findings"], at_rest["findings"])
        self.assertIn("UID 2 \"second\" from out@side.test", house.run("verify", check=False).stdout)

    def _readers(self):
        """The damaged ones are refused, for themselves."""
        imap = self.house.imap("ann@alpha.test")
        imap.select()
        for uid in [2, 3]:
            status, said = imap.uid("FETCH", str(uid), "(BODY.PEEK[])")
            self.assertEqual(status, "NO", said)
            self.assertIn(b"[CORRUPTION]", said[0])
        status, said = imap.uid("FETCH", "1", "(BODY.PEEK[])")
        self.assertEqual(status, "OK")
        status, said = imap.uid("FETCH", "1:3", "(FLAGS ENVELOPE)")
        self.assertEqual((status, len(said)), ("OK", 3), "what is known of them is still told")
        imap.logout()
        pop3 = self.house.pop3("ann@alpha.test")
        self.assertIn(b"first words", pop3.retr(1)[1])
        with self.assertRaises(poplib.error_proto):
            pop3.retr(2)
        pop3.quit()

    def test_the_scrub_finds_it_by_itself(self):
        house = self.house
        path, at = find(house, b"second words")
        flip(path, at)
        status = until(lambda: (lambda s: s if s["store"]["damaged"] else None)(house.status()), 120, "the scrub to find it")
        self.assertEqual(status["store"]["damaged"], 1)
        journeys = house.trace("--subject", "second")
        self.assertIn("damaged", json.dumps(journeys))
        self.assertNotIn("damaged and cannot", json.dumps(house.trace("--subject", "first")))


class Repair(unittest.TestCase):
    def setUp(self):
        self.house = House()
        self.addCleanup(self.house.close)
        self.house.start().people("ann")
        with self.house.smtp() as client:
            for subject in ["first", "second", "third"]:
                client.sendmail("out@side.test", ["ann@alpha.test"], letter(subject, body=f"{subject} words\r\n"))
        self.house.wait_for("ann@alpha.test", "third words")

    def repair(self, *arguments):
        done = self.house.run("repair", "--json", *arguments, check=False)
        return done.returncode, json.loads(done.stdout)

    def test_nothing_to_do_and_not_beside_a_server(self):
        done = self.house.run("repair", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("stop it first", done.stderr)
        self.assertEqual(self.house.stop(), 0)
        before = tree(store_of(self.house))
        status, outcome = self.repair()
        self.assertEqual((status, outcome["steps"], outcome["changed"]), (0, [], False))
        self.assertEqual(tree(store_of(self.house)), before, "a dry run touches nothing")
        self.assertEqual(self.repair("--yes")[0], 0)

    def test_a_lost_message_stays_until_the_operator_lets_it_go(self):
        house = self.house
        flip(*find(house, b"second words"))
        self.assertEqual(house.stop(), 0)
        before = tree(store_of(house))
        status, outcome = self.repair("--drop-lost")
        self.assertEqual((status, outcome["steps"]), (1, ["remove messages that cannot be read (1)"]))
        self.assertEqual(tree(store_of(house)), before, "a dry run touches nothing")
        status, outcome = self.repair("--yes")
        self.assertEqual((status, [f["kind"] for f in outcome["report"]["findings"]]), (1, ["message"]))
        house.start()
        imap = house.imap("ann@alpha.test")
        self.assertEqual(imap.select()[1], [b"3"], "it is still shown")
        imap.logout()
        self.assertEqual(house.stop(), 0)
        status, outcome = self.repair("--yes", "--drop-lost")
        self.assertEqual((status, outcome["steps"]), (0, ["1 messages removed that could not be read"]), outcome)
        house.start()
        self.assertEqual([b"second" in body for body in house.messages("ann@alpha.test")], [False, False])
        self.assertEqual(verify(house)[0], 0)

    def test_a_damaged_index_is_built_again(self):
        house = self.house
        self.assertEqual(house.stop(), 0)
        tables = sorted((store_of(house) / "index" / "tables").iterdir())
        for table in tables:
            flip(table, table.stat().st_size // 3)
        status, outcome = self.repair("--yes")
        self.assertEqual(status, 0, outcome)
        self.assertTrue(any("the index was rebuilt" in step for step in outcome["steps"]), outcome)
        house.start()
        self.assertEqual(len(house.messages("ann@alpha.test")), 3)

    def test_what_the_log_has_lost_and_the_index_knows_is_written_again(self):
        house = self.house
        path, at = find(house, b"second words")
        self.assertEqual(house.stop(), 0)
        flip(path, path.read_bytes().index(b"ann@alpha.test", at))  # in the changes of that commit, behind its body
        self.assertEqual(len(verify(house)[1]["findings"]) > 0, True)
        status, outcome = self.repair("--yes")
        self.assertTrue(any("written to the log again" in step for step in outcome["steps"]), outcome)
        kinds = {finding["kind"] for finding in outcome["report"]["findings"]}
        self.assertEqual((status, kinds), (1, {"log"}), "the damaged file stays as it is")
        for part in (store_of(house) / "index" / "tables").iterdir():
            part.unlink()
        (store_of(house) / "index.damaged").touch()
        house.start()
        self.assertEqual(len(house.messages("ann@alpha.test")), 3, "also with an index built from the log alone")


class Leaving(unittest.TestCase):
    def test_damaged_mail_in_the_queue_is_reported_to_its_sender(self):
        away = House(domain="away.test")
        self.addCleanup(away.close)
        away.start().people("x")
        names = NameServer({"away.test": {"MX": [(10, "mx.away.test")]}, "mx.away.test": {"A": ["127.0.0.1"]},
                            "alpha.test": {"MX": [(10, "mx.alpha.test")]}, "mx.alpha.test": {"A": ["127.0.0.1"]}})
        self.addCleanup(names.close)
        house = House(outbound=away.ports["smtp"], names=names)
        self.addCleanup(house.close)
        house.start().people("bob")
        self.assertEqual(away.stop(), 0)
        for subject in ["leaving", "staying"]:
            with house.submission("bob@alpha.test") as client:
                client.sendmail("bob@alpha.test", ["x@away.test"], letter(subject, sender="bob@alpha.test", body=f"{subject} words\r\n"))
        items = until(lambda: (lambda q: q if len(q) == 2 else None)(house.queue()), what="the items")
        house.run("queue", "hold", "--all")
        flip(*find(house, b"leaving words"))
        status, report = verify(house)
        damaged = [f["item"] for f in report["findings"] if f["kind"] == "queue"]
        self.assertEqual((status, len(damaged)), (1, 1), report)
        self.assertIn(damaged[0], [item["id"] for item in items])
        away._write("", ["smtp", "imaps"], 25, "", {"smtp": away.ports["smtp"]}, (), (), ())
        away.start()
        house.run("queue", "release", "--all")
        house.run("queue", "retry", "--all")
        away.wait_for("x@away.test", "staying words")
        report = house.wait_for("bob@alpha.test", "damaged in this server's storage")
        self.assertIn(b"Status: 5.3.0", report)
        until(lambda: not house.queue(), what="the queue to be empty: nothing is tried for ever")
        self.assertEqual(len(away.messages("x@away.test")), 1, "what is damaged is never sent")


def renumbered(header, **changes):
    """The header of a file of a store, changed, with its checksum."""
    values = dict(zip(["magic", "format", "kind", "number", "run", "salt"], struct.unpack_from("<8sIIQQQ", header)))
    values.update(changes)
    head = struct.pack("<8sIIQQQ", *values.values()) + header[40:60]
    return head + struct.pack("<I", zlib.crc32(head))


class NotOurs(unittest.TestCase):
    """Each is one clear error, status 1, and nothing is touched."""

    def setUp(self):
        self.house = House()
        self.addCleanup(self.house.close)
        self.house.start().people("ann")
        self.assertEqual(self.house.stop(), 0)
        self.store = store_of(self.house)
        self.segment = sorted((self.store / "log").iterdir())[0]

    def refused(self, words):
        before = tree(self.store)
        for command in [["serve"], ["account", "list"]]:
            done = self.house.run(*command, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            errors = [line for line in done.stderr.splitlines() if line.startswith("posthouse:")]
            self.assertEqual(len(errors), 1, done.stderr)
            for word in words:
                self.assertIn(word, errors[0])
        self.assertEqual(tree(self.store), before, "nothing was touched")

    def test_a_newer_format(self):
        whole = self.segment.read_bytes()
        self.segment.write_bytes(renumbered(whole[:64], format=99) + whole[64:])
        self.refused([str(self.segment), "newer posthouse"])

    def test_a_segment_of_another_store(self):
        whole = self.segment.read_bytes()
        other = self.segment.with_name("00000000000000ff")
        other.write_bytes(renumbered(whole[:64], salt=4711, number=255) + whole[64:])
        self.refused([str(other), "move it away"])

    def test_a_file_that_is_no_segment(self):
        other = self.segment.with_name("00000000000000ff")
        other.write_bytes(b"my shopping list\n" * 100)
        self.refused([str(other), "move it away"])

    def test_no_log(self):
        (self.store / "bodies" / "0000010000000001").write_bytes(b"x" * 100)
        for path in (self.store / "log").iterdir():
            path.unlink()
        self.refused(["the log is gone"])

    def test_files_of_others_are_left_alone(self):
        notes = [self.store / "log" / "notes.txt", self.store / "bodies" / "12", self.house.directory / "data" / "README"]
        for path in notes:
            path.write_text("mine")
        self.house.start()
        self.assertEqual(self.house.stop(), 0)
        self.assertEqual([path.read_text() for path in notes], ["mine"] * 3)

    def test_a_second_process(self):
        self.house.start()
        done = subprocess.run([BINARY, "verify", str(self.store)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("in use by another posthouse", done.stderr)
        done = self.house.run("serve", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("in use", done.stderr)
        self.assertEqual(self.house.stop(), 0)


if __name__ == "__main__":
    unittest.main()
