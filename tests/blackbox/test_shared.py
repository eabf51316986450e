"""Shared mailboxes: given and taken back by commands, seen below `Shared Folders` or `Other Users`, and told of as they change."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import unittest

from house import PASSWORD, House, letter, scratch, until
from peers import mbsyncrc

TEAM, ANN, BOB = "team@alpha.test", "ann@alpha.test", "bob@alpha.test"


class Watcher:
    """A client that has said NOTIFY and hears what comes by itself."""

    def __init__(self, house, user, groups):
        self.client = house.imap(user)
        status, data = self.client.xatom("NOTIFY", "SET", groups)
        assert status == "OK", data
        self.came = b""  # behind the answer, nothing is left in the library's buffer

    def line(self, seconds=20.0):
        """The next line; nothing if none comes in that time."""
        while b"\n" not in self.came:
            if not self.client.sock.pending() and not select.select([self.client.sock], [], [], seconds)[0]:
                return None
            self.came += self.client.sock.recv(4096)
        line, self.came = self.came.split(b"\n", 1)
        return line.decode().rstrip("\r")


class Shared(unittest.TestCase):
    def setUp(self):
        self.house = House(services=["smtp", "imaps"])
        self.addCleanup(self.house.close)
        self.house.start().people("team", "ann", "bob")

    def rights(self, *arguments, check=True):
        return self.house.run("account", "rights", *arguments, check=check)

    def listed(self, *arguments):
        return json.loads(self.rights("list", TEAM, "--json", *arguments).stdout)

    def send(self, subject):
        with self.house.smtp() as smtp:
            smtp.sendmail("out@side.test", [TEAM], letter(subject, to=TEAM))

    def names(self, user, pattern):
        client = self.house.imap(user)
        _, lines = client.list('""', pattern)
        client.logout()
        return [re.search(rb'"/" "?([^"]*)"?$', line)[1].decode() for line in lines if line]

    def test_commands(self):
        house = self.house
        self.assertEqual(self.listed(), [])
        self.assertIn("Nobody else", self.rights("list", TEAM).stdout)
        said = self.rights("grant", TEAM, "--mailbox", "inbox", "--to", BOB, "--rights", "lrs").stdout
        self.assertIn('found as "Other Users/team@alpha.test/INBOX"', said)
        self.rights("grant", TEAM, "--mailbox", "INBOX", "--to", BOB, "--rights", "it")
        self.rights("grant", TEAM, "--mailbox", "INBOX", "--to", "-" + BOB, "--rights", "s")
        self.rights("grant", TEAM, "--all", "--to", ANN, "--rights", "lr")
        row = lambda mailbox, who, rights: {"mailbox": mailbox, "who": who, "rights": rights}
        inbox = [row("INBOX", BOB, "lrsit"), row("INBOX", "-" + BOB, "s"), row("INBOX", ANN, "lr")]
        others = [row(name, ANN, "lr") for name in ("Archive", "Drafts", "Junk", "Sent", "Trash")]
        self.assertEqual(self.listed("--mailbox", "INBOX"), inbox)
        self.assertEqual(sorted(self.listed(), key=str), sorted(inbox + others, key=str))
        table = self.rights("list", TEAM, "--mailbox", "Sent").stdout.splitlines()
        self.assertEqual([line.split() for line in table], [["MAILBOX", "WHO", "RIGHTS"], ["Sent", ANN, "lr"]])
        with self.subTest("IMAP says the same"):
            client = house.imap(TEAM)
            _, (data,) = client.getacl("INBOX")
            self.assertEqual(data.split()[3:], [BOB.encode(), b"lrsitd", b"-" + BOB.encode(), b"s", ANN.encode(), b"lr"])
            client.logout()
        with self.subTest("taken back"):
            self.rights("revoke", TEAM, "--mailbox", "INBOX", "--from", BOB, "--rights", "rsi")
            self.rights("revoke", TEAM, "--mailbox", "INBOX", "--from", "-" + BOB)
            self.rights("revoke", TEAM, "--all", "--from", ANN)
            self.assertEqual(self.listed(), [row("INBOX", BOB, "lt")])
            said = self.rights("revoke", TEAM, "--mailbox", "INBOX", "--from", ANN).stdout
            self.assertIn("nothing is changed", said)
        for arguments, words in (
            (["grant", TEAM, "--mailbox", "Inbx", "--to", BOB, "--rights", "lr"], "it has: Archive, Drafts, INBOX"),
            (["grant", TEAM, "--mailbox", "INBOX", "--to", BOB, "--rights", "lq"], "l (see it in lists)"),
            (["grant", TEAM, "--mailbox", "INBOX", "--to", "nobody@alpha.test", "--rights", "lr"], "nobody@alpha.test"),
            (["grant", TEAM, "--mailbox", "INBOX", "--to", TEAM, "--rights", "lr"], "has every right"),
            (["grant", TEAM, "--mailbox", "INBOX", "--to", "anyone", "--rights", "lr"], "share_with_anyone"),
            (["list", "nobody@alpha.test"], "nobody@alpha.test"),
        ):
            with self.subTest(words):
                done = self.rights(*arguments, check=False)
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertIn(words, done.stderr)
        with self.subTest("a mailbox, or all of them"):
            done = self.rights("grant", TEAM, "--to", BOB, "--rights", "lr", check=False)
            self.assertEqual(done.returncode, 2)
        with self.subTest("without a server"):
            before = self.listed()
            self.assertEqual(house.stop(), 0)
            self.assertEqual(self.listed(), before)
            self.rights("grant", TEAM, "--mailbox", "Sent", "--to", BOB, "--rights", "lr")
            house.start()
            self.assertIn(row("Sent", BOB, "lr"), self.listed())

    def test_the_shared_namespace(self):
        house = self.house
        self.rights("grant", TEAM, "--mailbox", "INBOX", "--to", BOB, "--rights", "lrswite")
        client = house.imap(BOB)
        _, (namespaces,) = client.namespace()
        self.assertEqual(namespaces, b'(("" "/")) (("Other Users/" "/")) (("Shared Folders/" "/"))')
        client.logout()
        self.assertEqual(self.names(BOB, '"Shared Folders/*"'), [])
        said = house.run("account", "shared", TEAM, "on").stdout
        self.assertIn('finds it as "Shared Folders/team@alpha.test/INBOX"', said)
        self.assertTrue(json.loads(house.run("account", "show", TEAM, "--json").stdout)["shared"])
        self.assertEqual(self.names(BOB, '"Other Users/*"'), [])
        self.assertIn("Shared Folders/team@alpha.test/INBOX", self.names(BOB, '"Shared Folders/*"'))
        self.send("for all of us")
        house.wait_for(BOB, "for all of us", mailbox="Shared Folders/team@alpha.test/INBOX")
        with self.subTest("kept over a restart, a disabled login and a removed account"):
            house.run("account", "disable", TEAM)
            house.run("account", "remove", TEAM)
            self.assertEqual(self.names(BOB, '"Shared Folders/*"'), [])
            house.run("account", "restore", TEAM)
            self.assertEqual(house.stop(), 0)
            house.start()
            self.assertIn("Shared Folders/team@alpha.test/INBOX", self.names(BOB, '"Shared Folders/*"'))
        house.run("account", "shared", TEAM, "off")
        self.assertEqual(self.names(BOB, '"Shared Folders/*"'), [])
        self.assertIn("Other Users/team@alpha.test/INBOX", self.names(BOB, '"Other Users/*"'))
        done = house.run("account", "shared", "nobody@alpha.test", "on", check=False)
        self.assertEqual(done.returncode, 1)

    def test_news_as_they_happen(self):
        house = self.house
        house.run("account", "shared", TEAM, "on")
        bob = Watcher(house, BOB, '(subtree "Shared Folders" (MessageNew MessageExpunge MailboxName))')
        inbox = '"Shared Folders/team@alpha.test/INBOX"'
        self.send("before he may see it")
        house.wait_for(TEAM, "before he may see it")
        self.rights("grant", TEAM, "--mailbox", "INBOX", "--to", BOB, "--rights", "lr")
        lines = [bob.line(), bob.line(), bob.line()]
        self.assertIn(f'* LIST (\\HasNoChildren) "/" {inbox}', lines)
        self.assertTrue(lines[-1].startswith(f"* STATUS {inbox} (MESSAGES 1 "), lines)
        self.send("he is told")
        self.assertRegex(bob.line(), rf"^\* STATUS {inbox} \(MESSAGES 2 UIDNEXT 3 ")
        self.rights("revoke", TEAM, "--mailbox", "INBOX", "--from", BOB)
        lines = [bob.line(), bob.line()]
        self.assertIn(f'* LIST (\\NonExistent \\HasNoChildren) "/" {inbox}', lines)
        self.send("he is not told")
        house.wait_for(TEAM, "he is not told")
        self.assertIsNone(bob.line(1.0))
        with self.subTest("what all are given, when the operator allows it"):
            for allowed, attributes in ((True, "\\HasNoChildren"), (False, "\\NonExistent \\HasNoChildren")):
                config = house.config.read_text().replace("share_with_anyone = true\n", "")
                allow = "[limits]\nshare_with_anyone = true\n" if allowed else "[limits]\n"
                house.config.write_text(config.replace("[limits]\n", allow))
                house.process.send_signal(signal.SIGHUP)
                if allowed:
                    grant = ["grant", TEAM, "--mailbox", "INBOX", "--to", "anyone", "--rights", "lr"]
                    until(lambda: self.rights(*grant, check=False).returncode == 0, what="the new configuration")
                lines = [bob.line(), bob.line()]
                self.assertIn(f'* LIST ({attributes}) "/" {inbox}', lines)
                if allowed:
                    self.assertTrue(bob.line().startswith(f"* STATUS {inbox} (MESSAGES 3 "))
        bob.client.logout()

    @unittest.skipUnless(shutil.which("mbsync"), "no mbsync")
    def test_mbsync_reads_and_writes_there(self):
        house = self.house
        house.run("account", "shared", TEAM, "on")
        self.rights("grant", TEAM, "--mailbox", "INBOX", "--to", BOB, "--rights", "lrswite")
        self.send("for all of us")
        house.wait_for(TEAM, "for all of us")
        directory = scratch("mbsync")
        config = mbsyncrc(directory, house.ports["imaps"], BOB, '"Shared Folders/*"', create="Near")
        command = ["mbsync", "-c", config, "all"]
        sync = lambda: subprocess.run(command, check=True, capture_output=True, env={"HOME": str(directory), "PATH": os.environ["PATH"]})
        sync()
        folder = directory / "mail/Shared Folders/team@alpha.test/INBOX"
        (body,) = [path.read_bytes() for path in folder.glob("[cn]*/*")]
        self.assertIn(b"Subject: for all of us", body)
        (folder / "new/1.mine").write_bytes(letter("born here").replace(b"\r\n", b"\n"))
        sync()
        house.wait_for(TEAM, "born here")
