"""Clients that work until the server dies, remember what it acknowledged, and check it when it is back.

Each knows at most one command whose answer it never saw: that one may have happened or not, as a whole.
"""

import imaplib
import poplib
import random
import re
import smtplib
import time

import letters

imaplib.Commands.setdefault("MOVE", ("SELECTED",))
GONE = (OSError, EOFError, smtplib.SMTPException, imaplib.IMAP4.abort, poplib.error_proto)
FETCHED = re.compile(rb"UID (\d+)")


class Sender:
    """Sends over SMTP to local and remote recipients; `acknowledged` is what got its 250, by recipient."""

    def __init__(self, name, recipients, source):
        self.name, self.recipients, self.source = name, recipients, source
        self.acknowledged = {recipient: [] for recipient in recipients}
        self.sent = 0

    def work(self, house):
        try:
            client = smtplib.SMTP("127.0.0.1", house.ports["smtp"], local_hostname="load.test", timeout=10)
            while True:
                token = f"{self.name}n{self.sent}"
                some = self.source.sample(self.recipients, self.source.choice([1, 1, 1, 2]))
                self.sent += 1
                client.sendmail("out@side.test", some, letters.write(token))
                for recipient in some:
                    self.acknowledged[recipient].append(token)
        except GONE:
            return


class Mailbox:
    """What a client knows of one mailbox."""

    def __init__(self):
        self.validity = None
        self.next = 1
        self.floor = 1  # UIDNEXT when it was last looked at: what comes later has higher numbers
        self.modseq = 0
        self.mail = {}  # uid: (token, flags)
        self.ever = {}  # uid: token, also of those that are gone


