"""Postfix as the other mail server: it sends to us and receives from us, with and without TLS, 1 and 500 messages."""

import smtplib
import unittest
from concurrent.futures import ThreadPoolExecutor

from house import House, NameServer, letter, until
from peers import Postfix

ZONES = {
    "alpha.test": {"MX": [(10, "mx.alpha.test")]},
    "mx.alpha.test": {"A": ["127.0.0.1"]},
    "post.test": {"MX": [(10, "mx.post.test")]},
    "mx.post.test": {"A": ["127.0.0.1"]},
}


@unittest.skipIf(Postfix.reason_to_skip(), Postfix.reason_to_skip())
class ToUs(unittest.TestCase):
    """Postfix relays everything to our port 25."""

    def bring(self, postfix, numbers):
        with smtplib.SMTP("127.0.0.1", postfix.port) as client:
            for number in numbers:
                text = letter(f"from postfix {number:03}", body=f"Number {number:03}.\r\n.dot\r\n")
                client.sendmail("out@side.test", ["ann@alpha.test"], text)

    def receive(self, tls, count):
        house = House().start().people("ann")
        postfix = Postfix(relayhost=f"[127.0.0.1]:{house.ports['smtp']}", out_tls=tls)
        try:
            with ThreadPoolExecutor(8) as senders:
                list(senders.map(lambda part: self.bring(postfix, range(part, count, 8)), range(min(count, 8))))
            until(postfix.queue_is_empty, 120, f"Postfix to send {count} messages\n{postfix.log()[-2000:]}")
            found = house.messages("ann@alpha.test")
            self.assertEqual(len(found), count)
            for number in range(count):
                mine = [m for m in found if f"Subject: from postfix {number:03}\r\n".encode() in m]
                self.assertEqual(len(mine), 1, number)
                self.assertTrue(mine[0].endswith(f"Number {number:03}.\r\n.dot\r\n".encode()), mine[0])
                self.assertIn(b"with ESMTPS" if tls == "encrypt" else b"with ESMTP ", mine[0].split(b"Received:")[1])
        finally:
            postfix.close()
            house.close()

    def test_one_in_clear(self):
        self.receive("none", 1)

    def test_one_with_tls(self):
        self.receive("encrypt", 1)

    def test_500_in_clear(self):
        self.receive("none", 500)

    def test_500_with_tls(self):
        self.receive("encrypt", 500)

    def test_unknown_user_bounces_at_postfix(self):
        house = House().start().people("ann")
        postfix = Postfix(relayhost=f"[127.0.0.1]:{house.ports['smtp']}")
        try:
            with smtplib.SMTP("127.0.0.1", postfix.port) as client:
                client.sendmail("me@post.test", ["nobody@alpha.test"], letter("to nobody"))
            bounce = until(postfix.mail, 30, "Postfix's own bounce")[0]
            self.assertIn(b"5.1.1", bounce)
            self.assertEqual(house.messages("ann@alpha.test"), [])
        finally:
            postfix.close()
            house.close()


@unittest.skipIf(Postfix.reason_to_skip(), Postfix.reason_to_skip())
class FromUs(unittest.TestCase):
    """We find Postfix by MX and deliver to it."""

    def send(self, tls, count):
        postfix = Postfix(in_tls=tls)
        names = NameServer(dict(ZONES))
        house = House(outbound=postfix.port, names=names).start().people("ann")
        try:
            with house.submission("ann@alpha.test") as client:
                for number in range(count):
                    text = letter(f"to postfix {number:03}", sender="ann@alpha.test", body=f"Number {number:03}.\r\n.dot\r\n")
                    client.sendmail("ann@alpha.test", ["someone@post.test"], text)
            what = f"{count} messages at Postfix"
            found = until(lambda: len(postfix.mail()) >= count and postfix.mail(), 120, what)
            self.assertEqual(len(found), count)
            for number in range(count):
                mine = [m for m in found if f"Subject: to postfix {number:03}\n".encode() in m]
                self.assertEqual(len(mine), 1, number)
                self.assertTrue(mine[0].endswith(f"Number {number:03}.\n.dot\n".encode()), mine[0])
                self.assertEqual(b"TLSv1.3" in mine[0].split(b"by mx.post.test")[0], tls == "may", mine[0])
            self.assertFalse(until(lambda: not house.queue() and [True], 20, "an empty queue") == [])
        except AssertionError as error:
            raise AssertionError(f"{error}\n{postfix.log()[-1500:]}\n{house.tail()}") from None
        finally:
            house.close()
            names.close()
            postfix.close()

    def test_one_in_clear(self):
        self.send("none", 1)

    def test_one_with_tls(self):
        self.send("may", 1)

    def test_500_in_clear(self):
        self.send("none", 500)

    def test_500_with_tls(self):
        self.send("may", 500)

    def test_refused_mail_comes_back_as_dsn(self):
        postfix = Postfix(extra="smtpd_recipient_restrictions = check_recipient_access inline:{gone@post.test=reject}, permit_mynetworks, reject\n")
        names = NameServer(dict(ZONES))
        house = House(outbound=postfix.port, names=names).start().people("ann")
        try:
            with house.submission("ann@alpha.test") as client:
                client.sendmail("ann@alpha.test", ["gone@post.test"], letter("will bounce", sender="ann@alpha.test"))
            report = house.wait_for("ann@alpha.test", "message/delivery-status")
            for phrase in (b"multipart/report", b"Action: failed", b"gone@post.test", b"Status: 5.", b"Return-Path: <>"):
                self.assertIn(phrase, report)
        finally:
            house.close()
            names.close()
            postfix.close()

    def test_smarthost_with_tls(self):
        postfix = Postfix(in_tls="may")
        names = NameServer(dict(ZONES))
        smarthost = f'{{ host = "mx.post.test", port = {postfix.port}, tls = "required" }}'
        extra = f"\n[outbound]\nsmarthost = {smarthost}\nallow_private = true\n"
        house = House(extra=extra, names=names).start().people("ann")
        try:
            with house.submission("ann@alpha.test") as client:
                client.sendmail("ann@alpha.test", ["any@post.test"], letter("by smarthost", sender="ann@alpha.test"))
            found = until(postfix.mail, 30, "the message at the smarthost")
            self.assertIn(b"Subject: by smarthost", found[0])
            self.assertIn(b"TLSv1.3", found[0])
        finally:
            house.close()
            names.close()
            postfix.close()
