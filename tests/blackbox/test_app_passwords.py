"""App passwords: made and revoked by commands while the server runs, each good for its services only."""

import imaplib
import json
import poplib
import smtplib
import unittest

from house import Authority, House
from scram import Scram, login_smtp

ANN = "ann@alpha.test"
REFUSED = (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPAuthenticationError)


class AppPasswords(unittest.TestCase):
    def setUp(self):
        self.house = House().start().people("ann")

    def tearDown(self):
        self.house.close()

    def add(self, name, *scopes):
        options = [part for scope in scopes for part in ("--scope", scope)]
        said = self.house.run("account", "app-password", "add", ANN, "--name", name, *options).stdout
        return said.splitlines()[-1]

    def listed(self):
        return json.loads(self.house.run("account", "app-password", "list", ANN, "--json").stdout)

    def good_for(self, password):
        good = []
        for name, login in (("imap", self.house.imap), ("pop3", self.house.pop3), ("submission", self.house.submission)):
            try:
                client = login(ANN, password)
            except REFUSED:
                continue
            good.append(name)
            client.quit() if name != "imap" else client.logout()
        return good

    def test_scopes_last_use_and_removal(self):
        passwords = {
            "phone": self.add("phone", "imap", "submission"),
            "fetcher": self.add("fetcher", "pop3"),
            "all": self.add("all"),
        }
        self.assertEqual([row["last_used"] for row in self.listed()], [None, None, None])
        scopes = {"phone": ["imap", "submission"], "fetcher": ["pop3"], "all": ["imap", "pop3", "submission"]}
        self.assertEqual({row["name"]: row["scopes"] for row in self.listed()}, scopes)
        for name, password in passwords.items():
            with self.subTest(name):
                self.assertEqual(self.good_for(password), scopes[name])
        with self.subTest("typed in another way"):
            self.assertEqual(self.good_for(passwords["fetcher"].upper().replace("-", "")), ["pop3"])
        with self.subTest("last use"):
            days = [row["last_used"] for row in self.listed()]
            self.assertRegex(days[0], r"^\d{4}-\d\d-\d\d$")
            self.assertEqual(self.house.stop(), 0)
            self.house.start()
            self.assertEqual([row["last_used"] for row in self.listed()], days)
        with self.subTest("removed"):
            self.house.run("account", "app-password", "remove", ANN, "--name", "all")
            self.assertEqual(self.good_for(passwords["all"]), [])
            self.assertEqual(self.good_for(passwords["fetcher"]), ["pop3"])
        with self.subTest("a table for people"):
            table = self.house.run("account", "app-password", "list", ANN).stdout.splitlines()
            self.assertEqual([line.split()[0] for line in table], ["NAME", "phone", "fetcher"])

    def test_scram(self):
        sender, reader = self.add("sender", "submission"), self.add("reader", "imap")
        for password, code in ((sender, 235), (reader, 535)):
            client = smtplib.SMTP_SSL("127.0.0.1", self.house.ports["submissions"], timeout=60, context=Authority.get().context())
            client.ehlo("client.test")
            self.assertEqual(login_smtp(client, Scram(ANN, password))[0], code)
            client.close()

    def test_what_is_refused(self):
        self.add("phone")
        for arguments, words in (
            (("add", ANN, "--name", "phone"), "already"),
            (("add", ANN, "--name", "x", "--scope", "smtp"), "submission"),
            (("add", "nobody@alpha.test", "--name", "x"), "no account"),
            (("remove", ANN, "--name", "x"), "no app password"),
        ):
            with self.subTest(" ".join(arguments)):
                done = self.house.run("account", "app-password", *arguments, check=False)
                self.assertEqual(done.returncode, 1)
                self.assertIn(words, done.stderr)
