"""Durable before acknowledged (promise P1): the order of the real server's system calls, seen by strace.

Each acknowledgement is given on a quiet server, so that every write and sync between the command and its answer is its
own. `Doctored` shows on changed traces that each thing that could be wrong is found.
"""

import base64
import imaplib
import poplib
import re
import socket
import unittest

import house
from calls import Strace, parse, problems
from house import PASSWORD, House, letter, until

USER = "ann@alpha.test"


class Lines:
    """A client that says exactly these bytes and reads line by line."""

    def __init__(self, port, *greeting):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.file = self.socket.makefile("rb")
        self.peer = self.socket.getsockname()[1]
        self.answer()
        for line in greeting:
            self.say(line.encode() + b"\r\n")

    def say(self, data):
        self.socket.sendall(data)
        return self.answer()

    def answer(self):
        """The last line of one reply."""
        while True:
            line = self.file.readline()
            if not line or line[3:4] != b"-":
                return line

    def close(self):
        self.file.close()
        self.socket.close()


def body(name, lines=3, sender="out@side.test"):
    """A message whose end is its own, so that it can be found again in the trace."""
    return letter(name, sender, body=f"{name} text\r\n" * lines + f"{name} ends here.\r\n")


class Order(unittest.TestCase):
    """One run of the server; afterwards its trace is asked about each acknowledgement."""

    def test_durable_before_acknowledged(self):
        reason = Strace.why_not()
        if reason:
            self.skipTest(reason)
        home = House(
            services=["smtp", "submission", "lmtp", "imap", "pop3"], plaintext=("submission", "imap", "pop3")
        )
        trace = Strace(house.BINARY, home.directory)
        self.said = []
        try:
            plain, house.BINARY = house.BINARY, str(trace.program)
            try:
                home.start()
            finally:
                house.BINARY = plain
            home.people("ann", "bob")
            self.smtp(home)
            self.submission(home)
            self.lmtp(home)
            self.imap(home)
            self.pop3(home)
            self.assertEqual(home.stop(), 0)
            calls = trace.calls(home.process.pid)
        finally:
            home.close()
        for name, peer, command, reply, contents in self.said:
            with self.subTest(name):
                self.assertEqual(problems(calls, f"{home.directory}/data/store", peer, command, reply, contents), [])

    def note(self, name, peer, command, reply, contents=None):
        self.said.append((name, peer, command, reply, contents))

    def smtp(self, home):
        client = Lines(home.ports["smtp"], "EHLO client.test")
        for name, lines in [("data", 3), ("data-large", 100_000)]:
            text = body(name, lines)
            for line in ["MAIL FROM:<out@side.test>", f"RCPT TO:<{USER}>", "DATA"]:
                client.say(line.encode() + b"\r\n")
            self.assertRegex(client.say(text + b".\r\n"), rb"^250 ")
            self.note(f"SMTP {name}", client.peer, text[-20:] + b".\r\n", b"250 2.0.0", text[-2000:])
        for name, lines in [("bdat", 3), ("bdat-large", 100_000)]:
            text = body(name, lines)
            half = len(text) // 2
            for line in ["MAIL FROM:<out@side.test>", f"RCPT TO:<{USER}>"]:
                client.say(line.encode() + b"\r\n")
            client.say(f"BDAT {half}\r\n".encode() + text[:half])
            self.assertRegex(client.say(f"BDAT {len(text) - half} LAST\r\n".encode() + text[half:]), rb"^250 ")
            self.note(f"SMTP {name}", client.peer, text[-20:], b"250 2.0.0", text[-2000:])
        client.close()

    def submission(self, home):
        """Into the queue, as nobody answers for that domain."""
        client = Lines(home.ports["submission"], "EHLO client.test")
        login = f"\0{USER}\0{PASSWORD}".encode()
        self.assertRegex(client.say(b"AUTH PLAIN " + base64.b64encode(login) + b"\r\n"), rb"^235 ")
        text = body("queued", sender=USER)
        for line in [f"MAIL FROM:<{USER}>", "RCPT TO:<far@away.test>", "DATA"]:
            client.say(line.encode() + b"\r\n")
        self.assertRegex(client.say(text + b".\r\n"), rb"^250 2.0.0 Ok: queued")
        self.note("submission DATA", client.peer, text[-20:] + b".\r\n", b"250 2.0.0", text[-60:])
        client.close()
        # What becomes of it is written beside what comes next, and would be taken for a part of that.
        until(lambda: not home.queue(), 20, "the report about it")

    def lmtp(self, home):
        client = Lines(home.ports["lmtp"], "LHLO client.test")
        text = body("lmtp")
        for line in ["MAIL FROM:<out@side.test>", f"RCPT TO:<{USER}>", "RCPT TO:<bob@alpha.test>", "DATA"]:
            client.say(line.encode() + b"\r\n")
        self.assertRegex(client.say(text + b".\r\n"), rb"^250 ")
        self.assertRegex(client.answer(), rb"^250 ")
        self.note("LMTP DATA, two recipients", client.peer, text[-20:] + b".\r\n", b"250 2.0.0", text[-60:])
        client.close()

    def imap(self, home):
        client = imaplib.IMAP4("127.0.0.1", home.ports["imap"], timeout=60)
        client.login(USER, PASSWORD)
        peer = client.sock.getsockname()[1]
        for name, lines in [("append", 3), ("append-large", 100_000)]:
            text = body(name, lines)
            self.assertEqual(client.append("INBOX", None, None, text)[0], "OK")
            self.note(f"IMAP {name}", peer, text[-20:] + b"\r\n", b"OK [APPENDUID", text[-2000:])
        client.select("INBOX")

        def uid(command, *arguments, reply):
            """The tag of the command makes it unique in the stream."""
            self.assertEqual(client.uid(command, *arguments)[0], "OK")
            tag = client.tagpre + str(client.tagnum - 1).encode()
            said = b" ".join([tag, b"UID", command.encode(), *[part.encode() for part in arguments]]) + b"\r\n"
            self.note(f"IMAP {command} {arguments[1] if len(arguments) > 1 else ''}", peer, said, tag + reply, None)

        uid("STORE", "1", "+FLAGS", "(marked-here)", reply=b" OK")
        self.said[-1] = (*self.said[-1][:4], b"marked-here")
        uid("COPY", "1", "Drafts", reply=b" OK [COPYUID")
        uid("MOVE", "2", "Sent", reply=b" OK")
        uid("STORE", "1", "+FLAGS.SILENT", "(\\Deleted)", reply=b" OK")
        self.assertEqual(client.expunge()[0], "OK")
        tag = client.tagpre + str(client.tagnum - 1).encode()
        self.note("IMAP EXPUNGE", peer, tag + b" EXPUNGE\r\n", tag + b" OK")
        self.assertEqual(client.create("New-place")[0], "OK")
        tag = client.tagpre + str(client.tagnum - 1).encode()
        self.note("IMAP CREATE", peer, tag + b' CREATE New-place\r\n', tag + b" OK", b"New-place")
        client.logout()

    def pop3(self, home):
        client = poplib.POP3("127.0.0.1", home.ports["pop3"], timeout=60)
        peer = client.sock.getsockname()[1]
        client.user(USER)
        client.pass_(PASSWORD)
        client.dele(1)
        client.quit()
        self.note("POP3 QUIT with a deletion", peer, b"QUIT\r\n", b"+OK")


