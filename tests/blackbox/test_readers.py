"""Programs that read and change mail: curl, neomutt, mbsync, getmail, fetchmail, Python's imaplib and poplib."""

import os
import poplib
import shutil
import unittest

from house import PASSWORD, Authority, House, letter, scratch, until
from peers import mbsyncrc, run
from terminal import Terminal

USER = "ann@alpha.test"


class Reader(unittest.TestCase):
    """A fresh house with three messages for ann."""

    def setUp(self):
        self.house = House().start().people("ann", "bob")
        with self.house.smtp() as client:
            for number in (1, 2, 3):
                client.sendmail("out@side.test", [USER], letter(f"letter {number}", body=f"Body {number}.\r\n"))
        self.directory = scratch("reader")

    def tearDown(self):
        self.house.close()

    def url(self, service, path=""):
        return f"{service}://127.0.0.1:{self.house.ports[service]}/{path}"

    def append_utf8(self, client, mailbox, text):
        """RFC 6855 §4. imaplib would put `UTF8 (` into the message."""
        client.send(f'x1 APPEND "{mailbox}" UTF8 (~{{{len(text)}+}}\r\n'.encode() + text + b")\r\n")
        return next(line for line in iter(client.readline, b"") if line.startswith(b"x1 "))

    def curl(self, url, *options):
        credentials = ["--user", f"{USER}:{PASSWORD}"]
        return run(["curl", "-sS", "--cacert", Authority.get().certificate, *credentials, *options, url])


class Curl(Reader):
    def test_imap(self):
        self.assertIn("Body 2.", self.curl(self.url("imaps", "INBOX;MAILINDEX=2")))
        self.assertIn("INBOX", self.curl(self.url("imaps")))
        self.assertIn("EXISTS", self.curl(self.url("imaps"), "-X", "EXAMINE INBOX"))
        self.assertRegex(self.curl(self.url("imaps", "INBOX?SUBJECT%20%22letter%203%22")), r"SEARCH 3\b")

    def test_imap_starttls(self):
        url = f"imap://127.0.0.1:{self.house.ports['imap']}/INBOX;MAILINDEX=1"
        self.assertIn("Body 1.", self.curl(url, "--ssl-reqd"))

    def test_imap_append(self):
        path = self.directory / "letter"
        path.write_bytes(letter("appended by curl"))
        self.curl(self.url("imaps", "Drafts"), "--upload-file", path)
        self.assertEqual(self.house.messages(USER, "Drafts"), [letter("appended by curl")])

    def test_pop3(self):
        self.assertEqual(len(self.curl(self.url("pop3s")).splitlines()), 3)
        self.assertIn("Body 3.", self.curl(self.url("pop3s", "3")))
        clear = f"pop3://127.0.0.1:{self.house.ports['pop3']}/1"
        self.assertIn("Body 1.", self.curl(clear, "--ssl-reqd"))


class Mbsync(Reader):
    def sync(self):
        config = mbsyncrc(self.directory, self.house.ports["imaps"], USER, "INBOX Sent")
        return run(["mbsync", "-c", config, "all"], env={"HOME": str(self.directory)})

    def local(self, mailbox="INBOX"):
        folder = self.directory / "mail" / mailbox
        return {path: path.read_bytes() for kind in ("cur", "new") for path in (folder / kind).glob("*")}

    def test_both_directions_twice(self):
        self.sync()
        self.assertEqual(len(self.local()), 3)
        self.assertTrue(all(b"Body " in body for body in self.local().values()))
        # A new message on each side, one deleted here, one flagged there.
        (self.directory / "mail/INBOX/new/1.mine").write_bytes(letter("born here").replace(b"\r\n", b"\n"))
        gone = next(path for path, body in self.local().items() if b"letter 1" in body)
        info = gone.name.split(":2,")[0] + ":2,ST"
        gone.rename(gone.parent.parent / "cur" / info)
        with self.house.smtp() as client:
            client.sendmail("out@side.test", [USER], letter("letter 4"))
        client = self.house.imap(USER)
        client.select("INBOX")
        client.store("2", "+FLAGS", r"(\Flagged)")
        client.logout()
        self.sync()
        subjects = sorted(body.split(b"Subject: ")[1].split(b"\n")[0] for body in self.local().values())
        self.assertEqual([s.strip() for s in subjects], [b"born here", b"letter 2", b"letter 3", b"letter 4"])
        remote = self.house.messages(USER)
        self.assertEqual(len(remote), 4)
        self.assertTrue(any(b"Subject: born here" in body for body in remote))
        self.assertFalse(any(b"Subject: letter 1" in body for body in remote))
        flagged = [path.name for path, body in self.local().items() if b"letter 2" in body]
        self.assertIn("F", flagged[0].split(":2,")[1])
        # A third run finds nothing to do.
        before = {path: path.stat().st_mtime_ns for path in self.local()}
        self.sync()
        self.assertEqual({path: path.stat().st_mtime_ns for path in self.local()}, before)
        self.assertEqual(len(self.house.messages(USER)), 4)


