"""TLS policies of outgoing mail with real signatures: DANE through unbound, and MTA-STS from a web server (F10, F41)."""

import hashlib
import http.server
import ssl
import subprocess
import threading
import unittest

from house import House, letter, scratch, until
from peers import run
from ports import free_port
from signed import Zones
from sink import Sink


class Issuer:
    """Gives out certificates."""

    def __init__(self):
        self.directory = scratch("issuer")
        self.file = self.directory / "root.pem"
        self._openssl("req", "-x509", *self._key("root"), "-days", "30", "-subj", "/CN=root", "-out", self.file)

    def _openssl(self, *words, **more):
        return run(["openssl", *words], **more)

    def _key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                self.directory / f"{name}.key"]

    def certificate(self, name, days=30):
        """A server's context, and the SHA-256 of its key."""
        base, request = self.directory / name, self.directory / f"{name}.csr"
        extensions = self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName=DNS:{name}\n")
        self._openssl("req", *self._key(name), "-subj", f"/CN={name}", "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.file, "-CAkey", self.directory / "root.key",
                      "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", base)
        chain = self.directory / f"{name}.pem"
        chain.write_text(base.read_text() + self.file.read_text())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, self.directory / f"{name}.key")
        return context, self._sha256(base, "-pubkey")

    def _sha256(self, file, what=None):
        if what:
            pem = subprocess.run(["openssl", "x509", "-in", file, "-noout", "-pubkey"], check=True, capture_output=True)
            der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem.stdout, check=True,
                                 capture_output=True)
        else:
            der = subprocess.run(["openssl", "x509", "-in", file, "-outform", "DER"], check=True, capture_output=True)
        return hashlib.sha256(der.stdout).hexdigest()

    def sha256(self):
        return self._sha256(self.file)


class PolicyServer:
    """Serves one text over HTTPS, chunked or with its length."""

    def __init__(self, ip, port, context):
        server = self
        self.answers = {}
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                host = self.headers["Host"].split(":")[0]
                server.asked.append((host, self.path))
                text = server.answers[host].encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")
                if len(server.asked) % 2:
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text)
                else:
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    for at in range(0, len(text), 7):
                        piece = text[at : at + 7]
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((ip, port), Handler)
        self.server.daemon_threads = True
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


OUTBOUND = """
[outbound]
port = {port}
allow_private = true
retry = ["1h"]
ca_file = "{ca}"
sts_port = {sts_port}
"""