LOG = "/s/log/1"
GOOD = r"""
7 1.0 openat(AT_FDCWD</>, "/s/log/1", O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600) = 10</s/log/1>
7 1.1 pwrite64(10</s/log/1>, "PHSTORE\n\1", 9, 0) = 9
7 1.2 fsync(10</s/log/1>) = 0 (DELAYED)
7 1.3 fsync(11</s/log> <unfinished ...>
8 1.4 recvfrom(15<TCP:[127.0.0.1:25->127.0.0.1:999]>, "DATA\r\n", 16384, 0, NULL, NULL) = 6
7 1.5 <... fsync resumed>) = 0 (DELAYED)
8 1.6 sendto(15<TCP:[127.0.0.1:25->127.0.0.1:999]>, "354 go\r\n", 8, MSG_NOSIGNAL, NULL, 0) = 8
8 1.7 recvfrom(15<TCP:[127.0.0.1:25->127.0.0.1:999]>, "dear Ann", 16384, 0, NULL, NULL) = 8
8 1.8 recvfrom(15<TCP:[127.0.0.1:25->127.0.0.1:999]>, ", \"hi\"\r\n.\r\n", 16384, 0, NULL, NULL) = 11
7 1.9 pwrite64(10</s/log/1>, "PHr\1xxdear Ann, \"hi\"\r\n", 22, 64 <unfinished ...>
9 2.0 pwrite64(12</s/index/7>, "cache", 5, 0) = 5
7 2.1 <... pwrite64 resumed>) = 22
7 2.2 fdatasync(10</s/log/1> <unfinished ...>
7 2.3 <... fdatasync resumed>) = 0 (DELAYED)
8 2.4 sendto(15<TCP:[127.0.0.1:25->127.0.0.1:999]>, "250 2.0.0 Ok\r\n", 14, MSG_NOSIGNAL, NULL, 0) = 14
"""


