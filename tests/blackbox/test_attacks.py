"""Attacks that were carried out on other servers, on the real binary; each test has its name in the catalogue of attacks."""

import socket
import ssl
import unittest
from pathlib import Path

from house import SERVICES, Authority, House, letter

CLEAR = {"smtp": (b"220", b"EHLO c\r\n", b"STARTTLS\r\n"), "submission": (b"220", b"EHLO c\r\n", b"STARTTLS\r\n"),
         "lmtp": (b"220", b"LHLO c\r\n", b"STARTTLS\r\n"), "imap": (b"* OK", b"a NOOP\r\n", b"b STARTTLS\r\n"),
         "pop3": (b"+OK", b"CAPA\r\n", b"STLS\r\n")}
ALPN = {"submissions": "smtp", "imaps": "imap", "pop3s": "pop3"}
HELLO = b"EHLO c\r\nMAIL FROM:<a@side.test>\r\nRCPT TO:<ann@alpha.test>\r\n"


class Attacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House().start().people("ann")

    @classmethod
    def tearDownClass(cls):
        cls.house.close()

    def connect(self, service):
        wire = socket.create_connection((self.house.ip, self.house.ports[service]), timeout=20)
        self.addCleanup(wire.close)
        return wire

    def rest(self, wire):
        """All that is said until the other side hangs up or has nothing to say for a moment."""
        said = b""
        wire.settimeout(1)
        try:
            while piece := wire.recv(65536):
                said += piece
        except (socket.timeout, ConnectionResetError, ssl.SSLError):
            pass
        return said

    def test_a3_nothing_in_clear_counts_under_tls(self):
        injected = {"smtp": HELLO, "submission": HELLO, "lmtp": b"L" + HELLO[1:].replace(b"EHLO", b"HLO"),
                    "imap": b"c CAPABILITY\r\nd LOGOUT\r\n", "pop3": b"QUIT\r\n"}
        for service, (greeting, hello, start) in CLEAR.items():
            for cut in (0, 1, len(start) - 1, len(start)):
                with self.subTest(service=service, cut=cut):
                    wire = self.connect(service)
                    self.assertTrue(wire.recv(1000).startswith(greeting))
                    wire.sendall(hello)
                    wire.recv(4000)
                    attack = start + injected[service]
                    wire.sendall(attack[:cut])
                    wire.sendall(attack[cut:])
                    context = Authority.get().context()
                    try:
                        wire.settimeout(2)
                        answer = wire.recv(4000)
                        secured = context.wrap_socket(wire, server_hostname="localhost")
                        said = self.rest(secured)
                    except (OSError, ssl.SSLError):
                        continue
                    # Where the handshake came about, nothing of what stood before it is answered under it.
                    self.assertEqual(said, b"", answer)

    def test_a4_clear_bytes_after_tls_in_the_middle_of_a_chunk(self):
        before = len(self.house.messages("ann@alpha.test"))
        for part in (b"BDAT 100\r\nhalf", b"DATA\r\nhalf", b"BDAT 4\r\nhalf", b""):
            with self.subTest(part):
                wire = self.connect("smtp")
                wire.recv(1000)
                wire.sendall(b"EHLO c\r\n")
                wire.recv(4000)
                wire.sendall(b"STARTTLS\r\n")
                wire.recv(1000)
                secured = Authority.get().context().wrap_socket(wire, server_hostname="localhost", suppress_ragged_eofs=False)
                secured.sendall(HELLO + part)
                secured.settimeout(5)
                said = secured.recv(4000)
                clear = None
                try:
                    # Says close_notify and goes on in clear.
                    secured.settimeout(1)
                    clear = secured.unwrap()
                except (OSError, ssl.SSLError):
                    clear = secured
                try:
                    clear.sendall(b"x" * 96 + b"\r\n.\r\nRSET\r\nNOOP\r\n" + HELLO + b"DATA\r\nSubject: x\r\n\r\n.\r\n")
                except (OSError, ssl.SSLError):
                    pass
                self.assertNotIn(b"250", self.rest(clear), said)
        self.assertEqual(len(self.house.messages("ann@alpha.test")), before)
        self.assertTrue(self.house.smtp().noop()[0] == 250, "the server lives")

    def test_a6_browsers_are_hung_up_on_at_every_port(self):
        for service in SERVICES:
            for verb in (b"GET", b"POST", b"PUT"):
                with self.subTest(service=service, verb=verb):
                    wire = self.connect(service)
                    if service in ALPN:
                        wire = Authority.get().context().wrap_socket(wire, server_hostname="localhost")
                    body = HELLO + b"DATA\r\n.\r\n" + b"a LOGIN x y\r\nUSER x\r\n"
                    try:
                        wire.sendall(verb + b" / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n" + body)
                    except OSError:
                        continue
                    said = self.rest(wire)
                    self.assertNotIn(b"\n250", said)
                    self.assertNotIn(b"<script", said)
                    self.assertFalse(b"GET / HTTP" in said or b"POST / HTTP" in said, "nothing is reflected")

    def test_a6_a_client_of_one_protocol_gets_no_tls_from_another(self):
        for service, own in ALPN.items():
            for offered in ("smtp", "imap", "pop3", "http/1.1", "h2"):
                with self.subTest(service=service, offered=offered):
                    context = Authority.get().context()
                    context.set_alpn_protocols([offered])
                    wire = self.connect(service)
                    if offered == own:
                        secured = context.wrap_socket(wire, server_hostname="localhost")
                        self.assertEqual(secured.selected_alpn_protocol(), own)
                    else:
                        with self.assertRaises((ssl.SSLError, ConnectionError)):
                            context.wrap_socket(wire, server_hostname="localhost").recv(100)

    def test_a8_nothing_that_came_is_ever_carried_out(self):
        """Exim's `${run}`, OpenSMTPD's shells: whatever is said is an address, a name or a text, and never a command."""
        trap = self.house.directory / "carried-out"
        commands = ["${run{/bin/sh -c 'touch TRAP'}}", "$(touch TRAP)", "`touch TRAP`", ";touch TRAP;", "| touch TRAP", "|/bin/sh -c 'touch TRAP'",
                    "../../../TRAP", "%s%n%x", "{{7*7}}", "${jndi:ldap://x.test/}", "' OR '1'='1", "<script>", "-oQ/tmp -be"]
        for command in commands:
            with self.subTest(command):
                text = command.replace("TRAP", str(trap))
                local = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
                with self.house.smtp() as client:
                    client.docmd(f"EHLO {text}")
                    client.ehlo("c")
                    self.assertEqual(client.docmd(f"MAIL FROM:<{local}@side.test>")[0], 250)
                    self.assertEqual(client.docmd(f"RCPT TO:<{local}@alpha.test>")[0], 550, "nobody has that name")
                    self.assertEqual(client.docmd("RCPT TO:<ann@alpha.test>")[0], 250)
                    message = letter(f"a8 {text}", X_Trap=text, Received=text, Content_Type=f'text/plain; name="{text}"', body=f"{text}\r\n")
                    self.assertEqual(client.data(message)[0], 250)
                    client.docmd("VRFY", text)
                body = self.house.messages("ann@alpha.test")[-1]
                self.assertIn(f"X-Trap: {text}\r\n".encode(), body, "it comes through as it was said")
                children = Path(f"/proc/{self.house.process.pid}/task/{self.house.process.pid}/children").read_text()
                self.assertEqual((trap.exists(), children.strip()), (False, ""))



if __name__ == "__main__":
    unittest.main()
