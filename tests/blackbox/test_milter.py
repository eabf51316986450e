"""Filters in front of the store: real milters (OpenDKIM, rspamd), a scripted one, an HTTP hook, and lists in DNS."""

import base64
import http.server
import json
import smtplib
import socket
import subprocess
import threading
import time
import unittest

from house import House, letter, scratch, until
from milter import Milter
from zone import NameServer

ANN = "ann@alpha.test"


def yes(command, data):
    return [("c", b"")]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


class Filtered(unittest.TestCase):
    """A server with these filters, for each test its own."""

    def open(self, extra, **options):
        house = House(extra="\n" + extra + "\n", **options).start().people("ann")
        self.addCleanup(house.close)
        return house

    def with_milter(self, milter, more=""):
        self.addCleanup(milter.close)
        return self.open(f'[[milter]]\naddress = "{milter.address}"\ntimeout = "5s"\n{more}')

    def send(self, house, message, sender="out@side.test", to=ANN):
        with house.smtp() as client:
            client.sendmail(sender, [to], message)

    def refused(self, house, message, **options):
        with self.assertRaises((smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)) as caught:
            self.send(house, message, **options)
        error = caught.exception
        reply = error.recipients[ANN] if isinstance(error, smtplib.SMTPRecipientsRefused) else error.args[:2]
        return reply[0], reply[1].decode()


class Scripted(Filtered):
    def test_changes_to_a_large_message(self):
        body = b"line of a long message\r\n" * 60_000

        def script(command, data):
            if command != "E":
                return [("c", b"")]
            changes = [("h", b"X-Seen\0yes\0"), ("m", b"\0\0\0\x01Subject\0changed\0"), ("p", b"")]
            pieces = [("b", body[at : at + 65535]) for at in range(0, len(body), 65535)]
            return changes + pieces + [("c", b"")]

        milter = Milter(script)
        house = self.with_milter(milter)
        original = letter("large", body="x" * 70 + "\r\n" + "old text\r\n" * 200_000)
        self.send(house, original)
        stored = house.wait_for(ANN, "X-Seen: yes")
        self.assertTrue(stored.endswith(b"\r\n\r\n" + body))
        self.assertIn(b"\r\nSubject: changed\r\n", stored)
        told = b"".join(data for command, data in milter.heard if command == "B")
        self.assertEqual(told, original.split(b"\r\n\r\n", 1)[1], "it saw the whole body")
        self.assertEqual(milter.macros[b"j"], b"mx.alpha.test")

    def test_version_2(self):
        milter = Milter(lambda c, d: [("h", b"X-Old\x002\0"), ("c", b"")] if c == "E" else [("c", b"")], 2, 0x3F)
        house = self.with_milter(milter)
        self.send(house, letter("old"))
        house.wait_for(ANN, "X-Old: 2")
        self.assertNotIn("T", [command for command, _ in milter.heard])

    def test_refusals_and_outages(self):
        state = {"script": yes}
        milter = Milter(lambda command, data: state["script"](command, data))
        house = self.with_milter(milter)
        for script, code, words in (
            (lambda c, d: [("y", b"550 5.7.1 not wanted\0")] if c == "R" else yes(c, d), 550, "5.7.1 not wanted"),
            (lambda c, d: [("t", b"")] if c == "E" else yes(c, d), 451, "4.7.1"),
            (lambda c, d: None if c == "E" else yes(c, d), 451, "a filter is not available"),
            (lambda c, d: [("b", b"half"), ("?", b"")] if c == "E" else yes(c, d), 451, "a filter is not available"),
            (lambda c, d: [] if c == "N" else yes(c, d), 451, "a filter is not available"),
        ):
            state["script"] = script
            reply = self.refused(house, letter("refused"))
            self.assertEqual((reply[0], words in reply[1]), (code, True), reply)
        self.assertEqual(house.messages(ANN), [])
        state["script"] = yes
        self.send(house, letter("works again"))
        house.wait_for(ANN, "works again")
        milter.close()

    def test_without_the_filter(self):
        port = free_port()
        house = self.open(f'[[milter]]\naddress = "inet:{port}@127.0.0.1"')
        reply = self.refused(house, letter("outage"))
        self.assertEqual((reply[0], "a filter is not available" in reply[1]), (451, True), reply)
        lenient = self.open(f'[[milter]]\naddress = "inet:{port}@127.0.0.1"\non_failure = "accept"')
        self.send(lenient, letter("outage"))
        lenient.wait_for(ANN, "outage")
        self.assertIn("let pass without it", json.dumps(lenient.trace("--subject", "outage")))

    def test_quarantine(self):
        house = self.with_milter(Milter(lambda c, d: [("q", b"odd\0"), ("c", b"")] if c == "E" else yes(c, d)))
        self.send(house, letter("strange"))
        house.wait_for(ANN, "strange", mailbox="Junk")
        self.assertEqual(house.messages(ANN), [])
        self.assertIn("quarantined: odd", json.dumps(house.trace("--subject", "strange")))


