"""Bytes stored = bytes received, for every message of the corpus, by IMAP and by POP3."""

import re
import unittest

from corpus import corpus
from house import House

USER = "ann@alpha.test"
# Without one of these in its header a message has no parts.
PARTS = re.compile(rb"multipart|message/|digest", re.I)
TRACE = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*\Z")


class Corpus(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House().start().people("ann")
        cls.corpus = list(corpus())
        cls.replies = {}
        for name, message in cls.corpus:
            client = cls.house.smtp()
            client.ehlo()
            client.mail("out@side.test", ["BODY=8BITMIME"])
            client.rcpt(USER)
            cls.replies[name] = client.data(message)
            client.quit()

    @classmethod
    def tearDownClass(cls):
        cls.house.close()

    def test_200_or_more(self):
        self.assertGreaterEqual(len(self.corpus), 200)

    def test_all_are_accepted(self):
        for name, _ in self.corpus:
            with self.subTest(name):
                self.assertEqual(self.replies[name][0], 250, self.replies[name])

    def compare(self, stored):
        accepted = [item for item in self.corpus if self.replies[item[0]][0] == 250]
        self.assertEqual(len(stored), len(accepted))
        for (name, message), found in zip(accepted, stored):
            with self.subTest(name):
                self.assertTrue(found.endswith(message), f"{name}: stored {found[-200:]!r}")
                self.assertRegex(found[: len(found) - len(message)], TRACE)

    def test_imap(self):
        client = self.house.imap(USER)
        _, count = client.select("INBOX", readonly=True)
        stored = []
        for number in range(1, int(count[0]) + 1):
            _, data = client.fetch(str(number), "(RFC822.SIZE BODY.PEEK[])")
            size = int(re.search(rb"RFC822.SIZE (\d+)", b" ".join(p if isinstance(p, bytes) else p[0] for p in data))[1])
            self.assertEqual(size, len(data[0][1]))
            stored.append(data[0][1])
        self.compare(stored)
        for number in range(1, int(count[0]) + 1):
            self.assertEqual(client.fetch(str(number), "(ENVELOPE BODYSTRUCTURE BODY.PEEK[TEXT] BODY.PEEK[1])")[0], "OK")
        client.logout()

    def test_pop3(self):
        client = self.house.pop3(USER, utf8=True)
        stored = [b"".join(line + b"\r\n" for line in client.retr(n)[1]) for n in range(1, client.stat()[0] + 1)]
        self.compare(stored)
        client.quit()


    def test_pop3_without_utf8(self):
        """RFC 6856 §2.1, RFC 6858: header sections in ASCII, those of parts too; where they are that already, the same bytes."""
        client = self.house.pop3(USER)
        shown = [client.retr(n) for n in range(1, client.stat()[0] + 1)]
        client.quit()
        accepted = [item for item in self.corpus if self.replies[item[0]][0] == 250]
        self.assertEqual(len(shown), len(accepted))
        for (name, message), (reply, lines, _) in zip(accepted, shown):
            with self.subTest(name):
                found = b"".join(line + b"\r\n" for line in lines)
                self.assertEqual(int(reply.split()[1]), len(found), reply)
                header, mark, body = message.partition(b"\r\n\r\n")
                self.assertTrue(found.partition(b"\r\n\r\n")[0].isascii(), f"{name}: {found[:2000]!r}")
                if message.isascii() or (header.isascii() and not PARTS.search(header)):
                    self.assertTrue(found.endswith(message), f"{name}: {found[-200:]!r}")
                elif not PARTS.search(header):
                    self.assertTrue(found.endswith(mark + body), f"{name}: {found[-200:]!r}")


class LineEnds(unittest.TestCase):
    """What ends a line, and what does not (RFC 5321 §2.3.8)."""

    @classmethod
    def setUpClass(cls):
        cls.house = House().start().people("ann", "bob")

    @classmethod
    def tearDownClass(cls):
        cls.house.close()

    def deliver(self, body):
        client = self.house.smtp()
        client.ehlo()
        client.mail("out@side.test")
        client.rcpt(USER)
        client.docmd("DATA")
        client.send(body)
        return client.getreply()

    def test_bare_line_ends_are_refused_from_outside(self):
        before = len(self.house.messages(USER))
        bodies = {
            "bare LF": b"Subject: x\r\n\r\na\nb\r\n.\r\n",
            "bare CR": b"Subject: x\r\n\r\na\rb\r\n.\r\n",
            "LF dot LF": b"Subject: x\r\n\r\na\n.\nMAIL FROM:<evil@side.test>\r\n.\r\n",
            "LF dot CRLF": b"Subject: x\r\n\r\na\n.\r\nMAIL FROM:<evil@side.test>\r\n.\r\n",
            "CR dot CR": b"Subject: x\r\n\r\na\r.\rMAIL FROM:<evil@side.test>\r\n.\r\n",
            "CRLF dot LF": b"Subject: x\r\n\r\na\r\n.\nMAIL FROM:<evil@side.test>\r\n.\r\n",
        }
        for name, body in bodies.items():
            with self.subTest(name):
                code, text = self.deliver(body)
                self.assertEqual((code, text[:5]), (550, b"5.5.2"))
                self.assertEqual(len(self.house.messages(USER)), before)

    def test_bare_line_feeds_are_mended_from_our_users(self):
        client = self.house.submission("bob@alpha.test")
        client.ehlo()
        client.mail("bob@alpha.test")
        client.rcpt(USER)
        client.docmd("DATA")
        client.send(b"From: bob@alpha.test\nSubject: mended\n\na\nb\r\n.\r\n")
        self.assertEqual(client.getreply()[0], 250)
        found = self.house.wait_for(USER, "Subject: mended")
        self.assertTrue(found.endswith(b"\r\na\r\nb\r\n"), found)
        self.assertNotIn(b"\n", found.replace(b"\r\n", b""))

    def test_bdat_keeps_a_missing_final_line_end(self):
        message = b"Subject: chunks\r\n\r\nno final newline"
        client = self.house.smtp()
        client.ehlo()
        self.assertIn("chunking", client.esmtp_features)
        client.mail("out@side.test")
        client.rcpt(USER)
        client.send(b"BDAT 10\r\n" + message[:10])
        self.assertEqual(client.getreply()[0], 250)
        client.send(b"BDAT %d LAST\r\n" % (len(message) - 10) + message[10:])
        self.assertEqual(client.getreply()[0], 250)
        self.assertTrue(self.house.wait_for(USER, "Subject: chunks").startswith(b"Return-Path:"))
        self.assertIn(message.rstrip(), self.house.wait_for(USER, "Subject: chunks"))