class Reader:
    """One IMAP client that appends, flags, copies, moves and expunges, and knows what must be there."""

    BOXES = ["INBOX", "One", "Two"]
    KEEPS = 25

    def __init__(self, user, source):
        self.user, self.source = user, source
        self.boxes = {name: Mailbox() for name in self.BOXES}
        self.pending = None
        self.delivered = set()
        self.commands = 0
        self.appended = 0

    def work(self, house):
        try:
            client = house.imap(self.user)
            while True:
                self.step(client)
        except GONE:
            return

    # What it does.

    def step(self, client):
        name = self.source.choice(self.BOXES)
        client.select(name)
        box = self.boxes[name]
        known = sorted(box.mail)
        some = self.source.sample(known, min(len(known), self.source.choice([1, 1, 3])))
        other = self.source.choice([other for other in self.BOXES if other != name])
        if len(known) > self.KEEPS:
            self.expunge(client, name, some)
        elif not known or self.source.random() < 0.3:
            self.append(client, name)
        elif self.source.random() < 0.4:
            self.flag(client, name, some)
        else:
            self.carry(client, self.source.choice(["COPY", "MOVE"]), name, sorted(some), other)

    def command(self, pending, run):
        """Runs one command; gives its answer once it is acknowledged."""
        self.pending = pending
        status, data = run()
        assert status == "OK", (pending, data)
        return data

    def done(self):
        self.pending = None
        self.commands += 1

    def append(self, client, name):
        token = f"{self.user[:3]}a{self.appended}"
        self.appended += 1
        data = self.command(("append", name, token), lambda: client.append(name, None, None, letters.write(token)))
        validity, uid = re.search(rb"APPENDUID (\d+) (\d+)", data[0]).groups()
        assert int(validity) == (self.boxes[name].validity or int(validity))
        self.place(name, int(uid), token, frozenset())
        self.done()

    def flag(self, client, name, uids):
        flag = self.source.choice(["\\Seen", "\\Flagged", "blue"])
        pending = ("flag", name, uids, flag)
        self.command(pending, lambda: client.uid("STORE", numbers(uids), "+FLAGS.SILENT", f"({flag})"))
        self.apply(pending, {})
        self.done()

    def carry(self, client, verb, name, uids, other):
        pending = (verb, name, uids, other)
        client.untagged_responses.pop("COPYUID", None)
        data = self.command(pending, lambda: client.uid(verb, numbers(uids), other))
        code = client.response("COPYUID")[1][0] or re.search(rb"COPYUID ([^\]]+)", data[0])[1]
        _, from_set, to_set = code.decode().split()
        self.apply(pending, dict(zip(members(from_set), members(to_set))))
        self.done()

    def expunge(self, client, name, uids):
        pending = ("flag", name, uids, "\\Deleted")
        self.command(pending, lambda: client.uid("STORE", numbers(uids), "+FLAGS.SILENT", "(\\Deleted)"))
        self.apply(pending, {})
        self.done()
        # All that is marked goes, also what other sessions of this client had marked.
        pending = ("expunge", name, [uid for uid, (_, flags) in self.boxes[name].mail.items() if "\\Deleted" in flags])
        self.command(pending, client.expunge)
        self.apply(pending, {})
        self.done()

    # What it knows.

    def place(self, name, uid, token, flags):
        box = self.boxes[name]
        assert box.ever.get(uid, token) == token, f"UID {uid} of {name} was {box.ever[uid]} and is {token} now"
        assert uid not in box.mail and uid >= box.floor, f"UID {uid} of {name} comes after {box.floor}"
        box.ever[uid], box.mail[uid], box.next = token, (token, flags), max(box.next, uid + 1)

    def apply(self, pending, placed):
        """Carries out a command in what is known; `placed` has the new UIDs by the old ones."""
        verb, name, uids, *rest = pending
        box = self.boxes[name]
        for uid in uids:
            token, flags = box.mail[uid]
            if verb == "flag":
                box.mail[uid] = (token, flags | {rest[0]})
            elif verb in ("COPY", "MOVE"):
                self.place(rest[0], placed[uid], token, flags)
            if verb in ("MOVE", "expunge"):
                del box.mail[uid]

    # What is there.

    def check(self, house):
        """After a start: everything acknowledged is there, and the command under way happened as a whole or not."""
        client = house.imap(self.user)
        found = {name: self.look(client, name) for name in self.BOXES}
        client.logout()
        if self.pending and self.happened(found):
            self.adopt_pending(found)
        self.pending = None
        for name, (mail, facts) in found.items():
            box = self.boxes[name]
            for uid in sorted(mail.keys() - box.mail.keys()):
                token, flags = mail[uid]
                assert not token.startswith(self.user[:3]), f"{token} at UID {uid} of {name} from nowhere"
                self.place(name, uid, token, flags)
                assert token not in self.delivered, f"{token} was delivered twice"
                self.delivered.add(token)
            assert mail == box.mail, f"{name}: {differences(box.mail, mail)}"
            self.check_numbers(name, facts)

    def check_numbers(self, name, facts):
        box = self.boxes[name]
        assert facts["UIDVALIDITY"] == (box.validity or facts["UIDVALIDITY"]), f"UIDVALIDITY of {name} changed"
        assert facts["UIDNEXT"] >= box.next, f"UIDNEXT of {name} went back from {box.next} to {facts['UIDNEXT']}"
        assert facts.get("HIGHESTMODSEQ", box.modseq) >= box.modseq, f"HIGHESTMODSEQ of {name} went back"
        box.validity, box.next, box.floor = facts["UIDVALIDITY"], facts["UIDNEXT"], facts["UIDNEXT"]
        box.modseq = facts.get("HIGHESTMODSEQ", 0)

    def look(self, client, name):
        """What a mailbox has: {uid: (token, flags)} and its numbers."""
        status, count = client.select(name, readonly=True)
        assert status == "OK", count
        facts = {}
        for fact in ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"):
            value = client.response(fact)[1][0]
            if value is not None:
                facts[fact] = int(value)
        mail = {}
        if count != [b"0"]:
            _, data = client.uid("FETCH", "1:*", "(UID FLAGS BODY.PEEK[])")
            for part in data:
                if isinstance(part, tuple):
                    flags = re.search(rb"FLAGS \(([^)]*)\)", part[0])[1].decode().split()
                    flags = frozenset(flag for flag in flags if flag != "\\Recent")
                    mail[int(FETCHED.search(part[0])[1])] = (letters.read(part[1]), flags)
        return mail, facts

    def happened(self, found):
        """Whether the command that was under way left its mark."""
        verb, name, what, *rest = self.pending
        if verb == "append":
            return any(token == what for token, _ in found[name][0].values())
        if verb == "flag":
            # It may have changed nothing to begin with.
            return any(found[name][0].get(uid) != self.boxes[name].mail[uid] for uid in what)
        if verb == "COPY":
            new = found[rest[0]][0].keys() - self.boxes[rest[0]].mail.keys()
            moved = {self.boxes[name].mail[uid][0] for uid in what}
            return any(found[rest[0]][0][uid][0] in moved for uid in new)
        return any(uid not in found[name][0] for uid in what)

    def adopt_pending(self, found):
        verb, name, what, *rest = self.pending
        if verb == "append":
            (uid,) = [uid for uid, (token, _) in found[name][0].items() if token == what]
            self.place(name, uid, what, frozenset())
            return
        placed = {}
        if verb in ("COPY", "MOVE"):
            target, mail = self.boxes[rest[0]], found[rest[0]][0]
            tokens = {self.boxes[name].mail[uid][0] for uid in what}
            new = sorted(uid for uid in mail.keys() - target.mail.keys() if mail[uid][0] in tokens)
            assert len(new) == len(what), f"{verb} of {what} from {name} to {rest[0]} happened in part: {new}"
            placed = dict(zip(sorted(what), new))
        self.apply((verb, name, sorted(what), *rest), placed)


