"""Thunderbird at work (`thunderbird.py`): it receives, reads, marks, moves, deletes, searches, sends, and comes back later."""

from house import letter, until
from test_clients import change, kept
from test_readers import USER, Reader
from thunderbird import Thunderbird


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
        with Thunderbird(self.directory, self.house, USER) as program:
            self.comes_back(program)
            program.quit()

    def arrives(self, program, path, subject, marks=()):
        until(lambda: program.do("list", path=path).get(subject) == list(marks), 20, f"{subject} {marks} in {path}")

    def is_kept(self, expected):
        """The server has exactly this, as another client sees it; Thunderbird sends some changes a moment later."""
        try:
            until(lambda: kept(self.house) == expected, 20, "the server to have what Thunderbird did")
        except AssertionError as error:
            self.assertEqual(kept(self.house), expected, error)

    def reads(self, program):
        program.do("receive")
        self.assertEqual(set(program.do("folders")), {"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"})
        self.assertEqual(program.do("list", path="INBOX"), {f"letter {number}": [] for number in (1, 2, 3, 4, 5, 6)})
        self.assertIn("Body 2.", program.do("read", path="INBOX", subject="letter 2"))
        self.assertEqual(program.do("search", path="INBOX", body="body 3"), ["letter 3"])

    def marks_and_moves(self, program):
        program.do("mark", path="INBOX", subject="letter 1", read=True)
        program.do("mark", path="INBOX", subject="letter 2", star=True, tag="$label1")
        program.do("create", name="Work & Grüße")
        until(lambda: program.do("exists", path="Work & Grüße"), 20, "the new folder")
        program.do("copy", path="INBOX", subject="letter 2", to="Archive", move=False)
        program.do("copy", path="INBOX", subject="letter 3", to="Work & Grüße", move=True)
        program.do("remove", path="INBOX", subject="letter 4")
        self.is_kept({
            "INBOX": {"letter 1": ["\\Seen"], "letter 2": ["$label1", "\\Flagged"], "letter 5": [], "letter 6": []},
            "Archive": {"letter 2": ["$label1", "\\Flagged"]}, "Work &- Gr&APwA3w-e": {"letter 3": []}, "Trash": {"letter 4": []},
        })

    def sends(self, program):
        program.do("send", to=f"bob@alpha.test, {USER}", subject="from Thunderbird – schön", body="Dear Bob.\r\n.\r\nYours\r\n")
        self.assertIn(b"Dear Bob.\r\n.\r\nYours", self.house.wait_for("bob@alpha.test", "Dear Bob."))
        # Nobody asks for it: IDLE tells.
        self.arrives(program, "INBOX", "from Thunderbird – schön")
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
        program.do("receive")
        expected = {"letter 1": [], "letter 2": ["replied", "$label2"], "letter 7": [], "from Thunderbird – schön": []}
        self.assertEqual(program.do("list", path="INBOX"), expected)
        self.assertEqual(program.do("list", path="Archive"), {"letter 2": ["star", "$label1"], "letter 6": []})
        self.assertEqual(program.do("list", path="Work & Grüße"), {"letter 3": []})
        self.assertIn("Body 7.", program.do("read", path="INBOX", subject="letter 7"))
        # While it is open, what others do is seen at once.
        change(self.house, "INBOX", "letter 7", "STORE", "+FLAGS", "(\\Flagged)")
        self.arrives(program, "INBOX", "letter 7", ["star"])
        program.do("remove", path="Trash", subject="letter 4")
        program.do("compact", path="Trash")
        until(lambda: "Trash" not in kept(self.house), 20, "the trash to be empty")
