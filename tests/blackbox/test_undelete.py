"""What was expunged, deleted or removed comes back; what was lost comes out of a backup; and after a restore no client
takes what is there for what it remembers (F31)."""

import imaplib
import json
import re
import signal
import time
import unittest

from house import House, letter, until

SERVICES = ["smtp", "imaps", "pop3s"]


def fill(house, *subjects, to="ann@alpha.test"):
    with house.smtp() as client:
        for subject in subjects:
            client.sendmail("out@side.test", [to], letter(subject, to=to))


def expunge(house, which, mailbox="INBOX"):
    client = house.imap("ann@alpha.test")
    client.select(mailbox)
    client.store(which, "+FLAGS", "(\\Deleted)")
    status, _ = client.expunge()
    assert status == "OK"
    client.logout()


def state(house, mailbox="INBOX", user="ann@alpha.test"):
    """UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ-like figures and, by subject, UID, flags and internal date."""
    client = house.imap(user)
    status, _ = client.select(f'"{mailbox}"', readonly=True)
    if status != "OK":
        client.logout()
        return None, {}
    validity = int(client.untagged_responses["UIDVALIDITY"][0])
    messages = {}
    if client.untagged_responses["EXISTS"] != [b"0"]:
        _, data = client.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        for head, body in (part for part in data if isinstance(part, tuple)):
            subject = body.decode().split(":", 1)[1].strip()
            uid = int(re.search(rb"UID (\d+)", head)[1])
            flags = set(imaplib.ParseFlags(head)) - {b"\\Recent"}
            messages[subject] = (uid, flags, re.search(rb'INTERNALDATE "([^"]+)"', head)[1])
    client.logout()
    return validity, messages


def lost(house, *arguments):
    return json.loads(house.run("undelete", "ann@alpha.test", "--list", "--json", *arguments).stdout)


class Undelete(unittest.TestCase):
    def setUp(self):
        self.house = House(services=SERVICES)
        self.addCleanup(self.house.close)
        self.house.start().people("ann")

    def test_every_way_of_removing_can_be_undone(self):
        house = self.house
        fill(house, "by expunge", "by close", "by pop", "stays")
        client = house.imap("ann@alpha.test")
        client.create("Work/Old")
        date = imaplib.Time2Internaldate(1_700_000_000)
        client.append("Work/Old", "(\\Flagged \\Seen)", date, letter("by delete"))
        client.select("INBOX")
        client.store("1", "+FLAGS", "(\\Flagged $Label1)")
        client.logout()
        _, before = state(house)
        _, old = state(house, "Work/Old")

        expunge(house, "1")
        client = house.imap("ann@alpha.test")
        client.select("INBOX")
        client.store("1", "+FLAGS.SILENT", "(\\Deleted)")
        client.close()
        client.delete("Work/Old")
        client.logout()
        pop = house.pop3("ann@alpha.test", "correct horse 7")
        pop.dele(1)
        pop.quit()
        self.assertEqual(set(state(house)[1]), {"stays"})

        rows = {row["subject"]: row for row in lost(house)}
        self.assertEqual(set(rows), {"by expunge", "by close", "by pop", "by delete"})
        self.assertEqual(rows["by delete"]["mailbox"], "Work/Old")
        self.assertEqual(rows["by pop"]["uid"], before["by pop"][0])
        table = house.run("undelete", "ann@alpha.test").stdout
        self.assertIn("SUBJECT", table)
        self.assertIn("by pop", table)
        self.assertEqual(len(lost(house, "--mailbox", "INBOX", "--uid", str(before["by pop"][0]))), 1)
        self.assertEqual(lost(house, "--since", "2100-01-01"), [])

        done = house.run("undelete", "ann@alpha.test", "--subject", "EXPUNGE", "--json")
        self.assertEqual(json.loads(done.stdout), {"count": 1, "unreadable": 0, "mailboxes": {"INBOX": 1}})
        house.run("undelete", "ann@alpha.test", "--mailbox", "Work/Old")
        # Without a server, the command opens the store itself.
        house.stop()
        self.assertIn("2 brought back to INBOX", house.run("undelete", "ann@alpha.test", "--all").stdout)
        again = house.run("undelete", "ann@alpha.test", "--all", check=False)
        self.assertEqual((again.returncode, lost(house)), (1, []))
        house.start()

        _, after = state(house)
        self.assertEqual(set(after), set(before))
        for subject, (uid, flags, internal_date) in before.items():
            with self.subTest(subject):
                self.assertEqual(after[subject][1:], (flags, internal_date))
                if subject != "stays":
                    self.assertGreater(after[subject][0], max(uid for uid, _, _ in before.values()))
        self.assertEqual(state(house, "Work/Old")[1]["by delete"][1:], old["by delete"][1:])
        texts = [event["text"] for row in house.trace("--subject", "by pop") for event in row["events"]]
        self.assertIn("brought back to INBOX of ann@alpha.test by an operator", texts)
        house.stop()
        self.assertEqual(house.run("verify").returncode, 0)

    def test_what_a_usage_error_is(self):
        for arguments in (["--uid", "1"], ["--list", "--all"], ["--into", "x"]):
            with self.subTest(arguments):
                self.assertEqual(self.house.run("undelete", "ann@alpha.test", *arguments, check=False).returncode, 2)
        self.assertEqual(self.house.run("undelete", "nobody@alpha.test", check=False).returncode, 1)

    def test_a_removed_account_comes_back(self):
        house = self.house
        fill(house, "one", "two")
        before = state(house)
        client = house.imap("ann@alpha.test")
        client.select("INBOX")
        self.assertIn("account restore ann@alpha.test", house.run("account", "remove", "ann@alpha.test").stdout)
        self.assertEqual(client.append("INBOX", "", None, letter("late"))[0], "NO")
        with self.assertRaises(imaplib.IMAP4.error):
            house.imap("ann@alpha.test")
        with house.smtp() as smtp:
            smtp.ehlo()
            smtp.mail("out@side.test")
            self.assertEqual(smtp.rcpt("ann@alpha.test")[0], 550)
        rows = json.loads(house.run("account", "list", "--removed", "--json").stdout)
        self.assertEqual([row["address"] for row in rows], ["ann@alpha.test"])

        house.add_account("ann@alpha.test", "another horse 8")
        self.assertEqual(house.imap("ann@alpha.test", "another horse 8").select()[1], [b"0"])
        taken = house.run("account", "restore", "ann@alpha.test", check=False)
        self.assertEqual(taken.returncode, 1)
        self.assertIn("--as", taken.stderr)
        house.run("account", "restore", "ann@alpha.test", "--as", "old@alpha.test")
        self.assertEqual(state(house, user="old@alpha.test"), before)
        self.assertEqual(house.run("account", "restore", "ann@alpha.test", check=False).returncode, 1)

        house.run("account", "remove", "old@alpha.test")
        house.run("account", "restore", "old@alpha.test")
        self.assertEqual(state(house, user="old@alpha.test"), before)
        house.run("account", "remove", "--now", "old@alpha.test")
        self.assertEqual(json.loads(house.run("account", "list", "--removed", "--json").stdout), [])
        self.assertEqual(house.run("account", "restore", "old@alpha.test", check=False).returncode, 1)
        house.stop()
        self.assertEqual(house.run("verify").returncode, 0)