class OpenDkim(Filtered):
    def start_opendkim(self):
        directory, port = scratch("opendkim"), free_port()
        key = directory / "s.private"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        key.chmod(0o600)
        config = directory / "opendkim.conf"
        config.write_text(
            f"Mode sv\nDomain alpha.test\nSelector s\nKeyFile {key}\nSocket inet:{port}@127.0.0.1\n"
            f"Syslog no\nRequireSafeKeys no\nPidFile {directory}/pid\nUserID root\nSignHeaders From,Subject,To,Date\n"
            "Canonicalization relaxed/relaxed\nInternalHosts 127.0.0.1\n"
        )
        process = subprocess.Popen(["opendkim", "-f", "-x", str(config)], stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        until(lambda: accepts(port), what="opendkim")
        return port

    def test_it_signs_what_users_send_and_looks_at_the_rest(self):
        port = self.start_opendkim()
        house = self.open(f'[[milter]]\naddress = "inet:{port}@localhost"')
        client = house.submission(ANN)
        client.sendmail(ANN, [ANN], letter("signed", sender=ANN, body="Hello.\r\n.\r\nmore\r\n" * 5000))
        client.quit()
        stored = house.wait_for(ANN, "Subject: signed")
        self.assertIn(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=alpha.test", stored)
        self.assertLess(stored.index(b"DKIM-Signature:"), stored.index(b"\r\nSubject:"))
        # A signature that does not fit: its own judgement is in the message.
        forged = b"DKIM-Signature: v=1; a=rsa-sha256; d=side.test; s=x; h=from; bh=AAAA; b=AAAA\r\n" + letter("forged")
        self.send(house, forged)
        house.wait_for(ANN, "Subject: forged")


class Rspamd(Filtered):
    def start_rspamd(self):
        directory, port = scratch("rspamd"), free_port()
        normal = free_port()
        config = directory / "rspamd.conf"
        text = (
            "options { filters = ''; dns { nameserver = ['127.0.0.1:9']; timeout = 0.1s; retransmits = 1; } "
            f"tempdir = '{directory}'; pidfile = '{directory}/pid'; url_tld = '{directory}/tld'; disable_hyperscan = true; }}\n"
            f"logging {{ type = 'file'; filename = '{directory}/log'; level = 'info'; }}\n"
            "actions { reject = 15; add_header = 6; }\n"
            f"worker 'normal' {{ bind_socket = '127.0.0.1:{normal}'; count = 1; }}\n"
            f"worker 'rspamd_proxy' {{ bind_socket = '127.0.0.1:{port}'; milter = yes; count = 1; timeout = 10s; "
            f"upstream 'local' {{ default = yes; hosts = '127.0.0.1:{normal}'; }} }}\n"
            f"lua = '{directory}/rules.lua'\n"
        )
        config.write_text(text.replace("'", '"'))
        # Its own list of top-level domains takes long to compile.
        (directory / "tld").write_text("com\norg\ntest\n")
        (directory / "rules.lua").write_text(
            "rspamd_config.TEST_SPAM = { score = 100, callback = function(task)\n"
            "  return (task:get_header('Subject') or ''):find('XJS*C4JDBQADN1', 1, true) ~= nil end }\n"
        )
        user = ["-u", "_rspamd", "-g", "_rspamd"]
        subprocess.run(["chown", "-R", "_rspamd:_rspamd", directory], check=True)
        process = subprocess.Popen(
            ["rspamd", "-f", *user, "-c", str(config)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT,
        )
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        until(lambda: accepts(port) and accepts(normal), what="rspamd")
        return port

    def test_it_refuses_spam_and_lets_the_rest_pass(self):
        port = self.start_rspamd()
        house = self.open(f'[[milter]]\naddress = "inet:{port}@127.0.0.1"')
        self.send(house, letter("ham"))
        house.wait_for(ANN, "Subject: ham")
        reply = self.refused(house, letter("buy XJS*C4JDBQADN1 now"))
        self.assertEqual((reply[0], reply[1][:5]), (554, "5.7.1"), reply)
        self.assertEqual(len(house.messages(ANN)), 1)


class Hooks(Filtered):
    def start_hook(self, decide):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked.append(question)
                answer = json.dumps(decide(question)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1], asked

    def test_every_stage(self):
        def decide(question):
            if question["stage"] == "rcpt" and question["from"] == "bad@side.test":
                return {"action": "reject", "text": "not from you"}
            if question["stage"] == "data":
                return {"action": "accept", "add_headers": [["X-Size", str(question["size"])]]}
            return {"action": "accept"}

        port, asked = self.start_hook(decide)
        stages = '["connect", "mail", "rcpt", "data"]'
        house = self.open(f'[[hook]]\nurl = "http://127.0.0.1:{port}/"\nstages = {stages}')
        message = letter("hooked", body="Hello.\r\n" * 30_000)
        self.send(house, message)
        self.assertIn(f"X-Size: {len(message)}\r\n".encode(), house.wait_for(ANN, "hooked"))
        self.assertEqual([question["stage"] for question in asked], ["connect", "mail", "rcpt", "data"])
        self.assertEqual(base64.b64decode(asked[3]["message"]), message)
        self.assertEqual(asked[3]["to"], [ANN])
        self.assertEqual(self.refused(house, message, sender="bad@side.test"), (550, "5.7.1 not from you"))

    def test_large_messages_are_cut(self):
        port, asked = self.start_hook(lambda question: {"action": "accept"})
        house = self.open(f'[[hook]]\nurl = "http://127.0.0.1:{port}/"\nmessage_size = "64KiB"')
        message = letter("cut", body="Hello.\r\n" * 30_000)
        self.send(house, message)
        self.assertEqual(base64.b64decode(asked[0]["message"]), message[:65536])
        self.assertEqual((asked[0]["truncated"], asked[0]["size"]), (True, len(message)))


class Gate(Filtered):
    def test_lists_in_dns(self):
        zones = {
            "alpha.test": {"MX": [(10, "mx.alpha.test")]},
            "2.0.0.127.bl.test": {"A": ["127.0.0.2"], "TXT": ["listed: see https://bl.test/"]},
            "3.0.0.127.bl.test": "SERVFAIL",
        }
        names = NameServer(zones)
        self.addCleanup(names.close)
        house = self.open('[[dnsbl]]\nzone = "bl.test"\n', names=names, limits="exempt = []")
        self.assertEqual(self.say(house, "127.0.0.2"), (550, b"5.7.1 127.0.0.2 is listed by bl.test: listed: see https://bl.test/"))
        for free in ("127.0.0.3", "127.0.0.4"):
            self.assertEqual(self.say(house, free)[0], 250, free)
        refusal = until(lambda: "is listed by bl.test" in json.dumps(house.trace()), what="the journey")
        self.assertTrue(refusal)

    def say(self, house, source):
        client = smtplib.SMTP("127.0.0.1", house.ports["smtp"], "client.test", 60, (source, 0))
        self.addCleanup(client.close)
        client.ehlo()
        client.mail("out@side.test")
        return client.rcpt(ANN)

    def test_greylisting(self):
        settings = '[greylist]\nenabled = true\ndelay = "1s"\nwindow = "1d"\n'
        house = self.open(settings, limits="exempt = []")
        self.assertEqual(self.say(house, "127.0.0.1")[0], 451)
        until(lambda: self.say(house, "127.0.0.1")[0] == 250, what="the second try")

    def test_guessing_passwords_ends(self):
        house = self.open("", limits="exempt = []\nfailed_logins = 4")
        began = time.monotonic()
        replies = []
        # Each tries PLAIN, then LOGIN.
        for _ in range(3):
            with self.assertRaises(smtplib.SMTPAuthenticationError) as caught:
                house.submission(ANN, "wrong password")
            replies.append(caught.exception.smtp_code)
        self.assertEqual(replies, [535, 535, 454])
        self.assertGreater(time.monotonic() - began, 3)
        with self.assertRaises(Exception) as caught:
            house.imap(ANN)
        self.assertIn("Too many failed logins", str(caught.exception))