class MuttsWithoutPlus(unittest.TestCase):
    """Where SCRAM-SHA-256-PLUS is not offered (`auth_mechanisms`), Debian's mutt and neomutt need no setting of their own."""

    def test_both_send(self):
        house = House(auth=("SCRAM-SHA-256", "PLAIN", "LOGIN")).start().people("ann", "bob")
        self.addCleanup(house.close)
        with house.submission(USER) as client:
            client.ehlo()
            self.assertEqual(client.esmtp_features["auth"].split(), ["SCRAM-SHA-256", "PLAIN", "LOGIN"])
        for program in ("neomutt", "mutt"):
            with self.subTest(program=program):
                directory = scratch(program)
                config = directory / "muttrc"
                where = f'set smtp_url = "smtps://{USER}@localhost:{house.ports["submissions"]}"\nset record = ""\n'
                config.write_text(like_mutt(house).replace('set smtp_authenticators = "plain"\n', "") + where)
                home = {"HOME": str(directory), "TERM": "dumb"}
                run([program, "-n", "-F", config, "-s", f"from {program}", "bob@alpha.test"], stdin="Dear Bob.\n", env=home)
                self.assertIn(b"Dear Bob.", house.wait_for("bob@alpha.test", f"Subject: from {program}"))


def like_mutt(house):
    """What mutt and neomutt need. Debian's pick SCRAM-SHA-256-PLUS without giving their library the channel, and over SMTP they
    give up then: the mechanism is named, as their users must where it is offered."""
    return f"""set ssl_ca_certificates_file = "{Authority.get().certificate}"
set ssl_force_tls = yes
set imap_user = "{USER}"
set imap_pass = "{PASSWORD}"
set smtp_pass = "{PASSWORD}"
set smtp_authenticators = "plain"
set from = "{USER}"
set folder = "imaps://localhost:{house.ports['imaps']}/"
set move = no
set quit = yes
set delete = yes
set sleep_time = 0
set wait_key = no
"""