class Retention(unittest.TestCase):
    def test_what_is_kept_goes_in_time(self):
        house = House(services=SERVICES, extra='[store]\nkeep_expunged = "3s"\nkeep_removed_accounts = "3s"\n')
        self.addCleanup(house.close)
        house.start().people("ann", "bob")
        fill(house, "short-lived")
        house.run("account", "remove", "bob@alpha.test")
        began = time.monotonic()
        expunge(house, "1")
        self.assertEqual(len(lost(house)), 1)
        until(lambda: not lost(house), what="the end of what was expunged")
        self.assertGreaterEqual(time.monotonic() - began, 3)
        removed = lambda: json.loads(house.run("account", "list", "--removed", "--json").stdout)
        until(lambda: not removed(), what="the end of what was removed")
        house.stop()
        self.assertEqual(house.run("verify").returncode, 0)

    def test_nothing_is_kept_where_the_operator_says_so(self):
        house = House(services=SERVICES, extra='[store]\nkeep_expunged = "0"\nkeep_removed_accounts = "0"\n')
        self.addCleanup(house.close)
        house.start().people("ann", "bob")
        fill(house, "gone")
        expunge(house, "1")
        self.assertEqual(lost(house), [])
        self.assertIn("are gone", house.run("account", "remove", "bob@alpha.test").stdout)
        self.assertEqual(json.loads(house.run("account", "list", "--removed", "--json").stdout), [])


    def test_a_shorter_time_holds_at_once(self):
        house = House(services=SERVICES, extra='[store]\nkeep_expunged = "14d"\n')
        self.addCleanup(house.close)
        house.start().people("ann")
        fill(house, "old")
        expunge(house, "1")
        self.assertEqual(len(lost(house)), 1)
        house.config.write_text(house.config.read_text().replace('"14d"', '"0"'))
        house.process.send_signal(signal.SIGHUP)
        until(lambda: not lost(house), what="the end of what was kept")
        house.stop()
        self.assertEqual(house.run("verify").returncode, 0)


