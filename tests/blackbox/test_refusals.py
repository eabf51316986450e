"""Every refusal: its code, its enhanced code, its words, and that nothing was stored."""

import base64
import imaplib
import poplib
import smtplib
import unittest

from house import PASSWORD, Authority, House, letter, until

USER = "ann@alpha.test"


class Refusals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House(limits='message_size = "100KB"\nrecipients = 100').start().people("ann", "bob")

    @classmethod
    def tearDownClass(cls):
        cls.house.close()

    def setUp(self):
        self.before = self.stored()

    def tearDown(self):
        self.assertEqual(self.stored(), self.before, "nothing was stored")

    def stored(self):
        boxes = [len(self.house.messages(f"{name}@alpha.test")) for name in ("ann", "bob")]
        return boxes, len(self.house.queue())

    def refused(self, reply, code, enhanced, words):
        text = reply[1].decode()
        self.assertEqual((reply[0], text.split()[0]), (code, enhanced), text)
        self.assertIn(words.lower(), text.lower())

    def connect(self):
        client = self.house.smtp()
        client.ehlo()
        self.addCleanup(client.close)
        return client

    def submit(self):
        client = self.house.submission(USER)
        client.ehlo()
        self.addCleanup(client.close)
        return client

    # Who may receive.

    def test_unknown_user(self):
        client = self.connect()
        client.mail("out@side.test")
        self.refused(client.rcpt("nobody@alpha.test"), 550, "5.1.1", "nobody@alpha.test")
        self.refused(client.docmd("DATA"), 503, "5.5.1", "")

    def test_relay_attempt(self):
        client = self.connect()
        client.mail("out@side.test")
        for recipient in ("x@elsewhere.test", "ann%elsewhere.test@other.test", "@a.test,@b.test:x@elsewhere.test"):
            with self.subTest(recipient):
                self.refused(client.docmd(f"RCPT TO:<{recipient}>"), 550, "5.7.1", "relay")

    def test_one_good_one_bad_recipient(self):
        client = self.connect()
        client.mail("out@side.test")
        self.assertEqual(client.rcpt(USER)[0], 250)
        self.refused(client.rcpt("nobody@alpha.test"), 550, "5.1.1", "")
        client.rset()

    # How much.

    def test_too_big_as_declared(self):
        client = self.connect()
        self.refused(client.docmd("MAIL FROM:<out@side.test> SIZE=100001"), 552, "5.3.4", "larger")

    def test_too_big_as_sent(self):
        client = self.connect()
        client.mail("out@side.test")
        client.rcpt(USER)
        self.refused(client.data(letter("big", body="x" * 70 + "\r\n" * 60_000)), 552, "5.3.4", "")

    def test_too_many_recipients(self):
        client = self.connect()
        client.mail("out@side.test")
        for number in range(100):
            self.assertEqual(client.rcpt(f"ann+{number}@alpha.test")[0], 250)
        self.refused(client.rcpt("bob@alpha.test"), 452, "4.5.3", "recipients")

    def test_a_message_from_two(self):
        client = self.connect()
        client.mail("out@side.test")
        client.rcpt(USER)
        self.refused(client.data(b"From: b@side.test\r\n" + letter("two")), 550, "5.6.0", "more than one From")

    # Syntax.

    def test_bad_syntax(self):
        cases = [
            ("MAIL FROM:out@side", 501, "5.1.7"),
            ("MAIL FROM:<out@side.test", 501, "5.1.7"),
            ("MAIL FROM:<out@@side.test>", 501, "5.1.7"),
            ("MAIL TO:<out@side.test>", 501, "5.5.4"),
            ("MAIL FROM:<out@side.test> FOO=BAR", 555, "5.5.4"),
            ("MAIL FROM:<out@side.test> SIZE=x", 501, "5.5.4"),
            ("RCPT TO:<ann@alpha.test>", 503, "5.5.1"),
            ("DATA", 503, "5.5.1"),
            ("NONSENSE", 500, "5.5.1"),
            ("", 500, "5.5.1"),
            ("EXPN list", 502, "5.5.1"),
        ]
        client = self.connect()
        for command, code, enhanced in cases:
            with self.subTest(command):
                reply = client.docmd(command)
                self.assertEqual(reply[0], code, reply)
                self.assertEqual(reply[1].split()[0].decode()[:1], str(code)[0], reply)
                self.assertEqual(reply[1].split()[0].decode(), enhanced, reply)

    def test_bad_recipient_syntax(self):
        client = self.connect()
        client.mail("out@side.test")
        for recipient in ("TO:<ann", "TO:ann@alpha.test>", "TO:<ann@>", "TO:<@alpha.test>", "TO:<a b@alpha.test>"):
            with self.subTest(recipient):
                reply = client.docmd(f"RCPT {recipient}")
                self.assertEqual((reply[0], reply[1].split()[0]), (501, b"5.1.3"), reply)

    def test_endless_command_line(self):
        client = self.connect()
        self.refused(client.docmd("NOOP " + "x" * 10_000), 500, "5.5.2", "long")

    # Who may send.

    def test_submission_needs_login(self):
        client = smtplib.SMTP("127.0.0.1", self.house.ports["submission"], timeout=30)
        client.starttls(context=Authority.get().context())
        client.ehlo()
        self.refused(client.mail(USER), 530, "5.7.0", "auth")
        client.close()

    def test_auth_without_tls(self):
        client = smtplib.SMTP("127.0.0.1", self.house.ports["submission"], timeout=30)
        client.ehlo()
        self.assertNotIn("auth", client.esmtp_features)
        token = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
        self.refused(client.docmd(f"AUTH PLAIN {token}"), 538, "5.7.11", "encr")
        client.close()

    def test_auth_is_not_offered_on_port_25(self):
        client = self.house.smtp()
        client.starttls(context=Authority.get().context())
        client.ehlo()
        self.assertNotIn("auth", client.esmtp_features)
        client.close()

    def test_wrong_password(self):
        for mechanism in ("PLAIN", "LOGIN"):
            for user, password in ((USER, "wrong"), ("nobody@alpha.test", PASSWORD)):
                with self.subTest(mechanism, user=user):
                    client = smtplib.SMTP("127.0.0.1", self.house.ports["submission"], timeout=30)
                    client.starttls(context=Authority.get().context())
                    client.ehlo()
                    client.user, client.password = user, password
                    method = client.auth_plain if mechanism == "PLAIN" else client.auth_login
                    with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
                        client.auth(mechanism, method, initial_response_ok=mechanism == "PLAIN")
                    self.refused((caught.exception.smtp_code, caught.exception.smtp_error), 535, "5.7.8", "")
                    client.close()

    def test_unknown_mechanism_and_bad_base64(self):
        client = smtplib.SMTP("127.0.0.1", self.house.ports["submission"], timeout=30)
        client.starttls(context=Authority.get().context())
        client.ehlo()
        self.refused(client.docmd("AUTH CRAM-MD5"), 504, "5.5.4", "")
        self.refused(client.docmd("AUTH PLAIN !!!"), 501, "5.5.2", "")
        client.close()

    def test_sender_of_somebody_else(self):
        client = self.submit()
        for sender in ("bob@alpha.test", "ann@elsewhere.test"):
            with self.subTest(sender):
                self.refused(client.mail(sender), 553, "5.7.1", sender)

    # STARTTLS.

    def test_commands_injected_before_tls(self):
        client = self.connect()
        client.send(b"STARTTLS\r\nMAIL FROM:<evil@side.test>\r\n")
        code, _ = client.getreply()
        self.assertNotEqual(code, 250)

    # Reading.

    def test_imap_login(self):
        context = Authority.get().context()
        client = imaplib.IMAP4_SSL("127.0.0.1", self.house.ports["imaps"], ssl_context=context)
        with self.assertRaises(imaplib.IMAP4.error) as caught:
            client.login(USER, "wrong")
        self.assertIn("AUTHENTICATIONFAILED", str(caught.exception))
        client.shutdown()

    def test_imap_login_without_tls(self):
        client = imaplib.IMAP4("127.0.0.1", self.house.ports["imap"])
        self.assertIn("LOGINDISABLED", client.capabilities)
        with self.assertRaises(imaplib.IMAP4.error) as caught:
            client.login(USER, PASSWORD)
        self.assertIn("PRIVACYREQUIRED", str(caught.exception))
        client.shutdown()

    def test_pop3_login(self):
        client = poplib.POP3_SSL("127.0.0.1", self.house.ports["pop3s"], context=Authority.get().context())
        client.user(USER)
        with self.assertRaises(poplib.error_proto) as caught:
            client.pass_("wrong")
        self.assertIn("-ERR [AUTH]", str(caught.exception))
        client.close()

    def test_pop3_login_without_tls(self):
        client = poplib.POP3("127.0.0.1", self.house.ports["pop3"])
        with self.assertRaises(poplib.error_proto) as caught:
            client.user(USER)
            client.pass_(PASSWORD)
        self.assertIn("-ERR", str(caught.exception))
        client.close()

    def test_refused_mail_is_in_the_trace(self):
        client = self.connect()
        client.mail("refused.one@side.test")
        client.rcpt("nobody@alpha.test")
        client.quit()
        told = until(lambda: self.house.trace("--from", "refused.one@side.test"), 10, "the refusal in the trace")
        self.assertIn("5.1.1", str(told))
