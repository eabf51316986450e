"""Thunderbird at work (`thunderbird.py`): it receives, reads, marks, moves, deletes, searches, sends, and comes back later."""

from house import letter, until
from test_clients import change, kept
from test_readers import USER, Reader
from thunderbird import Thunderbird

SENT = "from Thunderbird – schön"


class Mail(Reader):
    def test_a_day_and_the_next(self):
        with self.house.smtp() as client:
            for number in (4, 5, 6):
                client.sendmail("out@side.test", [USER], letter(f"letter {number}", body=f"Body {number}.\r\n"))
        with Thunderbird(self.directory, self.house, USER) as program:
            self.reads(program)
            self.marks_and_moves(program)
            self.sends(program)
            program.quit()
        self.meanwhile()
        with Thunderbird(self.directory, self.house, USER, condstore=True) as program:
            self.comes_back(program)
            program.quit()

    def test_mailboxes_of_others(self):
        """What is shared and subscribed is in the list of folders, below the roots that NAMESPACE names, and works."""
        self.house.add_account("team@alpha.test")
        for who in ("team@alpha.test", "bob@alpha.test"):
            self.house.run("account", "rights", "grant", who, "--mailbox", "INBOX", "--to", USER, "--rights", "lrswite")
            with self.house.smtp() as client:
                client.sendmail("out@side.test", [who], letter(f"for {who}", to=who))
            self.house.wait_for(who, f"for {who}")
        self.house.run("account", "shared", "team@alpha.test", "on")
        team, bob = "Shared Folders/team@alpha.test/INBOX", "Other Users/bob@alpha.test/INBOX"
        client = self.house.imap(USER)
        for name in (team, bob):
            self.assertEqual(client.subscribe(f'"{name}"')[0], "OK")
        client.logout()
        with Thunderbird(self.directory, self.house, USER) as program:
            program.do("open", path="INBOX")
            self.shows(True, lambda: {team, bob} <= set(program.do("folders")))
            for path, subject in ((team, "for team@alpha.test"), (bob, "for bob@alpha.test")):
                program.do("open", path=path)
                self.shows({subject: []}, program.do, "list", path=path)
                program.do("mark", path=path, subject=subject, read=True)
            program.quit()
        for name in (team, bob):
            client = self.house.imap(USER)
            client.select(f'"{name}"', readonly=True)
            self.assertEqual(client.search(None, "SEEN")[1], [b"1"])
            client.logout()

    def shows(self, expected, ask, *words, **named):
        """Thunderbird comes to show this: its windows, too, fill as answers come in."""
        try:
            until(lambda: ask(*words, **named) == expected, 20)
        except AssertionError:
            self.assertEqual(ask(*words, **named), expected, "20 s later")

    def reads(self, program):
        program.do("open", path="INBOX")
        self.shows(["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"], program.do, "folders")
        self.shows({f"letter {number}": [] for number in (1, 2, 3, 4, 5, 6)}, program.do, "list", path="INBOX")
        self.assertIn("Body 2.", program.do("read", path="INBOX", subject="letter 2"))
        self.assertEqual(program.do("search", path="INBOX", body="body 3"), ["letter 3"])

    def marks_and_moves(self, program):
        program.do("mark", path="INBOX", subject="letter 1", read=True)
        program.do("mark", path="INBOX", subject="letter 2", star=True, tag="$label1")
        program.do("create", name="Work & Grüße")
        self.shows(True, program.do, "exists", path="Work & Grüße")
        program.do("copy", path="INBOX", subject="letter 2", to="Archive", move=False)
        program.do("copy", path="INBOX", subject="letter 3", to="Work & Grüße", move=True)
        program.do("remove", path="INBOX", subject="letter 4")
        # Some changes are sent a moment later.
        self.shows({
            "INBOX": {"letter 1": ["\\Seen"], "letter 2": ["$label1", "\\Flagged"], "letter 5": [], "letter 6": []},
            "Archive": {"letter 2": ["$label1", "\\Flagged"]}, "Work &- Gr&APwA3w-e": {"letter 3": []}, "Trash": {"letter 4": []},
        }, kept, self.house)

    def sends(self, program):
        program.do("send", to=f"bob@alpha.test, {USER}", subject=SENT, body="Dear Bob.\r\n.\r\nYours\r\n")
        self.assertIn(b"Dear Bob.\r\n.\r\nYours", self.house.wait_for("bob@alpha.test", "Dear Bob."))
        # Nobody asks for it: IDLE tells.
        self.shows(True, lambda: SENT in program.do("list", path="INBOX"))
        self.assertEqual(list(kept(self.house)["Sent"].values()), [["\\Seen"]])

    def meanwhile(self):
        """Another program at work while Thunderbird is off."""
        change(self.house, "INBOX", "letter 1", "STORE", "-FLAGS", "(\\Seen)")
        change(self.house, "INBOX", "letter 2", "STORE", "FLAGS", "(\\Answered $label2)")
        change(self.house, "INBOX", "letter 5", "STORE", "+FLAGS", "(\\Deleted)")
        change(self.house, "INBOX", "letter 6", "MOVE", "Archive")
        with self.house.smtp() as client:
            client.sendmail("out@side.test", [USER], letter("letter 7", body="Body 7.\r\n"))
        self.house.wait_for(USER, "Body 7.")

    def comes_back(self, program):
        for path in ("INBOX", "Archive", "Work & Grüße", "Trash"):
            program.do("open", path=path)
        inbox = {"letter 1": [], "letter 2": ["replied", "$label2"], "letter 7": [], SENT: []}
        self.shows(inbox, program.do, "list", path="INBOX")
        self.shows({"letter 2": ["star", "$label1"], "letter 6": []}, program.do, "list", path="Archive")
        self.shows({"letter 3": []}, program.do, "list", path="Work & Grüße")
        self.assertIn("Body 7.", program.do("read", path="INBOX", subject="letter 7"))
        # While it is open, what others do is seen at once.
        change(self.house, "INBOX", "letter 7", "STORE", "+FLAGS", "(\\Flagged)")
        self.shows({**inbox, "letter 7": ["star"]}, program.do, "list", path="INBOX")
        program.do("remove", path="Trash", subject="letter 4")
        program.do("compact", path="Trash")
        self.shows(False, lambda: "Trash" in kept(self.house))
