"""Libraries with which others write their mail programs: Python's imapclient, Node's imapflow."""

import datetime
import importlib
import json
import subprocess
import sys
from pathlib import Path

from house import PASSWORD, Authority, House, letter, until
from registry import node_with, python_with
from test_clients import change, kept
from test_readers import USER, Reader

MIXED = (
    b"From: Zoe <zoe@side.test>\r\nTo: Ann <ann@alpha.test>, bob@alpha.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <mixed@side.test>\r\nIn-Reply-To: <letter.1@side.test>\r\n"
    b"References: <letter.1@side.test>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSch=C3=B6ne Worte\r\n"
    b"--b\r\nContent-Type: application/octet-stream; name=data.bin\r\nContent-Disposition: attachment; filename=data.bin\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--b--\r\n"
)


class Library(Reader):
    """The reader's three letters, and one with parts that answers the first."""

    def setUp(self):
        super().setUp()
        with self.house.smtp() as client:
            client.sendmail("zoe@side.test", [USER], MIXED)


class Imapclient(Library):
    @classmethod
    def setUpClass(cls):
        python = python_with("imapclient", ["IMAPClient==4.1.0"])
        sys.path[:0] = [str(path) for path in python.parents[1].glob("lib/python*/site-packages")]
        cls.library = importlib.import_module("imapclient")

    def setUp(self):
        super().setUp()
        self.client = self.library.IMAPClient("localhost", self.house.ports["imaps"], ssl_context=Authority.get().context(), timeout=60)
        self.client.login(USER, PASSWORD)

    def tearDown(self):
        self.client.logout()
        super().tearDown()

    def test_searches_sorts_and_threads(self):
        self.assertEqual(self.client.select_folder("INBOX")[b"EXISTS"], 4)
        for criteria, found in (
            ("ALL", [1, 2, 3, 4]), (["SUBJECT", "letter 2"], [2]), (["NOT", ["OR", "FROM", "zoe", "BODY", "Body 3"]], [1, 2]),
            (["SUBJECT", "GRÜSSE"], []), (["SUBJECT", "grüße"], [4]), (["TEXT", "schöne"], [4]), ("UNSEEN", [1, 2, 3, 4]),
            (["SENTSINCE", datetime.date(2026, 11, 24)], [4]), (["HEADER", "Message-ID", "<mixed@side.test>"], [4]), (["LARGER", 900], [4]),
        ):
            with self.subTest(criteria=criteria):
                self.assertEqual(self.client.search(criteria, "UTF-8"), found)
        self.assertEqual(self.client.sort(["REVERSE DATE"]), [4, 1, 2, 3])
        self.assertEqual(self.client.sort("SUBJECT", ["FROM", "out@"]), [1, 2, 3])
        self.assertEqual(self.client.thread("REFERENCES"), ((1, 4), (2,), (3,)))
        self.assertEqual(self.client.thread("ORDEREDSUBJECT", ["SUBJECT", "letter"]), ((1,), (2,), (3,)))

    def test_fetches(self):
        self.client.select_folder("INBOX", readonly=True)
        found = self.client.fetch([4], ["ENVELOPE", "BODYSTRUCTURE", "INTERNALDATE", "RFC822.SIZE", "FLAGS", "BODY.PEEK[1]", "BODY.PEEK[]<0.4>"])[4]
        envelope = found[b"ENVELOPE"]
        self.assertEqual(envelope.subject, b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=")
        self.assertEqual([str(address) for address in envelope.to], ["Ann <ann@alpha.test>", "bob@alpha.test"])
        self.assertEqual((envelope.in_reply_to, envelope.message_id), (b"<letter.1@side.test>", b"<mixed@side.test>"))
        self.assertEqual(envelope.date.utcoffset() or envelope.date.hour, datetime.datetime(2026, 11, 24, 9, tzinfo=datetime.timezone.utc).astimezone().hour)
        structure = found[b"BODYSTRUCTURE"]
        self.assertTrue(structure.is_multipart)
        self.assertEqual([part[:2] for part in structure[0]], [(b"TEXT", b"PLAIN"), (b"APPLICATION", b"OCTET-STREAM")])
        self.assertEqual(found[b"BODY[1]"], b"Sch=C3=B6ne Worte")
        self.assertEqual(len(found[b"BODY[]<0>"]), 4)
        modseq = self.client.fetch([4], ["MODSEQ"])[4][b"MODSEQ"][0]
        change(self.house, "INBOX", "letter 2", "STORE", "+FLAGS", "(\\Flagged)")
        changed = self.client.fetch([1, 2, 3, 4], ["FLAGS"], [f"CHANGEDSINCE {modseq}"])
        self.assertEqual({uid: set(data[b"FLAGS"]) for uid, data in changed.items()}, {2: {b"\\Flagged", b"\\Recent"}})

    def test_marks_moves_and_appends(self):
        client = self.client
        client.select_folder("INBOX")
        self.assertEqual(set(client.add_flags([1, 2], [b"\\Seen", b"$Work"])[1]), {b"\\Seen", b"$Work", b"\\Recent"})
        client.remove_flags(2, "$Work")
        client.set_flags(3, [b"\\Deleted", b"\\Answered"])
        self.assertEqual(client.search("KEYWORD $Work"), [1])
        client.copy([1], "Archive")
        client.move([2], "Trash")
        client.delete_messages([1])
        client.uid_expunge([3])
        when = datetime.datetime(2020, 2, 29, 12, 30, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
        self.assertRegex(client.append("Drafts", letter("draft"), [b"\\Draft"], when), rb"^\[APPENDUID \d+ 1\]")
        self.assertEqual(kept(self.house), {
            "INBOX": {"letter 1": ["$Work", "\\Deleted", "\\Seen"], "=?utf-8?q?Gr=C3=BC=C3=9Fe?=": []},
            "Archive": {"letter 1": ["$Work", "\\Seen"]}, "Trash": {"letter 2": ["\\Seen"]}, "Drafts": {"draft": ["\\Draft"]},
        })
        client.select_folder("Drafts")
        self.assertEqual(client.fetch(1, "INTERNALDATE")[1][b"INTERNALDATE"], when.astimezone().replace(tzinfo=None))

    def test_folders(self):
        client = self.client
        names = lambda found: [name for _, _, name in found]
        self.assertEqual(client.find_special_folder(b"\\Sent"), "Sent")
        self.assertEqual(client.namespace().personal[0], ("", "/"))
        self.assertIn(b"name", client.id_({"name": "imapclient"})[0])
        client.create_folder("Work/Grüße & Küsse")
        client.rename_folder("Work/Grüße & Küsse", "Work/台北")
        client.subscribe_folder("Work/台北")
        self.assertEqual(names(client.list_folders("Work", "/%")), ["Work/台北"])
        self.assertIn("Work/台北", names(client.list_sub_folders()))
        client.append("Work/台北", letter("one"))
        status = client.folder_status("Work/台北", ["MESSAGES", "UIDNEXT", "UNSEEN", "HIGHESTMODSEQ"])
        self.assertEqual((status[b"MESSAGES"], status[b"UIDNEXT"], status[b"UNSEEN"]), (1, 2, 1))
        client.delete_folder("Work/台北")
        self.assertFalse(client.folder_exists("Work/台北"))
        with self.assertRaisesRegex(self.library.exceptions.IMAPClientError, "NONEXISTENT"):
            client.select_folder("Work/台北")

    def test_idle_hears_all_that_others_do(self):
        client, heard = self.client, []
        client.select_folder("INBOX")
        client.idle()

        def hears(*wanted):
            until(lambda: heard.extend(client.idle_check(1)) or all(each in heard for each in wanted), what=f"{wanted}")

        with self.house.smtp() as sender:
            sender.sendmail("out@side.test", [USER], letter("letter 5"))
        hears((5, b"EXISTS"))
        change(self.house, "INBOX", "letter 2", "STORE", "+FLAGS", "(\\Flagged)")
        flags = lambda: [each[2][each[2].index(b"FLAGS") + 1] for each in heard if each[:2] == (2, b"FETCH")]
        until(lambda: heard.extend(client.idle_check(1)) or any(b"\\Flagged" in each for each in flags()), what="the flag")
        change(self.house, "INBOX", "letter 1", "MOVE", "Archive")
        hears((1, b"EXPUNGE"))
        self.assertEqual(client.idle_done()[1], [])
        self.assertEqual(client.search(), [2, 3, 4, 5])

    def test_quota(self):
        if not self.client.has_capability("QUOTA"):
            self.skipTest("the server offers no QUOTA")
        self.house.run("account", "quota", USER, "--messages", "100")
        roots, quotas = self.client.get_quota_root("INBOX")
        self.assertEqual([(quota.quota_root in roots.quota_roots, quota.resource, quota.usage, quota.limit) for quota in quotas], [(True, "MESSAGE", 4, 100)])

    def test_acl(self):
        if not self.client.has_capability("ACL"):
            self.skipTest("the server offers no ACL")
        self.client.create_folder("Shared")
        self.client.setacl("Shared", "bob@alpha.test", "lr")
        rights = {who.strip(b'"'): what.strip(b'"') for who, what in self.client.getacl("Shared")}
        self.assertEqual(set(rights[b"bob@alpha.test"]), set(b"lr"))


class Imapflow(Library):
    @classmethod
    def setUpClass(cls):
        cls.place = node_with("imapflow", ["imapflow@2.10.2"], 20)

    def setUp(self):
        super().setUp()
        command = ["node", Path(__file__).with_name("imapflow.mjs"), self.place]
        self.peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tearDown(self):
        self.peer.stdin.close()
        self.peer.wait(20)
        self.peer.stdout.close()
        super().tearDown()

    def call(self, method, *words):
        self.peer.stdin.write(json.dumps({"call": method, "words": words}) + "\n")
        self.peer.stdin.flush()
        answer = json.loads(self.peer.stdout.readline())
        self.assertNotIn("error", answer, f"{method} {words}: {self.call('told')[-8:] if method != 'told' else ''}")
        return answer["value"]

    def connect(self, service="imaps", **options):
        secure = {"host": "localhost", "port": self.house.ports[service], "secure": service == "imaps"}
        trust = {"tls": {"ca": Authority.get().certificate.read_text()}}
        return self.call("connect", {**secure, **trust, "auth": {"user": USER, "pass": PASSWORD}, **options})

    def test_lists_reads_and_searches(self):
        """Over STARTTLS, with a streamed fetch and decoded downloads."""
        self.connect("imap")
        uses = {box["path"]: box.get("specialUse") for box in self.call("list")}
        self.assertEqual(uses, {"INBOX": "\\Inbox", **{name: f"\\{name}" for name in ("Sent", "Drafts", "Archive", "Junk", "Trash")}})
        self.assertEqual(self.call("mailboxOpen", "INBOX")["exists"], 4)
        fetched = self.call("fetch", "1:*", {"envelope": True, "flags": True, "bodyStructure": True, "size": True, "source": True})
        self.assertEqual([each["envelope"]["subject"] for each in fetched], ["letter 1", "letter 2", "letter 3", "Grüße"])
        self.assertEqual([each["size"] for each in fetched], [len(body) for body in self.house.messages(USER)])
        self.assertEqual([each["source"] for each in fetched], [body.decode("latin1") for body in self.house.messages(USER)])
        self.assertEqual([part["type"] for part in fetched[3]["bodyStructure"]["childNodes"]], ["text/plain", "application/octet-stream"])
        text, data = (self.call("download", "4", part) for part in ("1", "2"))
        self.assertEqual(text["content"].encode("latin1").decode(), "Schöne Worte")
        self.assertEqual((data["meta"]["filename"], data["content"]), ("data.bin", "\x00\x01\x02\x03\x04"))
        for question, found in (
            ({"subject": "grüße"}, [4]), ({"or": [{"body": "Body 2"}, {"from": "zoe"}]}, [2, 4]), ({"seen": False, "not": {"from": "zoe"}}, [1, 2, 3]),
            ({"header": {"message-id": "<mixed@side.test>"}}, [4]), ({"since": "2030-01-01"}, []), ({"uid": "2:3"}, [2, 3]),
        ):
            with self.subTest(question=question):
                self.assertEqual(self.call("search", question, {"uid": True}), found)
        status = self.call("status", "INBOX", {"messages": True, "unseen": True, "uidNext": True, "highestModseq": True})
        self.assertEqual((status["messages"], status["unseen"], status["uidNext"]), (4, 4, 5))

    def test_marks_copies_moves_deletes_and_appends(self):
        self.connect()
        self.call("mailboxOpen", "INBOX")
        by_uid = {"uid": True}
        self.assertTrue(self.call("messageFlagsAdd", "1:2", ["\\Seen", "$Work"], by_uid))
        self.assertTrue(self.call("messageFlagsRemove", "2", ["$Work"], by_uid))
        self.assertTrue(self.call("mailboxCreate", "Work/Grüße & Küsse")["created"])
        self.call("mailboxRename", "Work/Grüße & Küsse", "Work/台北")
        self.assertEqual(self.call("messageCopy", "1", "Work/台北", by_uid)["uidMap"], {"1": 1})
        self.assertEqual(self.call("messageMove", "2,3", "Archive", by_uid)["uidMap"], {"2": 1, "3": 2})
        self.assertTrue(self.call("messageDelete", "4", by_uid))
        added = self.call("append", "Drafts", letter("draft").decode(), ["\\Draft"], "2020-02-29T12:30:01Z")
        self.assertEqual((added["destination"], added["uid"]), ("Drafts", 1))
        self.call("mailboxOpen", "Drafts")
        self.assertEqual(self.call("fetchOne", "1", {"internalDate": True})["internalDate"], "2020-02-29T12:30:01.000Z")
        self.assertEqual(kept(self.house), {
            "INBOX": {"letter 1": ["$Work", "\\Seen"]}, "Work/&U,BTFw-": {"letter 1": ["$Work", "\\Seen"]},
            "Archive": {"letter 2": ["\\Seen"], "letter 3": []}, "Drafts": {"draft": ["\\Draft"]},
        })
        self.call("mailboxDelete", "Work/台北")
        self.assertNotIn("Work/台北", [box["path"] for box in self.call("list")])

    def hears(self, **wanted):
        """An event of this kind with these facts comes."""
        until(lambda: any(wanted.items() <= event.items() for event in self.call("events")), 20, f"the event {wanted}")

    def test_idle_hears_all_that_others_do(self):
        self.connect()
        self.call("mailboxOpen", "INBOX")
        self.call("idle")
        with self.house.smtp() as sender:
            sender.sendmail("out@side.test", [USER], letter("letter 5"))
        self.hears(event="exists", path="INBOX", count=5, prevCount=4)
        change(self.house, "INBOX", "letter 2", "STORE", "+FLAGS", "(\\Flagged)")
        self.hears(event="flags", seq=2)
        change(self.house, "INBOX", "letter 1", "MOVE", "Archive")
        self.hears(event="expunge", seq=1, vanished=False)
        self.assertEqual(self.call("search", {"all": True}, {"uid": True}), [2, 3, 4, 5])

    def test_comes_back_by_qresync(self):
        """RFC 7162 §3.2.5: SELECT itself tells what went and what changed; afterwards VANISHED takes the place of EXPUNGE."""
        self.assertLessEqual({"CONDSTORE", "QRESYNC"}, set(self.connect(qresync=True)))
        known = self.call("mailboxOpen", "INBOX")
        self.call("logout")
        change(self.house, "INBOX", "letter 1", "STORE", "+FLAGS", "(\\Deleted)")
        change(self.house, "INBOX", "letter 3", "STORE", "+FLAGS", "(\\Answered)")
        self.connect(qresync=True)
        since = {"changedSince": known["highestModseq"], "uidValidity": known["uidValidity"]}
        opened = self.call("mailboxOpen", "INBOX", since)
        self.assertTrue(opened["qresync"])
        self.assertGreater(opened["highestModseq"], known["highestModseq"])
        gone, changed = sorted(self.call("events"), key=lambda event: event["event"])
        self.assertEqual((gone["event"], gone["uid"], gone["earlier"]), ("expunge", 1, True))
        self.assertEqual((changed["event"], changed["uid"], "\\Answered" in changed["flags"]), ("flags", 3, True))
        fetched = self.call("fetch", "1:*", {"uid": True, "flags": True}, {"uid": True, "changedSince": known["highestModseq"]})
        self.assertEqual([each["uid"] for each in fetched], [3])
        self.call("idle")
        change(self.house, "INBOX", "letter 2", "MOVE", "Archive")
        self.hears(event="expunge", uid=2, vanished=True, earlier=False)

    def test_quota(self):
        self.connect()
        if "QUOTA" not in " ".join(self.call("told")):
            self.skipTest("the server offers no QUOTA")
        self.house.run("account", "quota", USER, "--messages", "100")
        told = self.call("getQuota", "INBOX")["message"]
        self.assertEqual((told["usage"], told["limit"]), (4, 100))
