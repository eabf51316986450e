"""Mail programs at work for days: they receive, read, flag, move, delete, send, come back later and see the right thing.

offlineimap, mutt, Alpine and aerc here; libraries in `test_clients_libraries.py`, Thunderbird in `test_clients_thunderbird.py`.
"""

import os
import re
from urllib.parse import quote

from house import PASSWORD, Authority, letter
from peers import run
from terminal import Terminal
from test_readers import USER, Reader, like_mutt

FETCHED = re.compile(rb"UID (\d+) FLAGS \(([^)]*)\)")


def mailboxes(client):
    """Names of all mailboxes that can be selected."""
    return [line.rsplit(b' "/" ', 1)[1].decode().strip('"') for line in client.list()[1] if b"\\Noselect" not in line]


def kept(house, user=USER):
    """What the server has: {mailbox: {subject: its flags, sorted, without \\Recent}}; empty mailboxes are left out."""
    client, found = house.imap(user), {}
    for mailbox in mailboxes(client):
        if client.select(f'"{mailbox}"', readonly=True)[1] == [b"0"]:
            continue
        _, data = client.fetch("1:*", "(UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        parts = [part for part in data if isinstance(part, tuple)]
        flags = [sorted(set(FETCHED.search(about)[2].decode().split()) - {"\\Recent"}) for about, _ in parts]
        found[mailbox] = {text.decode().removeprefix("Subject: ").strip(): mark for (_, text), mark in zip(parts, flags)}
        assert len(found[mailbox]) == len(parts), "a message is there twice"
    client.logout()
    return found


def clock(house, user=USER):
    """For each mailbox what changes whenever anything in it does (RFC 7162)."""
    client = house.imap(user)
    found = {name: client.status(f'"{name}"', "(UIDVALIDITY UIDNEXT MESSAGES HIGHESTMODSEQ)")[1] for name in mailboxes(client)}
    client.logout()
    return found


def change(house, mailbox, subject, command, *words):
    """Another program of ann's does something to one message: STORE, COPY or MOVE."""
    client = house.imap(USER)
    client.select(mailbox)
    _, found = client.uid("SEARCH", "SUBJECT", f'"{subject}"')
    assert len(found[0].split()) == 1, f"{subject} in {mailbox}: {found}"
    status, said = client.uid(command, found[0].decode(), *words)
    assert status == "OK", said
    if "\\Deleted" in words[-1]:
        client.expunge()
    client.logout()


class Offlineimap(Reader):
    """A Maildir on one side, Posthouse on the other; no message and no flag is lost or doubled."""

    def sync(self):
        config = self.directory / "offlineimaprc"
        config.write_text(
            f"""[general]
metadata = {self.directory}/state
accounts = house
ui = basic

[Account house]
localrepository = near
remoterepository = far

[Repository near]
type = Maildir
localfolders = {self.directory}/mail
sep = /

[Repository far]
type = IMAP
remotehost = localhost
remoteport = {self.house.ports['imaps']}
remoteuser = {USER}
remotepass = {PASSWORD}
ssl = yes
sslcacertfile = {Authority.get().certificate}
expunge = yes
"""
        )
        said = run(["offlineimap", "-c", config, "-o"], env={"HOME": str(self.directory)})
        self.assertNotIn("ERROR", said)
        return said

    def files(self, mailbox="INBOX"):
        """{subject: path} of a local folder."""
        paths = [path for kind in ("cur", "new") for path in (self.directory / "mail" / mailbox / kind).iterdir()]
        found = {re.search(rb"^Subject: (.*?)\r?$", path.read_bytes(), re.M)[1].decode(): path for path in paths}
        self.assertEqual(len(found), len(paths), "a message is there twice")
        return found

    def mark(self, subject, flags):
        path = self.files()[subject]
        path.rename(path.parent.parent / "cur" / (path.name.split(":2,")[0] + ":2," + flags))

    def flags(self, subject, mailbox="INBOX"):
        return self.files(mailbox)[subject].name.partition(":2,")[2]

    def test_two_ways_and_then_nothing(self):
        with self.house.smtp() as client:
            for number in (4, 5):
                client.sendmail("out@side.test", [USER], letter(f"letter {number}"))
        self.sync()
        self.assertEqual(sorted(self.files()), [f"letter {number}" for number in (1, 2, 3, 4, 5)])
        self.assertIn(b"Body 2.", self.files()["letter 2"].read_bytes())
        self.work_here()
        self.work_there()
        self.sync()
        expected = {
            "INBOX": {"letter 2": ["\\Flagged", "\\Seen"], "letter 3": ["\\Answered"], "letter 5": [], "born here": ["\\Seen"]},
            "Far/deep": {"born there": ["\\Draft"]},
            "Near": {"put away": ["\\Seen"]},
        }
        self.assertEqual(kept(self.house), expected)
        self.assertEqual(sorted(self.files()), sorted(expected["INBOX"]))
        self.assertEqual([self.flags(f"letter {number}") for number in (2, 3)], ["FS", "R"])
        self.assertEqual(self.flags("born there", "Far/deep"), "D")
        self.a_run_that_finds_nothing()

    def work_here(self):
        self.mark("letter 2", "FS")
        self.files()["letter 1"].unlink()
        (self.directory / "mail/INBOX/cur/1.mine:2,S").write_bytes(letter("born here").replace(b"\r\n", b"\n"))
        for kind in ("cur", "new", "tmp"):
            (self.directory / "mail/Near" / kind).mkdir(parents=True)
        (self.directory / "mail/Near/cur/2.mine:2,S").write_bytes(letter("put away").replace(b"\r\n", b"\n"))

    def work_there(self):
        change(self.house, "INBOX", "letter 3", "STORE", "+FLAGS", "(\\Answered)")
        change(self.house, "INBOX", "letter 4", "STORE", "+FLAGS", "(\\Deleted)")
        client = self.house.imap(USER)
        self.assertEqual(client.create("Far/deep")[0], "OK")
        self.assertEqual(client.append("Far/deep", "(\\Draft)", None, letter("born there"))[0], "OK")
        client.logout()

    def a_run_that_finds_nothing(self):
        names = lambda: sorted(path for path in (self.directory / "mail").rglob("*") if path.is_file())
        before, there = {path: path.stat().st_mtime_ns for path in names()}, clock(self.house)
        self.sync()
        self.assertEqual({path: path.stat().st_mtime_ns for path in names()}, before)
        self.assertEqual(clock(self.house), there)


class Mutt(Reader):
    """mutt with a header cache and QRESYNC, a day apart; keys are pushed, the terminal is only there."""

    def configure(self):
        config, cache = self.directory / "muttrc", self.directory / "cache"
        cache.mkdir(exist_ok=True)
        config.write_text(
            like_mutt(self.house)
            + f"""set smtp_url = "smtp://{USER}@localhost:{self.house.ports['submission']}/"
set spoolfile = "+INBOX"
set record = "+Sent"
set header_cache = "{cache}"
set imap_condstore = yes
set imap_qresync = yes
set confirmappend = no
set confirmcreate = no
set resolve = no
set mark_old = no
"""
        )
        return config

    def visit(self, keys):
        """Opens the INBOX, presses these keys, leaves; gives mutt's own log of it."""
        with Terminal(["mutt", "-n", "-d", "3", "-F", self.configure(), "-e", f'push "{keys}<quit>"'], self.directory) as terminal:
            self.assertEqual(terminal.ends(), 0)
        # mutt turns its logs: 0 is the newest.
        return (self.directory / ".muttdebug0").read_text(errors="replace")

    def test_reads_flags_copies_and_moves(self):
        self.visit(
            "<limit>~s 'letter 1'<enter><display-message><exit>"
            "<limit>~s 'letter 2'<enter><flag-message><copy-message>=Archive<enter>"
            "<limit>~s 'letter 3'<enter><save-message>=Work<enter><limit>all<enter><sync-mailbox>")
        expected = {"INBOX": {"letter 1": ["\\Seen"], "letter 2": ["\\Flagged"]}, "Archive": {"letter 2": ["\\Flagged"]}, "Work": {"letter 3": []}}
        self.assertEqual(kept(self.house), expected)

    def test_comes_back_to_a_changed_mailbox(self):
        """RFC 7162: what changed is asked for by number; headers that are known stay where they are."""
        self.visit("")
        change(self.house, "INBOX", "letter 1", "STORE", "+FLAGS", "(\\Deleted)")
        change(self.house, "INBOX", "letter 2", "STORE", "+FLAGS", "(\\Flagged)")
        with self.house.smtp() as client:
            client.sendmail("out@side.test", [USER], letter("letter 4"))
        self.house.wait_for(USER, "Subject: letter 4")
        said = self.visit("<tag-pattern>~F<enter><tag-pattern>~s 'letter 4'<enter><tag-prefix><copy-message>=Work<enter>")
        self.assertRegex(said, r"> a\d+ UID FETCH 1:3 \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)")
        self.assertIn("VANISHED (EARLIER) 1\n", said)
        self.assertEqual(re.findall(r"> a\d+ FETCH (\S+) \(UID FLAGS INTERNALDATE", said), ["3"])
        self.assertEqual(kept(self.house)["Work"], {"letter 2": ["\\Flagged"], "letter 4": []})

    def test_sends_and_keeps_a_copy(self):
        config = self.configure()
        run(["mutt", "-n", "-F", config, "-s", "from mutt", "bob@alpha.test"], stdin="Dear Bob.\n", env={"HOME": str(self.directory), "TERM": "dumb"})
        self.assertIn(b"Dear Bob.", self.house.wait_for("bob@alpha.test", "Subject: from mutt"))
        self.assertEqual(kept(self.house)["Sent"], {"from mutt": ["\\Seen"]})


class Alpine(Reader):
    """Alpine, whose library c-client many programs share; keys are typed when the screen asks for them."""

    def configure(self):
        server = f"{{localhost:{self.house.ports['imaps']}/ssl/user={USER}}}"
        features = "enable-flag-cmd,enable-aggregate-command-set,quit-without-confirm,expunge-without-confirm,disable-password-file-saving"
        (self.directory / "pinerc").write_text(
            f"""personal-name=Ann
user-domain=alpha.test
customized-hdrs=From: Ann <{USER}>
smtp-server=localhost:{self.house.ports['submissions']}/ssl/user={USER}
inbox-path={server}INBOX
folder-collections=House {server}[]
default-fcc={server}Sent
default-saved-msg-folder={server}Archive
postponed-folder={server}Drafts
system-certs-file={Authority.get().certificate}
feature-list={features}
last-version-used=6.26
last-time-prune-questions=200.1
"""
        )

    def visit(self, *steps):
        """Types these keys, or what a function gives, when the pattern before them has appeared since the last; the last ones quit.
        Lines about what was done come and go; the list of messages stays, so it is what is looked for."""
        self.configure()
        with Terminal(["alpine", "-p", self.directory / "pinerc", "-i"], self.directory) as terminal:
            for pattern, keys in (("ENTER PASSWORD", PASSWORD + "\r"), *steps):
                terminal.shows(pattern).type(keys() if callable(keys) else keys)
            self.assertEqual(terminal.ends(), 0)

    def test_a_day_and_the_next(self):
        self.visit(
            ("letter 3", "\r"), ("Body 1", "<"),
            ("MESSAGE INDEX", "n"), ("letter 2", "*"), ("Flag New", "\r"), (r"\* N   2", "n"),
            ("letter 3", "s"), ("SAVE Msg #3", "\r"), (r" D   3 ", "x"),
            ("Message 2 of 2", "c"), ("To      : ", "bob@alpha.test\r\r\rfrom Alpine\r"), ("Text", "Dear Bob.\r\x18"), ("Send message", "y"),
            ("ENTER PASSWORD", PASSWORD + "\r"), ("MESSAGE INDEX", "q"),
        )
        self.assertIn(b"Dear Bob.", self.house.wait_for("bob@alpha.test", "Subject: from Alpine"))
        inbox = {"letter 1": ["\\Seen"], "letter 2": ["\\Flagged"]}
        self.assertEqual(kept(self.house), {"INBOX": inbox, "Archive": {"letter 3": []}, "Sent": {"from Alpine": []}})
        change(self.house, "INBOX", "letter 1", "STORE", "+FLAGS", "(\\Deleted)")
        change(self.house, "Archive", "letter 3", "MOVE", "INBOX")
        self.visit(
            (r"\* N   1 .*letter 2(.|\n)*N   2 .*letter 3", "$"), ("Choose type of sort", "s"),
            ("letter 3", ";"), ("SELECT criteria", "t"), ("All msg text", "a"), ("String in message", "body 3\r"),
            (r"ZOOMED(.|\n)*X N   2 .*letter 3", "a"), ("APPLY command", "d"), ("X D", "x"),
            ("Message 1 of 1", self.new_mail), ("letter 4", "q"),
        )
        self.assertEqual(kept(self.house)["INBOX"], {"letter 2": ["\\Flagged"], "letter 4": []})

    def new_mail(self):
        """It comes while Alpine is open, which looks for it at this key."""
        with self.house.smtp() as client:
            client.sendmail("out@side.test", [USER], letter("letter 4"))
        self.house.wait_for(USER, "Subject: letter 4")
        return "\x0c"


class Aerc(Reader):
    """aerc, with Go's libraries for IMAP and SMTP, headers kept in a cache, threads from the server."""

    def start(self):
        settings, tool = self.directory / ".config/aerc", self.directory / "editor"
        settings.mkdir(parents=True, exist_ok=True)
        who = f"{quote(USER, safe='')}:{quote(PASSWORD)}@localhost"
        account = settings / "accounts.conf"
        account.write_text(
            f"""[house]
source = imaps://{who}:{self.house.ports['imaps']}
outgoing = smtp+plain://{who}:{self.house.ports['submission']}
smtp-starttls = yes
from = Ann <{USER}>
copy-to = Sent
default = INBOX
cache-headers = true
"""
        )
        tool.write_text("#!/bin/sh\nprintf 'Dear Bob.\\n' >>\"$1\"\n")
        account.chmod(0o600)
        tool.chmod(0o755)
        (settings / "aerc.conf").write_text(f"[ui]\nthreading-enabled=true\n[compose]\neditor={tool}\naddress-book-cmd=\n")
        places = {f"XDG_{name}": str(self.directory / name) for name in ("CACHE_HOME", "DATA_HOME", "RUNTIME_DIR")}
        for place in places.values():
            os.makedirs(place, exist_ok=True)
        return Terminal(["aerc"], self.directory, SSL_CERT_FILE=str(Authority.get().certificate), **places)

    def does(self, terminal, expected, *commands):
        """These commands lead to this on the server."""
        for command in commands:
            terminal.type(f":{command}\r")
        try:
            terminal.until(lambda: kept(self.house) == expected, "the server to have it")
        except AssertionError as error:
            self.assertEqual(kept(self.house), expected, error)

    def test_a_day_and_the_next(self):
        with self.start() as terminal:
            terminal.shows("letter 3")
            expected = {"INBOX": {"letter 2": [], "letter 3": ["\\Flagged"]}, "Archive": {"letter 2": []}, "Trash": {"letter 1": []}}
            self.does(terminal, expected, "select 0", "flag -t", "next", "copy Archive", "next", "move Trash")
            terminal.type(":compose -H 'To: bob@alpha.test' -H 'Subject: from aerc'\r")
            terminal.shows("Send this email").type("y")
            self.does(terminal, {**expected, "Sent": {"from aerc": ["\\Seen"]}})
            self.assertIn(b"Dear Bob.", self.house.wait_for("bob@alpha.test", "Subject: from aerc"))
            with self.house.smtp() as client:
                client.sendmail("out@side.test", [USER], letter("unexpected"))
            terminal.shows("unexpected").type(":quit\r")
            self.assertEqual(terminal.ends(), 0)
        change(self.house, "INBOX", "letter 3", "STORE", "+FLAGS", "(\\Deleted)")
        change(self.house, "Trash", "letter 1", "MOVE", "INBOX")
        with self.start() as terminal:
            for subject in ("letter 1", "letter 2", "unexpected"):
                terminal.shows(subject)
            self.assertNotIn("letter 3", terminal.text())
            expected = {"letter 1": ["\\Seen"], "letter 2": [], "unexpected": []}
            self.does(terminal, {**kept(self.house), "INBOX": expected}, "select 0", "read")
            terminal.type(":quit\r")
            self.assertEqual(terminal.ends(), 0)
