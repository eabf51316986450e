"""Programs that submit mail: swaks, msmtp, curl, Python's smtplib; over 465 and 587, with every mechanism."""

import smtplib
import unittest

from house import PASSWORD, Authority, House, letter, scratch
from peers import run
from scram import Scram, login_smtp


class Submission(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House().start().people("ann", "bob")

    @classmethod
    def tearDownClass(cls):
        cls.house.close()

    def assert_arrived(self, subject, *phrases):
        found = self.house.wait_for("bob@alpha.test", f"Subject: {subject}")
        for phrase in phrases:
            self.assertIn(phrase.encode(), found)
        return found

    def swaks(self, subject, *options):
        return run(
            ["swaks", "--server", "127.0.0.1", "--from", "ann@alpha.test", "--to", "bob@alpha.test"]
            + ["--auth-user", "ann@alpha.test", "--auth-password", PASSWORD, "--ehlo", "laptop.test"]
            + ["--header", f"Subject: {subject}", "--body", f"Body of {subject}", *options]
        )

    def test_swaks_starttls(self):
        for mechanism in ("PLAIN", "LOGIN"):
            with self.subTest(mechanism):
                subject = f"swaks 587 {mechanism}"
                self.swaks(subject, "--port", str(self.house.ports["submission"]), "--tls", "--auth", mechanism)
                self.assert_arrived(subject, f"Body of {subject}", "with ESMTPSA", "Return-Path: <ann@alpha.test>")

    def test_swaks_implicit_tls(self):
        port = str(self.house.ports["submissions"])
        self.swaks("swaks 465", "--port", port, "--tls-on-connect", "--auth", "PLAIN")
        self.assert_arrived("swaks 465", "Body of swaks 465", "with ESMTPSA")

    def test_swaks_lmtp(self):
        run(
            ["swaks", "--server", "127.0.0.1", "--port", self.house.ports["lmtp"], "--protocol", "LMTP"]
            + ["--from", "out@side.test", "--to", "bob@alpha.test", "--header", "Subject: swaks lmtp"]
        )
        self.assert_arrived("swaks lmtp", "LMTP", "Return-Path: <out@side.test>")

    def msmtp(self, subject, *options):
        text = f"From: ann@alpha.test\nTo: bob@alpha.test\nSubject: {subject}\n\nBody of {subject}\n.\n..dots\n"
        run(
            ["msmtp", "--file=/dev/null", "--host=127.0.0.1", "--from=ann@alpha.test", "--user=ann@alpha.test"]
            + [f"--passwordeval=echo '{PASSWORD}'", f"--tls-trust-file={Authority.get().certificate}", "--tls=on"]
            + [*options, "bob@alpha.test"],
            stdin=text,
        )

    def test_msmtp_mechanisms(self):
        for mechanism in ("plain", "login", "scram-sha-256"):
            with self.subTest(mechanism):
                subject = f"msmtp 587 {mechanism}"
                port = self.house.ports["submission"]
                self.msmtp(subject, f"--port={port}", "--tls-starttls=on", f"--auth={mechanism}")
                self.assert_arrived(subject, f"Body of {subject}\r\n.\r\n..dots\r\n", "with ESMTPSA")

    def test_msmtp_implicit_tls(self):
        self.msmtp("msmtp 465", f"--port={self.house.ports['submissions']}", "--tls-starttls=off", "--auth=scram-sha-256")
        self.assert_arrived("msmtp 465", "Body of msmtp 465")

    def test_msmtp_with_a_wrong_password(self):
        with self.assertRaises(AssertionError) as refused:
            run(
                ["msmtp", "--file=/dev/null", "--host=127.0.0.1", f"--port={self.house.ports['submission']}"]
                + ["--from=ann@alpha.test", "--user=ann@alpha.test", "--passwordeval=echo wrong", "--tls=on"]
                + ["--auth=scram-sha-256", f"--tls-trust-file={Authority.get().certificate}", "bob@alpha.test"],
                stdin="Subject: msmtp wrong\n\nx\n",
            )
        self.assertIn("535", str(refused.exception))
        self.assertFalse([m for m in self.house.messages("bob@alpha.test") if b"msmtp wrong" in m])

    def test_curl_submits(self):
        path = scratch("curl") / "letter"
        path.write_bytes(letter("curl up", sender="ann@alpha.test", to="bob@alpha.test"))
        run(
            ["curl", "-sS", "--cacert", Authority.get().certificate, "--user", f"ann@alpha.test:{PASSWORD}"]
            + ["--mail-from", "ann@alpha.test", "--mail-rcpt", "bob@alpha.test", "--upload-file", path]
            + [f"smtps://127.0.0.1:{self.house.ports['submissions']}"]
        )
        self.assert_arrived("curl up", "Hello.")

    def test_smtplib_both_ways(self):
        with self.house.submission("ann@alpha.test") as client:
            client.sendmail("ann@alpha.test", ["bob@alpha.test"], letter("smtplib 587", sender="ann@alpha.test"))
        context = Authority.get().context()
        with smtplib.SMTP_SSL("127.0.0.1", self.house.ports["submissions"], context=context) as client:
            client.login("ann@alpha.test", PASSWORD)
            client.sendmail("ann@alpha.test", ["bob@alpha.test"], letter("smtplib 465", sender="ann@alpha.test"))
        self.assert_arrived("smtplib 587", "Hello.")
        self.assert_arrived("smtplib 465", "Hello.")

    def test_scram_with_channel_binding(self):
        for plus in (False, True):
            for password, code in ((PASSWORD, 235), ("wrong", 535)):
                with self.subTest(plus=plus, code=code), self.starttls() as client:
                    certificate = client.sock.getpeercert(binary_form=True) if plus else None
                    exchange = Scram("ann@alpha.test", password, certificate)
                    self.assertIn(exchange.mechanism, client.esmtp_features["auth"].split())
                    self.assertEqual(login_smtp(client, exchange)[0], code)

    def test_scram_with_somebody_in_between(self):
        with self.starttls() as client:
            exchange = Scram("ann@alpha.test", PASSWORD, b"another certificate")
            self.assertEqual(login_smtp(client, exchange)[0], 535, "RFC 5802 §6: the channel is not the one we see")

    def starttls(self):
        client = smtplib.SMTP("127.0.0.1", self.house.ports["submission"], timeout=30)
        client.starttls(context=Authority.get().context())
        client.ehlo()
        return client

    def test_missing_date_and_message_id_are_added(self):
        with self.house.submission("ann@alpha.test") as client:
            client.sendmail("ann@alpha.test", ["bob@alpha.test"], b"From: ann@alpha.test\r\nSubject: bare\r\n\r\nx\r\n")
        found = self.assert_arrived("bare").lower()
        self.assertIn(b"\r\ndate: ", b"\r\n" + found)
        self.assertIn(b"\r\nmessage-id: <", b"\r\n" + found)

    def test_trace_tells_the_journey(self):
        with self.house.submission("ann@alpha.test") as client:
            client.sendmail("ann@alpha.test", ["bob@alpha.test"], letter("traced", sender="ann@alpha.test"))
        self.assert_arrived("traced")
        told = str(self.house.trace("--subject", "traced"))
        for word in ("ann@alpha.test", "bob@alpha.test", "traced@side.test"):
            self.assertIn(word, told)
