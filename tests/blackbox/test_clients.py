"""Mail programs at work for days: they receive, read, flag, move, delete, send, come back later and see the right thing.

offlineimap, mutt and Alpine here; libraries in `test_clients_libraries.py`, Thunderbird in `test_clients_thunderbird.py`.
"""

import re

from house import PASSWORD, Authority, letter
from peers import run
from terminal import Terminal
from test_readers import USER, Reader

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

    def visit(self, keys, *commands):
        config, cache, log = (self.directory / name for name in ("muttrc", "cache", "debug"))
        cache.mkdir(exist_ok=True)
        config.write_text(
            f"""set ssl_ca_certificates_file = "{Authority.get().certificate}"
set ssl_force_tls = yes
set imap_user = "{USER}"
set imap_pass = "{PASSWORD}"
set smtp_pass = "{PASSWORD}"
set smtp_url = "smtp://{USER}@localhost:{self.house.ports['submission']}/"
set from = "{USER}"
set folder = "imaps://localhost:{self.house.ports['imaps']}/"
set spoolfile = "+INBOX"
set record = "+Sent"
set header_cache = "{cache}"
set imap_condstore = yes
set imap_qresync = yes
set confirmappend = no
set confirmcreate = no
set move = no
set quit = yes
set delete = yes
set sleep_time = 0
set wait_key = no
set resolve = no
set mark_old = no
set debug_level = 3
set debug_file = "{log}"
"""
        )
        words = [word for command in commands for word in ("-e", command)]
        with Terminal(["mutt", "-n", "-F", config, *words, "-e", f'push "{keys}<quit>"'], self.directory) as terminal:
            self.assertEqual(terminal.ends(), 0)
        # mutt turns its logs: 0 is the newest.
        return (self.directory / "debug0").read_text(errors="replace") if (self.directory / "debug0").exists() else ""

    def test_reads_sorts_and_sends(self):
        said = self.visit(
            "<limit>~s 'letter 1'<enter><display-message><exit>"
            "<limit>~s 'letter 2'<enter><flag-message><copy-message>=Archive<enter>"
            "<limit>~s 'letter 3'<enter><save-message>=Work<enter><limit>all<enter><sync-mailbox>")
        expected = {"INBOX": {"letter 1": ["\\Seen"], "letter 2": ["\\Flagged"]}, "Archive": {"letter 2": ["\\Flagged"]}, "Work": {"letter 3": []}}
        self.assertEqual(kept(self.house), expected, said[-3000:])
