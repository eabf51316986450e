"""Postfix, Exim and OpenSMTPD as the other mail server, in both directions: one table of what is sent, and what then happens.

Where a server cannot do what a row is about, its cell says why, and what happens instead. The versions are Debian 12's:
Postfix 3.7, Exim 4.96, OpenSMTPD 6.8.
"""

import re
import unittest
from dataclasses import dataclass, field, replace
from email import message_from_bytes

import cage
from house import letter, until
from peers import Postfix
from town import Refused, Town, Way

REASON = Postfix.reason_to_skip() or cage.reason_to_skip()
TEXT = b"A line.\r\n.\r\n..two dots\r\n.dot\r\nThe end.\r\n"
EIGHT = "Grüße, 8 Bit.\r\n.Punkt\r\n".encode()
BINARY = bytes(range(256)) * 3 + b"no line end"
LARGE = b"".join(b"%076d\r\n" % number for number in range(20_000_000 // 78 + 1))
MIME = {"MIME_Version": "1.0", "Content_Type": "text/plain; charset=utf-8", "Content_Transfer_Encoding": "8bit"}
OCTETS = {"MIME_Version": "1.0", "Content_Type": "application/octet-stream", "Content_Transfer_Encoding": "binary"}
ALL = [f"r{number}" for number in range(1000)]
STATUS = ("message/delivery-status", "message/global-delivery-status")


@dataclass(frozen=True)
class Report:
    """What a delivery report says (RFC 3464), and who made it: the `sending` or the `receiving` server."""

    action: str
    status: str
    by: str
    returned: str = "text/rfc822-headers"
    kind: str = "multipart/report"
    envelope: str = "QQ+314159"  # RFC 3464 §2.2.1: decoded
    original: str = "rfc822;dana@else.test"


@dataclass(frozen=True)
class Cell:
    """What is to be seen between a client and a server, and how it ends.

    `says` are commands of the client, each a pattern that one of them fits, and `never` patterns that none fits. The
    message arrives `as sent`, or `converted`: another encoding, the same content; or the client's server does not
    take it (`refused`), or returns it, as `report` says, or tells nobody (`silence`). `trace` stands in the receiver's
    Received. It takes so many `transactions`, or, with 0, as many as the client likes.
    """

    says: tuple = ()
    never: tuple = ()
    end: str = "as sent"
    refused: int = 0
    trace: str = "."
    to: str = ""  # the local part that the message arrives for, if it is another
    transactions: int = 1
    report: Report = None
    why: str = ""


@dataclass(frozen=True)
class Row:
    """A message, its envelope, what the server does not offer, and what is to happen in each direction `but` in some cells."""

    name: str
    to_us: Cell
    from_us: Cell
    but: dict = field(default_factory=dict)
    body: bytes = TEXT
    header: dict = field(default_factory=dict)
    to: tuple = ("someone",)
    mail: str = ""
    rcpt: str = ""
    chunk: bool = False
    hidden: tuple = ()
    clear: bool = True

    def cell(self, peer, direction):
        usual = self.to_us if direction == "to us" else self.from_us
        return self.but.get((peer, direction), usual)


SUCCESS = Report("delivered", r"2\.", by="receiving")
RELAYED = Report("relayed", r"2\.", by="sending")
FAILURE = Report("failed", r"5\.1\.1", by="sending", returned="message/rfc822")
# OpenSMTPD's reports are not multipart/report, and do not tell what the sender called the envelope and the recipient.
BARE = {"kind": "multipart/mixed", "envelope": "", "original": ""}
# Exim gives the identification as it stood in MAIL, in xtext.
XTEXT = {"envelope": "QQ+2B314159"}
DSN = {"mail": "RET=HDRS ENVID=QQ+2B314159", "rcpt": "NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;dana@else.test"}
PASSED_ON = (r"MAIL .* RET=HDRS", r"MAIL .* ENVID=QQ\+2B314159", r"RCPT .* NOTIFY=SUCCESS,FAILURE", r"RCPT .* ORCPT=rfc822;dana@else\.test")
PASSED_ON_FULL = (PASSED_ON[0].replace("HDRS", "FULL"), *PASSED_ON[1:])
NO_DSN = ("RET=", "ENVID=", "NOTIFY=", "ORCPT=")
RETURNED = Report("failed", r"5\.6\.7", by="sending", returned="", envelope="", original="")

ROWS = [
    Row(
        "STARTTLS", clear=False,
        to_us=Cell(says=("STARTTLS",), never=("MAIL",), trace=r"TLSv1\.3.*with ESMTPS "),
        from_us=Cell(says=("STARTTLS",), never=("MAIL",), trace=r"TLS ?v?1\.3"),
        but={
            ("opensmtpd", "from us"): Cell(
                says=("STARTTLS", "MAIL"), trace="with ESMTP ",
                why="6.8 fails every handshake as a server; opportunistic TLS goes on in clear, on another connection",
            ),
        },
    ),
    Row(
        "without STARTTLS",
        to_us=Cell(says=("MAIL",), never=("STARTTLS",), trace="with ESMTP "),
        from_us=Cell(says=("MAIL",), never=("STARTTLS",)),
    ),
    Row(
        "CHUNKING",
        to_us=Cell(says=("^DATA",), never=("BDAT",), why="Postfix and OpenSMTPD take chunks or not, but never send any"),
        from_us=Cell(says=("^DATA",), never=("BDAT",), why="we send chunks only where BINARYMIME needs them"),
        but={("exim", "to us"): Cell(says=(r"BDAT \d+ LAST",), never=("^DATA",))},
    ),
    Row(
        "CHUNKING, not offered", hidden=("CHUNKING", "BINARYMIME"),
        to_us=Cell(says=("^DATA",), never=("BDAT",)),
        from_us=Cell(says=("^DATA",), never=("BDAT",)),
    ),
    Row(
        "BINARYMIME", body=BINARY, header=OCTETS, mail="BODY=BINARYMIME", chunk=True,
        to_us=Cell(refused=555, why="no peer takes BINARYMIME"),
        from_us=Cell(end="converted", says=("^DATA",), never=("BINARYMIME", "BDAT"), why="no peer offers BINARYMIME: base64"),
        but={
            ("exim", "to us"): Cell(refused=501, why="no peer takes BINARYMIME"),
            ("opensmtpd", "to us"): Cell(refused=503, why="no peer takes BINARYMIME"),
        },
    ),
    Row(
        "8BITMIME", body=EIGHT, header=MIME, mail="BODY=8BITMIME",
        to_us=Cell(never=("BODY=8BITMIME",), why="Exim and OpenSMTPD send eight bits without a word about it"),
        from_us=Cell(says=("MAIL .* BODY=8BITMIME",)),
        but={("postfix", "to us"): Cell(says=("MAIL .* BODY=8BITMIME",))},
    ),
    Row(
        # Postfix takes SMTPUTF8 for a promise of 8BITMIME (RFC 6531 §3.1).
        "8BITMIME, not offered", body=EIGHT, header=MIME, mail="BODY=8BITMIME", hidden=("8BITMIME", "SMTPUTF8"),
        to_us=Cell(never=("BODY=",), why="Exim and OpenSMTPD convert nothing"),
        from_us=Cell(end="converted", never=("BODY=",)),
        but={("postfix", "to us"): Cell(end="converted", never=("BODY=8BITMIME",))},
    ),
    Row(
        "SMTPUTF8", body=EIGHT, header=MIME, to=("grün",), mail="SMTPUTF8 BODY=8BITMIME",
        to_us=Cell(says=("MAIL .* SMTPUTF8", "RCPT TO:<grün@"), trace="with UTF8SMTP "),
        from_us=Cell(says=("MAIL .* SMTPUTF8", "RCPT TO:<grün@")),
        but={
            ("opensmtpd", "to us"): Cell(refused=503, why="OpenSMTPD has no SMTPUTF8"),
            ("opensmtpd", "from us"): Cell(report=RETURNED, never=("MAIL",), why="OpenSMTPD has no SMTPUTF8"),
        },
    ),
    Row(
        "SMTPUTF8, not offered", body=EIGHT, header=MIME, to=("grün",), mail="SMTPUTF8 BODY=8BITMIME", hidden=("SMTPUTF8",),
        to_us=Cell(report=RETURNED, never=("MAIL",)),
        from_us=Cell(report=RETURNED, never=("MAIL",)),
        but={
            ("exim", "to us"): Cell(never=("SMTPUTF8",), to="xn--grn-ioa", why="Exim writes the local part as if it were a domain"),
            ("opensmtpd", "to us"): Cell(refused=503, why="OpenSMTPD has no SMTPUTF8"),
        },
    ),
    Row(
        "DSN, success", **DSN,
        to_us=Cell(says=PASSED_ON, report=SUCCESS),
        from_us=Cell(says=PASSED_ON, report=SUCCESS),
        but={
            ("exim", "from us"): Cell(says=PASSED_ON, report=replace(SUCCESS, **XTEXT)),
            ("opensmtpd", "from us"): Cell(says=PASSED_ON, report=replace(SUCCESS, **BARE), why="OpenSMTPD's reports say little"),
        },
    ),
    Row(
        "DSN, not offered", hidden=("DSN",), **DSN,
        to_us=Cell(never=NO_DSN, report=RELAYED),
        from_us=Cell(never=NO_DSN, report=RELAYED),
        but={
            ("exim", "to us"): Cell(never=NO_DSN, report=replace(RELAYED, action="delivered", **XTEXT), why="Exim calls it delivered"),
            ("opensmtpd", "to us"): Cell(never=NO_DSN, report=replace(RELAYED, **BARE), why="OpenSMTPD's reports say little"),
        },
    ),
    Row(
        "DSN, failure", to=("gone",), mail=DSN["mail"].replace("HDRS", "FULL"), rcpt=DSN["rcpt"],
        to_us=Cell(says=PASSED_ON_FULL, report=FAILURE),
        from_us=Cell(says=PASSED_ON_FULL, report=FAILURE),
        but={
            ("exim", "to us"): Cell(says=PASSED_ON_FULL, report=replace(FAILURE, status=r"5\.0\.0", **XTEXT), why="Exim's reports say 5.0.0"),
            ("opensmtpd", "to us"): Cell(
                says=PASSED_ON_FULL, why="OpenSMTPD's reports say little, and return the header only",
                report=replace(FAILURE, status=r"5\.0\.0", returned="text/rfc822-headers", **BARE),
            ),
            ("opensmtpd", "from us"): Cell(
                says=PASSED_ON_FULL, report=replace(FAILURE, status=r"5\.0\.0"), why="OpenSMTPD refuses without an enhanced code",
            ),
        },
    ),
    Row(
        "DSN, never", to=("gone",), rcpt="NOTIFY=NEVER",
        to_us=Cell(says=("RCPT .* NOTIFY=NEVER",), end="silence"),
        from_us=Cell(says=("RCPT .* NOTIFY=NEVER",), end="silence"),
    ),
    Row(
        "20 MB", body=LARGE,
        to_us=Cell(says=(r"MAIL .* SIZE=200\d{5}",)),
        from_us=Cell(says=(r"MAIL .* SIZE=200\d{5}",)),
        but={("opensmtpd", "to us"): Cell(never=("SIZE=",), why="OpenSMTPD does not tell the size")},
    ),
    Row(
        "1,000 recipients", to=tuple(ALL),
        to_us=Cell(),
        but={("opensmtpd", "to us"): Cell(transactions=0, why="OpenSMTPD sends to those that its queue has read by then, here mostly to all")},
        from_us=Cell(transactions=10, why="we send to 100 recipients at once: no server must take more (RFC 5321 §4.5.3.1.8)"),
    ),
]


@unittest.skipIf(REASON, REASON)
class Peers(unittest.TestCase):
    """Each row is a test, each of its six cells a check."""

    @classmethod
    def setUpClass(cls):
        cls.town = Town()

    @classmethod
    def tearDownClass(cls):
        cls.town.close()

    def play(self, row):
        for peer in self.town.neighbours:
            for direction in ("to us", "from us"):
                cell = row.cell(peer, direction)
                with self.subTest(row.name, peer=peer, direction=direction, why=cell.why):
                    try:
                        self.one(row, cell, Way(self.town, peer, direction))
                    except AssertionError as error:
                        raise AssertionError(f"{error}\n{self.town.log(peer)}") from None

    def one(self, row, cell, way):
        self.town.empty()
        way.tap.without = {*row.hidden, *(["STARTTLS"] if row.clear else [])}
        token = f"{row.name} {way.sending}".replace(" ", "-").replace(",", "")
        text = letter(token, sender=way.sender, to=way.address("someone"), body="", **row.header) + row.body
        try:
            way.hand_over(text, row.to, row.mail, row.rcpt, row.chunk)
            self.assertFalse(cell.refused, "it was taken")
        except Refused as refused:
            self.assertEqual(refused.code, cell.refused, refused)
            return
        if cell.end == "silence":
            self.hear_nothing(row, way, token)
        elif cell.report and cell.report.action == "failed":
            self.read_report(way, cell.report, token)
            self.assertEqual(way.arrived(token), [])
        else:
            self.receive(row, cell, way, token)
            if cell.report:
                self.read_report(way, cell.report, token)
        self.listen(cell, way.tap.commands)

    def receive(self, row, cell, way, token):
        """The message arrives, once for each transaction here, for each recipient there."""
        words = way.tap.commands
        named = lambda: [re.search("<(.*)>", c)[1] for c in words if c.upper().startswith("RCPT")]
        wanted = sorted(way.address(local) for local in ([cell.to] if cell.to else row.to))
        if row.clear:
            until(lambda: len(named()) >= len(wanted), 60, f"every recipient of {token} to be named")
            self.assertEqual(sorted(named()), wanted)
        transactions = len([c for c in words if c.upper().startswith("MAIL")]) or 1
        if cell.transactions:
            self.assertEqual(transactions, cell.transactions)
        count = transactions if way.inward else len(row.to)
        found = until(lambda: len(way.arrived(token)) >= count and way.arrived(token), 60, f"{count} of {token}")
        self.assertEqual(len(found), count)
        head, _, body = found[0].partition(b"\n\n")
        as_sent = row.body.replace(b"\r\n", b"\n")
        if cell.end == "converted":
            self.assertTrue((head + body).isascii(), found[0])
            content = message_from_bytes(found[0]).get_payload(decode=True)
            self.assertEqual(content.replace(b"\r\n", b"\n"), as_sent)
        else:
            self.assertTrue(body.rstrip(b"\n") == as_sent.rstrip(b"\n"), f"another body: {body[:300]!r}")
        unfolded = re.sub(rb"\n\s+", b" ", head).decode()
        self.assertRegex(next(line for line in unfolded.split("\n") if line.startswith("Received:")), cell.trace)

    def read_report(self, way, wanted, token):
        """One report, and all that it says to a program."""
        report = until(lambda: way.reports(token), 60, f"a report about {token}")
        self.assertEqual(len(report), 1)
        kinds = [part.get_content_type() for part in report[0].walk()]
        self.assertEqual(report[0].get_content_type(), wanted.kind)
        status = next(part for part in report[0].walk() if part.get_content_type() in STATUS)
        fields = re.sub(r"\n[ \t]+", " ", status.as_bytes().decode(errors="replace"))
        said = {name.lower(): value for name, value in re.findall(r"(?m)^([\w-]+): *(.*)$", fields)}
        self.assertEqual(said["action"], wanted.action)
        self.assertRegex(said["status"], f"^{wanted.status}")
        self.assertEqual(said["reporting-mta"].replace(" ", ""), f"dns;{getattr(way, wanted.by)}")
        if wanted.returned:  # mail with SMTPUTF8 asks for neither
            self.assertIn(wanted.returned, kinds)
            self.assertEqual(said.get("original-envelope-id", ""), wanted.envelope)
            self.assertEqual(said.get("original-recipient", "").replace(" ", ""), wanted.original)

    def hear_nothing(self, row, way, token):
        """The refusal is reported to nobody: a later one, of a message that does not forbid it, is the only one."""
        until(lambda: any(re.match("5.*gone|5.*no such user", line) for line in way.tap.replies), 60, "a refusal")
        way.hand_over(letter(f"second-{token}", sender=way.sender), row.to)
        until(lambda: way.reports(f"second-{token}"), 60, "the second report")
        self.assertEqual(len(way.reports(token)), 1)

    def listen(self, cell, commands):
        for pattern in cell.says:
            self.assertTrue([c for c in commands if re.search(pattern, c, re.I)], f"no {pattern} in {commands[:20]}")
        for pattern in cell.never:
            self.assertEqual([c for c in commands if re.search(pattern, c, re.I)], [], pattern)


def test_of(row):
    def test(self):
        self.play(row)

    return test


for each in ROWS:
    setattr(Peers, "test_" + re.sub(r"\W+", "_", each.name.lower()), test_of(each))