class Policies(unittest.TestCase):
    """One sender, a tree of zones, and a host for each kind of domain."""

    @classmethod
    def setUpClass(cls):
        cls.port, sts_port, cls.issuer = free_port(), free_port(), Issuer()
        cls.sinks, cls.lines, cls.closing = {}, [], []
        cls._hosts()
        web_lines, certificates = cls._sts_zones()
        zones = {".": [], "test.": [], "good.test.": cls.lines + web_lines, "plain.test.": cls.plain, "broken.test.": cls.broken}
        cls.zones = Zones(
            zones, unsigned=["plain.test."],
            spoil=[("broken.test.", r"(_tcp\.mx\.tlsa\.broken\.test\.\s.*TLSA\s+3 1 1 )..", r"\g<1>00"),
                   ("broken.test.", r"(\nmx\.broken\.test\.\s+60\s+IN\s+MX\s+)10", r"\g<1>11")],
        )
        cls.web = PolicyServer("127.0.0.40", sts_port, certificates)
        extra = OUTBOUND.format(port=cls.port, ca=cls.issuer.file, sts_port=sts_port)
        cls.house = House("alpha.test", extra=extra, names=cls.zones, services=["smtp", "submission", "imaps"])
        cls.house.people("ann").start()

    @classmethod
    def tearDownClass(cls):
        cls.house.close()
        cls.web.close()
        cls.zones.close()
        for sink in cls.sinks.values():
            sink.close()

    @classmethod
    def _host(cls, domain, lines, ip, tlsa=None, name=None, tls=True):
        """A domain with one host; `tlsa` is made out of its certificate's key."""
        context, key = cls.issuer.certificate(name or f"mx.{domain}")
        cls.sinks[domain] = Sink(cls.port, ip=ip, context=context if tls else None)
        lines += [f"{domain}. 60 IN MX 10 mx.{domain}.", f"mx.{domain}. 60 IN A {ip}"]
        if tlsa:
            lines.append(f"_{cls.port}._tcp.mx.{domain}. 60 IN TLSA {tlsa.replace('KEY', key)}")

    @classmethod
    def _hosts(cls):
        good, cls.plain, cls.broken = cls.lines, [], []
        other = "ab" * 32
        cls._host("ee.good.test", good, "127.0.0.21", "3 1 1 KEY", name="whatever.test")
        cls._host("ta.good.test", good, "127.0.0.22", f"2 0 1 {cls.issuer.sha256()}")
        cls._host("misnamed.good.test", good, "127.0.0.23", f"2 0 1 {cls.issuer.sha256()}", name="whatever.test")
        cls._host("wrong.good.test", good, "127.0.0.24", f"3 1 1 {other}")
        cls._host("clear.good.test", good, "127.0.0.25", "3 1 1 KEY", tls=False)
        cls._host("unusable.good.test", good, "127.0.0.26", f"1 1 1 {other}", name="whatever.test")
        cls._host("none.good.test", good, "127.0.0.27", tls=False)
        cls._host("a.plain.test", cls.plain, "127.0.0.28", f"3 1 1 {other}", tls=False)
        cls._host("tlsa.broken.test", cls.broken, "127.0.0.29", "3 1 1 KEY")
        cls.broken += ["mx.broken.test. 60 IN MX 10 mx.tlsa.broken.test."]

    @classmethod
    def _sts_zones(cls):
        """Domains with MTA-STS and no TLSA: the texts come later."""
        lines = []
        for ip, (label, name, tls) in enumerate([("enforce", None, True), ("badcert", "whatever.test", True), ("other", None, True),
                                                 ("testing", None, False), ("starttls", None, False)], 30):
            domain = f"{label}.good.test"
            cls._host(domain, lines, f"127.0.0.{ip}", name=name, tls=tls)
            lines += [f'_mta-sts.{domain}. 60 IN TXT "v=STSv1; id=1"', f"mta-sts.{domain}. 60 IN A 127.0.0.40"]
        context, _ = cls.issuer.certificate("mta-sts.enforce.good.test")
        contexts = {}
        for label in ("badcert", "other", "testing", "starttls"):
            name = f"mta-sts.{label}.good.test"
            contexts[name] = cls.issuer.certificate(name)[0]

        def choose(connection, name, _):
            if name in contexts:
                connection.context = contexts[name]

        context.sni_callback = choose
        return lines, context

    # What became of a message.

    def send(self, domain):
        with self.house.submission("ann@alpha.test") as client:
            client.sendmail("ann@alpha.test", [f"bob@{domain}"], letter(domain, sender="ann@alpha.test"))
        tried = lambda: next((j for j in self.house.trace("--to", f"bob@{domain}") if self._events(j, "attempted")), None)
        return until(tried, 30, f"an attempt for {domain}")

    @staticmethod
    def _events(journey, kind):
        return [event["fields"] for event in journey["events"] if event["event"] == kind]

    def delivered(self, domain, verified_by, secure):
        with self.subTest(domain):
            journey = self.send(domain)
            attempt = self._events(journey, "attempted")[-1]
            self.assertEqual(attempt["results"][0]["reply"]["code"], 250, journey)
            self.assertEqual(attempt.get("tls", {}).get("verified_by"), verified_by, journey)
            self.assertEqual(self.sinks[domain].secure, [secure])
            return self._events(journey, "tls_failed")

    def waits(self, domain, result, words):
        """Deferred, never bounced, never in clear; told in the words of TLS reports."""
        with self.subTest(domain):
            journey = self.send(domain)
            reply = self._events(journey, "attempted")[-1]["results"][0]["reply"]
            self.assertEqual(reply["code"], 451, journey)
            self.assertIn(words, reply["text"])
            self.assertEqual([event["result"] for event in self._events(journey, "tls_failed")], [result] if result else [])
            self.assertEqual(len(self._events(journey, "deferred")), 1)
            self.assertEqual(self._events(journey, "reported"), [])
            if domain in self.sinks:
                self.assertEqual(self.sinks[domain].ledger, [])

    def test_dane(self):
        self.delivered("ee.good.test", "dane-ee", True)
        self.delivered("ta.good.test", "dane-ta", True)
        self.waits("wrong.good.test", "certificate-not-trusted", "no TLSA record matches")
        self.waits("misnamed.good.test", "certificate-host-mismatch", "is not for")
        self.waits("clear.good.test", "starttls-not-supported", "TLS is required")
        told = self.delivered("unusable.good.test", "no", True)
        self.assertEqual([event["result"] for event in told], ["tlsa-invalid"])
        self.assertIn("DANE-EE verified", self.house.run("trace", "--to", "bob@ee.good.test").stdout)

    def test_what_is_not_signed(self):
        self.delivered("none.good.test", None, False)
        self.delivered("a.plain.test", None, False)

    def test_bogus_signatures_defer(self):
        self.waits("tlsa.broken.test", "dnssec-invalid", "TLSA records could not be looked up")
        self.waits("mx.broken.test", None, "name servers failed")

    def test_mta_sts(self):
        policy = lambda mode, mx: f"version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: 86400\r\n"
        self.web.answers = {
            "mta-sts.enforce.good.test": policy("enforce", "*.enforce.good.test"),
            "mta-sts.badcert.good.test": policy("enforce", "mx.badcert.good.test"),
            "mta-sts.other.good.test": policy("enforce", "mx2.other.good.test"),
            "mta-sts.testing.good.test": policy("testing", "mx.testing.good.test"),
            "mta-sts.starttls.good.test": policy("enforce", "mx.starttls.good.test"),
        }
        self.delivered("enforce.good.test", "sts", True)
        self.waits("badcert.good.test", "certificate-host-mismatch", "not good for mx.badcert.good.test")
        self.waits("other.good.test", "validation-failure", "policy does not name it")
        self.waits("starttls.good.test", "starttls-not-supported", "TLS is required")
        told = self.delivered("testing.good.test", None, False)
        self.assertEqual([(event["result"], event["enforced"]) for event in told], [("starttls-not-supported", False)])
        self.assertEqual(len(self.web.asked), 5)
        self.assertEqual({path for _, path in self.web.asked}, {"/.well-known/mta-sts.txt"})

    def test_the_status_says_whether_there_is_dane(self):
        self.assertEqual(self.house.status()["dane"], {"on": True, "words": "on: 127.0.0.1 checks signatures"})
        self.assertIn("DANE         on: 127.0.0.1 checks signatures", self.house.run("check").stdout)


class NotValidating(unittest.TestCase):
    """F41: a resolver that does not check signatures gives no DANE, and one far away is not believed."""

    def test_it_is_off_and_said(self):
        zones = Zones({".": [], "test.": ["a.test. 60 IN A 127.0.0.1"]}, validating=False)
        house = House("alpha.test", names=zones, services=["smtp"])
        try:
            said = house.run("check").stdout
            self.assertIn("DANE         off: 127.0.0.1 does not check signatures", said)
            text = house.config.read_text()
            house.config.write_text(text.replace("servers = [", 'servers = ["192.0.2.53", '))
            self.assertIn("DANE         off: the name server 192.0.2.53 is not on this machine", house.run("check").stdout)
            house.config.write_text(text.replace("[dns]", '[dns]\ndnssec = "off"'))
            self.assertIn("DANE         off: the configuration says so", house.run("check").stdout)
        finally:
            house.close()
            zones.close()