class Popper:
    """One POP3 client that fetches, and deletes half of what it sees."""

    def __init__(self, user, source):
        self.user, self.source = user, source
        self.known = {}  # uidl: token
        self.deleted = set()
        self.pending = set()
        self.asked = False
        self.commands = 0

    def work(self, house):
        try:
            while True:
                self.session(house)
                time.sleep(0.02)
        except GONE:
            return

    def session(self, house):
        self.asked = False
        client = house.pop3(self.user)
        here = self.look(client)
        self.pending = set(self.source.sample(sorted(here), len(here) // 2))
        for uidl in sorted(self.pending):
            client.dele(here[uidl])
        self.asked = True
        client.quit()
        self.deleted |= self.pending
        self.commands += len(self.pending)
        self.pending = set()

    def look(self, client):
        """{uidl: number} of what is there, after checks of what must be and what must not."""
        lines = client.uidl()[1]
        here = {uidl.decode(): int(number) for number, uidl in (line.split() for line in lines)}
        for uidl, number in here.items():
            if uidl not in self.known:
                token = letters.read(b"\r\n".join(client.retr(number)[1]) + b"\r\n")
                assert token not in self.known.values(), f"{token} was delivered twice, or its UIDL changed"
                self.known[uidl] = token
        if self.pending:
            left = self.pending & here.keys()
            assert not left or left == self.pending, f"a QUIT deleted in part: {left} of {self.pending}"
            assert left or self.asked, "deleted without a QUIT"
            self.deleted |= self.pending - left
            self.pending = set()
        assert not self.deleted & here.keys(), f"deleted mail is back: {self.deleted & here.keys()}"
        lost = self.known.keys() - self.deleted - here.keys()
        assert not lost, f"lost: {[self.known[uidl] for uidl in lost]}"
        return here

    def check(self, house):
        client = house.pop3(self.user)
        self.look(client)
        client.quit()


class Archive:
    """A mailbox that only grows: nothing in it is lost, doubled or renumbered."""

    def __init__(self, user):
        self.user = user
        self.box = Mailbox()

    def check(self, house, whole=False):
        """Looks at what is new, or again at everything."""
        client = house.imap(self.user)
        client.select("INBOX", readonly=True)
        validity, uid_next = (int(client.response(fact)[1][0]) for fact in ("UIDVALIDITY", "UIDNEXT"))
        assert validity == (self.box.validity or validity) and uid_next >= self.box.next
        self.box.validity = validity
        known = self.box.ever
        at, seen = (1 if whole else self.box.next), 0
        while at < uid_next:
            _, data = client.uid("FETCH", f"{at}:{at + 499}", "(UID BODY.PEEK[])")
            for part in data:
                if isinstance(part, tuple):
                    uid, token = int(FETCHED.search(part[0])[1]), letters.read(part[1])
                    assert known.setdefault(uid, token) == token, f"UID {uid} was {known[uid]}, is {token}"
                    seen += 1
            at += 500
        client.logout()
        self.box.next = uid_next
        tokens = list(known.values())
        assert len(tokens) == len(set(tokens)), "a message twice"
        assert not whole or seen == len(known), f"{len(known) - seen} messages were lost"
        return set(tokens)


def numbers(uids):
    return ",".join(map(str, sorted(uids)))


def members(uid_set):
    """The UIDs of a set, in order."""
    found = []
    for part in uid_set.split(","):
        first, _, last = part.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


def differences(expected, found):
    return [
        f"UID {uid}: should be {expected.get(uid)}, is {found.get(uid)}"
        for uid in sorted(expected.keys() | found.keys())
        if expected.get(uid) != found.get(uid)
    ]