def found(trace):
    contents = b'dear Ann, "hi"\r\n'
    return problems(parse(trace.strip()), "/s", 999, contents + b".\r\n", b"250 2.0.0", contents)


class Doctored(unittest.TestCase):
    """A trace in which all is well, and what the check says once something is not."""

    def test_the_check_can_fail(self):
        lines = GOOD.strip().splitlines()
        place = lambda text: next(index for index, line in enumerate(lines) if text in line)

        def without(*texts):
            return "\n".join(line for line in lines if not any(text in line for text in texts))

        def moved(text, before):
            rest = without(text).splitlines()
            at = next(index for index, line in enumerate(rest) if before in line)
            return "\n".join([*rest[:at], lines[place(text)], *rest[at:]])

        self.assertEqual(found(GOOD), [])
        cases = [
            ("no sync at all", without("fdatasync"), "without a sync"),
            ("the sync has not returned", moved("250 2.0.0", "<... fdatasync"), "before the sync had returned"),
            ("it never returns", without("<... fdatasync"), "before the sync had returned"),
            ("the sync came later", moved("250 2.0.0", "7 2.2 fdatasync"), "without a sync"),
            ("it failed", GOOD.replace("<... fdatasync resumed>) = 0", "<... fdatasync resumed>) = -1 EIO (Input/output error)"), "failed with EIO"),
            (
                "it failed and was tried again",
                GOOD.replace(
                    "7 2.3 <... fdatasync resumed>) = 0 (DELAYED)",
                    "7 2.3 <... fdatasync resumed>) = -1 EIO (Input/output error)\n7 2.3 fdatasync(10</s/log/1>) = 0",
                ),
                "failed with EIO",
            ),
            ("it was of another file", GOOD.replace("fdatasync(10</s/log/1>", "fdatasync(12</s/index/7>"), "without a sync"),
            ("it began before the write ended", moved("<... pwrite64 resumed", "7 2.3"), "without a sync"),
            ("nothing was written", without("1.9 pwrite64", "2.1"), "no record"),
            ("something else was written", GOOD.replace('xxdear Ann', 'xxdear Bob'), "not written"),
            ("less was written than asked", GOOD.replace("pwrite64 resumed>) = 22", "pwrite64 resumed>) = 12"), "not written"),
            ("the new file was not synced", without("1.2 fsync"), "before the new file was synced"),
            ("only its data were", GOOD.replace("1.2 fsync", "1.2 fdatasync"), "before the new file was synced"),
            ("its directory was not", without("1.3 fsync", "<... fsync"), "before its directory was synced"),
            ("that failed", GOOD.replace("<... fsync resumed>) = 0", "<... fsync resumed>) = -1 EIO (Input/output error)"), "before its directory"),
            ("that came late", moved("1.5 <... fsync", "2.4 sendto"), "before its directory"),
            ("a name was not synced", GOOD.replace("9 2.0", '9 2.0 rename("/s/a.new", "/s/a") = 0\n9 2.0'), "a: renamed"),
            ("no answer", without("250 2.0.0"), "never told"),
            ("no command", without("1.8 recv"), "never read"),
        ]
        for name, trace, words in cases:
            with self.subTest(name):
                self.assertRegex("\n".join(found(trace)) or "nothing", re.escape(words))


if __name__ == "__main__":
    unittest.main()