class Neomutt(Reader):
    def config(self):
        path = self.directory / "muttrc"
        path.write_text(
            like_mutt(self.house)
            + f"""set smtp_url = "smtps://{USER}@localhost:{self.house.ports['submissions']}"
set realname = "Ann"
set spool_file = "+INBOX"
set confirm_append = no
set header_cache = ""
"""
        )
        return path

    def test_batch_sends(self):
        home = {"HOME": str(self.directory), "TERM": "dumb"}
        run(["neomutt", "-n", "-F", self.config(), "-s", "from neomutt", "bob@alpha.test"], stdin="Dear Bob.\n", env=home)
        self.assertIn(b"Dear Bob.", self.house.wait_for("bob@alpha.test", "Subject: from neomutt"))

    def test_batch_reads_copies_and_deletes(self):
        target = self.directory / "copy.mbox"
        keys = f"<tag-pattern>~A<enter><tag-prefix><copy-message>{target}<enter>"
        keys += "<untag-pattern>~A<enter><delete-pattern>~s 'letter 2'<enter><sync-mailbox><quit>"
        self.on_a_terminal(["neomutt", "-n", "-F", str(self.config()), "-e", f'push "{keys}"'])
        text = target.read_text()
        for number in (1, 2, 3):
            self.assertIn(f"Body {number}.", text)
        left = self.house.messages(USER)
        self.assertEqual([b"letter 2" in body for body in left], [False, False])

    def test_comes_back_and_hears_only_what_changed(self):
        """RFC 7162: with a header cache neomutt asks by QRESYNC what has happened since. (With a message
        gone, Debian 12's neomutt doubts its own numbers afterwards and reads the flags once more.)"""
        cache, log = self.directory / "cache", self.directory / "debug"
        cache.mkdir()

        def visit(pattern, target):
            keys = f"<tag-pattern>{pattern}<enter><tag-prefix><copy-message>{target}<enter><untag-pattern>~A<enter><quit>"
            settings = [f'set header_cache="{cache}"', "set imap_condstore", "set imap_qresync", f'push "{keys}"']
            words = [word for setting in settings for word in ("-e", setting)]
            self.on_a_terminal(["neomutt", "-n", "-F", str(self.config()), "-d", "3", "-l", str(log), *words])
            # The newest log gets the number 0.
            return target.read_text(), log.with_name("debug0").read_text(errors="replace")

        first, _ = visit("~A", self.directory / "first.mbox")
        self.assertEqual([f"Body {number}." in first for number in (1, 2, 3)], [True] * 3)
        client = self.house.imap(USER)
        client.select("INBOX")
        client.store("3", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.store("2", "+FLAGS", r"(\Flagged)")
        client.logout()
        with self.house.smtp() as sender:
            sender.sendmail("out@side.test", [USER], letter("letter 4", body="Body 4.\r\n"))
        self.house.wait_for(USER, "Subject: letter 4")
        second, said = visit("~A", self.directory / "second.mbox")
        self.assertRegex(said, r"UID FETCH 1:3 \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)")
        self.assertIn("Handling VANISHED", said)
        self.assertIn("Message UID 2 updated", said)
        self.assertEqual([f"Body {number}." in second for number in (1, 2, 3, 4)], [True, True, False, True])
        flagged, _ = visit("~F", self.directory / "flagged.mbox")
        self.assertEqual([f"Body {number}." in flagged for number in (1, 2, 4)], [False, True, False])

    def on_a_terminal(self, command):
        """neomutt reads keys only from a terminal: give it one, and let the pushed keys do the rest."""
        with Terminal(command, self.directory) as terminal:
            terminal.ends()


class Fetchers(Reader):
    def test_getmail_pop3(self):
        config = self.directory / "getmailrc"
        for kind in ("cur", "new", "tmp"):
            (self.directory / "mail" / kind).mkdir(parents=True)
        owner = ""
        if os.geteuid() == 0:  # getmail does not deliver as root
            owner = "user = nobody"
            for path in [self.directory / "mail", *(self.directory / "mail").iterdir()]:
                shutil.chown(path, "nobody")
        config.write_text(
            f"""[retriever]
type = SimplePOP3SSLRetriever
server = 127.0.0.1
port = {self.house.ports['pop3s']}
username = {USER}
password = {PASSWORD}
ca_certs = {Authority.get().certificate}

[destination]
type = Maildir
path = {self.directory}/mail/
{owner}

[options]
delete = true
delivered_to = false
received = false
"""
        )
        command = ["getmail", "--getmaildir", self.directory, "--rcfile", config]
        run(command)
        found = [path.read_bytes() for path in (self.directory / "mail/new").glob("*")]
        self.assertEqual(sorted(b"Body %d." % n in b"".join(found) for n in (1, 2, 3)), [True] * 3)
        self.assertEqual(len(found), 3)
        self.assertEqual(self.house.messages(USER), [])
        run(command)
        self.assertEqual(len(list((self.directory / "mail/new").glob("*"))), 3)

    def fetchmail(self, *options):
        config = self.directory / "fetchmailrc"
        target = self.directory / "fetched"
        mda = f"cat >> {target}; echo ===END=== >> {target}"
        config.write_text(
            f"""poll 127.0.0.1 protocol POP3 port {self.house.ports['pop3']} uidl
  user "{USER}" password "{PASSWORD}" sslproto "TLS1+" sslcertck
  sslcertfile "{Authority.get().certificate}" sslcommonname "localhost"
  mda "{mda}" {' '.join(options)}
"""
        )
        config.chmod(0o600)
        ids = self.directory / "fetchids"
        text = run(
            ["fetchmail", "--nodetach", "--nosyslog", "-f", config, "-i", ids, "--pidfile", self.directory / "pid"],
            status=None, env={"HOME": str(self.directory), "FETCHMAILHOME": str(self.directory)},
        )
        fetched = target.read_bytes() if target.exists() else b""
        return [part for part in fetched.split(b"===END===\n") if part.strip()], text

    def test_fetchmail_stls_keeps_and_knows_what_it_saw(self):
        first, text = self.fetchmail("keep")
        self.assertEqual(len(first), 3, text)
        self.assertIn(b"Body 1.", first[0])
        self.assertEqual(len(self.fetchmail("keep")[0]), 3, "UIDL is stable: nothing is fetched twice")
        self.assertEqual(len(self.house.messages(USER)), 3)


class Imaplib(Reader):
    def test_reads_and_changes(self):
        client = self.house.imap(USER)
        self.assertEqual(client.select("INBOX"), ("OK", [b"3"]))
        self.assertEqual(client.search(None, "SUBJECT", '"letter 2"'), ("OK", [b"2"]))
        _, data = client.fetch("2", "(FLAGS RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY[HEADER.FIELDS (SUBJECT)])")
        self.assertIn(b"letter 2", data[0][1])
        self.assertIn(b'"TEXT" "PLAIN"', data[0][0].upper())
        client.store("2", "+FLAGS", r"(\Seen $Forwarded)")
        _, data = client.fetch("2", "(FLAGS)")
        self.assertIn(b"\\Seen", data[0])
        self.assertIn(b"$Forwarded", data[0])
        self.assertEqual(client.search(None, "UNSEEN")[1], [b"1 3"])
        self.assertEqual(client.copy("2", "Archive")[0], "OK")
        client.store("1", "+FLAGS", r"(\Deleted)")
        self.assertEqual(client.expunge(), ("OK", [b"1"]))
        client.logout()
        self.assertEqual(len(self.house.messages(USER)), 2)
        self.assertIn(b"Body 2.", self.house.messages(USER, "Archive")[0])

    def test_mailboxes(self):
        client = self.house.imap(USER)
        _, listed = client.list()
        names = b" ".join(listed)
        for name in (b"INBOX", b"Drafts", b"Sent", b"Junk", b"Trash", b"Archive"):
            self.assertIn(name, names)
        for step in (client.create("Work/2026"), client.rename("Work/2026", "Work/2027"), client.subscribe("Work/2027")):
            self.assertEqual(step[0], "OK", step)
        self.assertIn(b"Work/2027", b" ".join(client.list('""', "Work/*")[1]))
        first = client.status("Work/2027", "(UIDVALIDITY)")[1][0]
        client.delete("Work/2027")
        client.create("Work/2027")
        self.assertNotEqual(client.status("Work/2027", "(UIDVALIDITY)")[1][0], first, "RFC 3501 §2.3.1.1")
        client.logout()

    def test_asks_for_what_changed_and_gets_it_sorted(self):
        """CONDSTORE, QRESYNC, ESEARCH, SORT, THREAD, PREVIEW as a program sends them (RFC 7162, 4731, 5256, 8970)."""
        client = self.house.imap(USER)
        self.assertEqual(client.enable("QRESYNC")[0], "OK")
        client.select("INBOX")
        self.assertEqual(client.sort("REVERSE SUBJECT", "UTF-8", "ALL"), ("OK", [b"3 2 1"]))
        self.assertEqual(client.thread("REFERENCES", "UTF-8", "ALL"), ("OK", [b"(1)(2)(3)"]))
        modseq = int(client.response("HIGHESTMODSEQ")[1][0])
        validity = int(client.response("UIDVALIDITY")[1][0])
        client.unselect()
        other = self.house.imap(USER)
        other.select("INBOX")
        other.store("1", "+FLAGS", r"(\Deleted)")
        other.store("3", "+FLAGS", r"(\Flagged)")
        other.expunge()
        other.logout()
        client.select(f"INBOX (QRESYNC ({validity} {modseq}))".replace('"', ""))
        self.assertEqual(client.response("VANISHED")[1], [b"(EARLIER) 1"])
        fetched = client.response("FETCH")[1]
        self.assertEqual(len(fetched), 1, fetched)
        self.assertRegex(fetched[0], rb"^2 \(UID 3 FLAGS \(\\Flagged\) MODSEQ \(\d+\)\)$")
        _, data = client.fetch("1", "(PREVIEW)")
        self.assertEqual(data, [b'1 (PREVIEW "Body 2.")'])
        client.logout()

    def test_speaks_utf8(self):
        """RFC 9755: APPEND with UTF8 data, names and searches in UTF-8."""
        text = letter("letter 4").replace(b"Subject: letter 4", "Subject: grüße".encode())
        client = self.house.imap(USER)
        self.assertEqual(client.append("INBOX", None, None, text)[0], "OK", "old mail may be copied here by who knows nothing of UTF-8")
        client.logout()
        client = self.house.imap(USER)
        self.assertEqual(client.enable("UTF8=ACCEPT")[0], "OK")
        self.assertEqual(client.create('"Entwürfe & mehr"')[0], "OK")
        self.assertIn('"Entwürfe & mehr"'.encode(), b" ".join(client.list()[1]))
        self.assertIn(b"OK [APPENDUID", self.append_utf8(client, "Entwürfe & mehr", text))
        self.assertEqual(client.select('"Entwürfe & mehr"'), ("OK", [b"1"]))
        self.assertEqual(client.search(None, "SUBJECT", '"grüße"'), ("OK", [b"1"]))
        _, data = client.fetch("1", "(ENVELOPE BODY.PEEK[])")
        self.assertIn('"grüße"'.encode(), data[0][0])
        self.assertEqual(data[0][1], text)
        client.logout()
        old = self.house.imap(USER)
        self.assertIn(b'"Entw&APw-rfe &- mehr"', b" ".join(old.list()[1]))
        old.logout()

    def test_speaks_imap4rev2(self):
        client = self.house.imap(USER)
        self.assertIn("IMAP4REV2", client.capabilities)
        self.assertEqual(client.enable("IMAP4rev2")[0], "OK")
        self.assertEqual(client.select("inbox"), ("OK", [b"3"]))
        self.assertEqual(client.response("RECENT")[1], [None])
        self.assertEqual(client.response("LIST")[1], [b'(\\HasNoChildren) "/" "INBOX" ("OLDNAME" ("inbox"))'])
        client.search(None, "SUBJECT", '"letter 2"')
        self.assertRegex(client.response("ESEARCH")[1][0], rb'^\(TAG "\w+"\) ALL 2$')
        client.logout()

    def test_append_keeps_bytes_flags_and_date(self):
        client = self.house.imap(USER)
        when = '"17-Jul-1996 02:44:25 -0700"'
        text = letter("appended") + b"\xff\x00 odd\r\n.\r\n"
        self.assertEqual(client.append("Sent", r"(\Seen \Flagged)", when, text.replace(b"\x00", b" "))[0], "OK")
        client.select("Sent")
        _, data = client.fetch("1", "(FLAGS INTERNALDATE BODY.PEEK[])")
        self.assertEqual(data[0][1], text.replace(b"\x00", b" "))
        self.assertIn(b"17-Jul-1996 09:44:25 +0000", data[0][0] + data[-1] if isinstance(data[-1], bytes) else data[0][0])
        client.logout()

    def test_idle_hears_of_new_mail(self):
        client = self.house.imap(USER)
        client.select("INBOX")
        client.send(b"i1 IDLE\r\n")
        self.assertTrue(client.readline().startswith(b"+"))
        with self.house.smtp() as sender:
            sender.sendmail("out@side.test", [USER], letter("letter 4"))
        self.assertIn(b"* 4 EXISTS", client.readline())
        client.send(b"DONE\r\n")
        until(lambda: client.readline().startswith(b"i1 OK"), 5, "the end of IDLE")
        client.logout()


class Poplib(Reader):
    def test_reads_and_deletes_only_after_quit(self):
        client = self.house.pop3(USER)
        self.assertEqual(client.stat()[0], 3)
        self.assertIn(b"Body 2.", client.retr(2)[1])
        self.assertNotIn(b"Body 2.", client.top(2, 0)[1])
        ids = [line.split()[1] for line in client.uidl()[1]]
        self.assertEqual(len(set(ids)), 3)
        client.dele(1)
        client.sock.close()
        client.file.close()
        until(lambda: len(self.house.messages(USER)) == 3, 5, "three messages after a broken session")
        client = self.reconnect()
        self.assertEqual([line.split()[1] for line in client.uidl()[1]], ids, "UIDL is stable")
        client.dele(1)
        client.quit()
        # After QUIT the drop is free by the time the client hears of it; `bench/imap pop3` counts on that many times a second.
        client = self.house.pop3(USER)
        self.assertEqual([line.split()[1] for line in client.uidl()[1]], ids[1:])
        client.quit()

    def test_utf8_is_shown_to_those_who_know_it(self):
        """RFC 6856, RFC 6858."""
        text = letter("letter 4").replace(b"Subject: letter 4", "Subject: grüße".encode())
        writer = self.house.imap(USER)
        writer.enable("UTF8=ACCEPT")
        self.assertIn(b"OK [APPENDUID", self.append_utf8(writer, "INBOX", text))
        writer.logout()
        client = self.house.pop3(USER)
        self.assertIn(b"Subject: =?utf-8?B?Z3LDvMOfZQ==?=", client.retr(4)[1])
        self.assertIn("UTF8", client.capa())
        client.quit()
        client = self.house.pop3(USER, utf8=True)
        self.assertIn("Subject: grüße".encode(), client.retr(4)[1])
        client.quit()

    def reconnect(self):
        """The drop of a broken session may stay locked for a moment."""

        def attempt():
            try:
                return self.house.pop3(USER)
            except poplib.error_proto:
                return None

        return until(attempt, 10, "the mail drop to be free again")

    def test_stls(self):
        client = poplib.POP3("127.0.0.1", self.house.ports["pop3"], timeout=30)
        self.assertIn("STLS", client.capa())
        client.stls(Authority.get().context())
        client.user(USER)
        client.pass_(PASSWORD)
        self.assertEqual(client.stat()[0], 3)
        client.quit()