class OutOfABackup(unittest.TestCase):
    def setUp(self):
        self.house = House(services=SERVICES)
        self.addCleanup(self.house.close)
        self.house.start().people("ann", "bob")
        self.backup = str(self.house.directory / "backups")

    def restore(self, *arguments, check=True):
        return self.house.run("restore", self.backup, "--account", "ann@alpha.test", *arguments, check=check)

    def test_one_account_or_one_message(self):
        house = self.house
        fill(house, "lost", "moved", "kept", "picked")
        fill(house, "not mine", to="bob@alpha.test")
        client = house.imap("ann@alpha.test")
        client.create("Work")
        client.append("Work", "(\\Seen $Label2)", imaplib.Time2Internaldate(1_600_000_000), letter("filed"))
        large = letter("large", body="0123456789abcdef" * 64 + "\r\n")
        client.append("Work", "", None, large + b"x" * 70 + b"\r\n" + b"0123456789\r\n" * 60_000)
        client.logout()
        _, before = state(house)
        _, work = state(house, "Work")
        house.run("backup", self.backup)
        fill(house, "newer")
        client = house.imap("ann@alpha.test")
        client.delete("Work")
        client.select("INBOX")
        client.store("1,4", "+FLAGS.SILENT", "(\\Deleted)")
        client.expunge()
        client.uid("MOVE", str(before["moved"][0]), "Archive")
        client.logout()

        one = json.loads(self.restore("--message-id", "picked@side.test", "--into", "Found", "--json").stdout)
        self.assertEqual((one["matched"], one["added"], one["mailboxes"]), (1, 1, {"Found": 1}))
        all_of_it = json.loads(self.restore("--json").stdout)
        self.assertEqual((all_of_it["matched"], all_of_it["added"], all_of_it["unreadable"]), (6, 3, 0))
        self.assertEqual(all_of_it["mailboxes"], {"INBOX": 1, "Work": 2})
        again = json.loads(self.restore("--json").stdout)
        self.assertEqual((again["matched"], again["added"]), (6, 0))
        _, after = state(house)
        self.assertEqual(set(after), {"lost", "kept", "newer"})
        self.assertEqual(after["lost"][1:], before["lost"][1:])
        back = {subject: it[1:] for subject, it in state(house, "Work")[1].items()}
        self.assertEqual(back, {subject: it[1:] for subject, it in work.items()})
        self.assertIn(b"0123456789\r\n" * 60_000, house.messages("ann@alpha.test", "Work")[1])
        self.assertEqual(set(state(house, user="bob@alpha.test")[1]), {"not mine"})

        # By UID, without a server.
        expunge(house, "1:*", "Work")
        house.stop()
        nothing = self.restore("--mailbox", "Work", "--uid", "1", "--uidvalidity", "7", check=False)
        self.assertEqual((nothing.returncode, "nothing in the backup matches" in nothing.stderr), (1, True))
        self.assertIn("1 restored to Work", self.restore("--mailbox", "Work", "--uid", "1").stdout)
        self.assertEqual(house.run("verify").returncode, 0)

    def test_what_cannot_be(self):
        house = self.house
        self.assertEqual(self.restore(check=False).returncode, 1, "no backup there")
        house.run("backup", self.backup)
        house.add_account("new@alpha.test")
        late = house.run("restore", self.backup, "--account", "new@alpha.test", check=False)
        self.assertEqual((late.returncode, "no account" in late.stderr), (1, True))
        self.assertEqual(house.run("restore", self.backup, "--mailbox", "INBOX", check=False).returncode, 2)

    def test_after_a_restore_no_client_is_deceived(self):
        """F31: clients know more than the backup; what they remember must be void."""
        house = self.house
        fill(house, "in the backup")
        house.run("backup", self.backup)
        fill(house, "after the backup")
        remembered, _ = state(house)
        pop = house.pop3("ann@alpha.test")
        uidls = {line.split()[1] for line in pop.uidl()[1]}
        pop.quit()
        for _ in range(2):
            house.stop()
            house.run("restore", self.backup, "--replace")
            house.start()
            fill(house, "other mail")
            validity, messages = state(house)
            self.assertEqual(set(messages), {"in the backup", "other mail"})
            self.assertGreater(validity, remembered)
            pop = house.pop3("ann@alpha.test")
            now = {line.split()[1] for line in pop.uidl()[1]}
            pop.quit()
            self.assertEqual(now & uidls, set())
            uidls |= now
            remembered = validity
            until(lambda: int(time.time()) > validity, what="the next second")


if __name__ == "__main__":
    unittest.main()
