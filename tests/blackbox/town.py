"""Our server and three others - Postfix, Exim, OpenSMTPD - that send each other mail, with a tap on each way."""

import email
import smtplib
from dataclasses import dataclass, field

from exim import Exim
from house import PASSWORD, House, NameServer
from opensmtpd import OpenSmtpd
from peers import Postfix
from tap import Tap

ZONES = {"alpha.test": {"MX": [(10, "mx.alpha.test")]}, "mx.alpha.test": {"A": ["127.0.0.1"]}}
# Each recipient in one transaction with all others, no connection kept, nobody called gone.
POSTFIX = """
default_destination_recipient_limit = 1000
smtp_connection_cache_on_demand = no
smtpd_recipient_restrictions = check_recipient_access inline:{{gone@post.test = 550 5.1.1 no such user}}, permit_mynetworks, reject
"""
ROUTE = '\n[[route]]\nto = "{domain}"\nhost = "127.0.0.1"\nport = {port}\ntls = "opportunistic"\n'


class Refused(Exception):
    """A server did not take what a client handed over; `code` is what it said."""

    def __init__(self, code, text):
        super().__init__(f"{code} {text.decode(errors='replace')}")
        self.code = code


def postfix(relay):
    return Postfix(relayhost=f"[127.0.0.1]:{relay}", out_tls="may", in_tls="may", extra=POSTFIX)


@dataclass
class Neighbour:
    """Another server, with the taps on the ways to us and from us."""

    domain: str
    start: object
    server: object = None
    to_us: Tap = field(default_factory=Tap)
    from_us: Tap = field(default_factory=Tap)

    def close(self):
        if self.server:
            self.server.close()
        self.to_us.close()
        self.from_us.close()


class Town:
    """All of them. Mail of `ann` and of whoever else is at all.test arrives in one mailbox, mail of each neighbour in another."""

    def __init__(self):
        self.neighbours = {
            "postfix": Neighbour("post.test", postfix),
            "exim": Neighbour("exim.test", Exim),
            "opensmtpd": Neighbour("smtpd.test", OpenSmtpd),
        }
        self.names, self.house, self.reader = NameServer(dict(ZONES)), None, None
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self):
        routes = "".join(ROUTE.format(domain=n.domain, port=n.from_us.port) for n in self.neighbours.values())
        self.house = House(names=self.names, extra=routes).start().people("ann")
        self.house.add_domain("all.test")
        self.house.run("alias", "add", "@all.test", "ann@alpha.test")
        self.reader = self.house.imap("ann@alpha.test")
        for neighbour in self.neighbours.values():
            neighbour.to_us.target = self.house.ports["smtp"]
            neighbour.server = neighbour.start(neighbour.to_us.port)
            neighbour.from_us.target = neighbour.server.port

    def close(self):
        for neighbour in self.neighbours.values():
            neighbour.close()
        if self.house:
            self.house.close()
        self.names.close()

    def inbox(self):
        """All that has arrived here, as bytes, with LF for CRLF as in a Maildir."""
        self.reader.select()
        status, data = self.reader.uid("FETCH", "1:*", "(BODY.PEEK[])")
        assert status == "OK", data
        return [part[1].replace(b"\r\n", b"\n") for part in data if isinstance(part, tuple)]

    def empty(self):
        """Throws away what has arrived anywhere."""
        self.reader.select()
        self.reader.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
        self.reader.expunge()
        for neighbour in self.neighbours.values():
            for path in (neighbour.server.root / "mail").rglob("new/*"):
                path.unlink()
            for tap in (neighbour.to_us, neighbour.from_us):
                tap.commands, tap.replies = [], []

    def log(self, peer):
        return f"{self.neighbours[peer].server.log()[-2000:]}\n{self.house.tail()}"


class Way:
    """One direction between us and a neighbour."""

    def __init__(self, town, peer, direction):
        self.town, self.neighbour = town, town.neighbours[peer]
        self.inward = direction == "to us"
        self.tap = self.neighbour.to_us if self.inward else self.neighbour.from_us
        self.sender = f"out@{self.neighbour.domain}" if self.inward else "ann@alpha.test"
        self.sending, self.receiving = f"mx.{self.neighbour.domain}", "mx.alpha.test"
        if not self.inward:
            self.sending, self.receiving = self.receiving, self.sending

    def address(self, local):
        """A recipient at the far end. Nobody is called gone."""
        if not self.inward:
            return f"{local}@{self.neighbour.domain}"
        return f"{local}@alpha.test" if local == "gone" else f"{local}@all.test"

    def client(self):
        """A user's connection to the sending server."""
        if not self.inward:
            return self.town.house.submission("ann@alpha.test", PASSWORD)
        return smtplib.SMTP("127.0.0.1", self.neighbour.server.port, local_hostname="client.test", timeout=60)

    def hand_over(self, text, locals, mail="", rcpt="", chunk=False):
        """Gives a message to the sending server, with these parameters, by DATA or in one chunk."""

        def insist(reply, code=250):
            if reply[0] != code:
                raise Refused(*reply)

        with self.client() as client:
            client.ehlo()
            client.command_encoding = "utf-8"
            insist(client.docmd("MAIL", f"FROM:<{self.sender}> {mail}".rstrip()))
            for local in locals:
                insist(client.docmd("RCPT", f"TO:<{self.address(local)}> {rcpt}".rstrip()))
            if chunk:
                client.send(b"BDAT %d LAST\r\n" % len(text) + text)
            insist(client.getreply() if chunk else client.data(text))

    def arrived(self, token):
        """The messages with this subject at the far end."""
        return [text for text in self._mail(self.inward) if f"\nSubject: {token}\n".encode() in text.split(b"\n\n")[0]]

    def reports(self, token):
        """The reports about the message with this subject that its sender has."""
        parsed = [email.message_from_bytes(text) for text in self._mail(not self.inward) if token.encode() in text]
        return [report for report in parsed if report.is_multipart()]

    def _mail(self, ours):
        return self.town.inbox() if ours else self.neighbour.server.mail()
