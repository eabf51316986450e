"""Listeners behind a proxy: the PROXY header names the client, for every service, before anything else."""

import socket
import struct
import time
import unittest

from house import PASSWORD, SERVICES, Authority, House, letter, until

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 25\r\n"


def v2(command=0x21, family=0x11, rest=None):
    if rest is None:
        rest = socket.inet_aton("192.0.2.9") + socket.inet_aton("198.51.100.1") + struct.pack("!HH", 50000, 25)
        rest += b"\x04\x00\x01\x00"  # a TLV
    return b"\r\n\r\n\x00\r\nQUIT\n" + bytes([command, family]) + struct.pack("!H", len(rest)) + rest


class Proxy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House(proxied=SERVICES, limits="connections_per_ip = 2").start().people("ann")

    @classmethod
    def tearDownClass(cls):
        cls.house.close()

    def connect(self, service, header):
        wire = socket.create_connection((self.house.ip, self.house.ports[service]), timeout=20)
        self.addCleanup(wire.close)
        wire.sendall(header)
        return wire

    def greeting(self, service, header):
        """What is said first; nothing while the server still counts connections that have just been closed."""
        wire = self.connect(service, header)
        said = wire.recv(100)
        wire.close()
        return None if b"oo many" in said else said

    def secured_greeting(self, service, header):
        """The same under TLS, from its first byte on."""
        wire = self.connect(service, header)
        try:
            secured = Authority.get().context().wrap_socket(wire, server_hostname="localhost")
            said = secured.recv(100)
            secured.close()
            return said
        except OSError:
            return None

    def talk(self, wire, *lines):
        """Sends each line after a reply; the last one."""
        reader = wire.makefile("rb")
        reply = reader.readline()
        for line in lines:
            wire.sendall(line + b"\r\n")
            reply = reader.readline()
            while reply[3:4] == b"-":
                reply = reader.readline()
        return reply

    def test_the_client_is_the_one_that_the_proxy_names(self):
        house = House(domain="beta.test", services=["smtp", "imaps"], proxied=["smtp"]).start().people("bob")
        self.addCleanup(house.close)
        for header, ip in [(V1, "192.0.2.7"), (v2(), "192.0.2.9")]:
            before = len(house.messages("bob@beta.test"))
            wire = socket.create_connection((house.ip, house.ports["smtp"]), timeout=20)
            self.addCleanup(wire.close)
            wire.sendall(header)
            message = letter("out@side.test", "bob@beta.test", "proxied")
            message = message if isinstance(message, bytes) else message.encode()
            reply = self.talk(
                wire, b"EHLO c.test", b"MAIL FROM:<out@side.test>", b"RCPT TO:<bob@beta.test>", b"DATA",
                message.rstrip(b"\r\n") + b"\r\n.",
            )
            self.assertTrue(reply.startswith(b"250"), reply)
            messages = until(lambda: house.messages("bob@beta.test")[before:], what="the message")
            self.assertIn(f"Received: from c.test ([{ip}])".encode(), messages[0])

    def test_every_service_takes_it_before_tls_and_greeting(self):
        clear = {"smtp": b"220", "submission": b"220", "lmtp": b"220", "imap": b"* OK", "pop3": b"+OK"}
        for header in (V1, v2(), v2(0x20, 0x00, b""), b"PROXY UNKNOWN\r\n"):
            for service, greeting in clear.items():
                said = until(lambda: self.greeting(service, header), what="room")
                self.assertTrue(said.startswith(greeting), f"{service}, {header}: {said}")
            for service in ("submissions", "imaps", "pop3s"):
                self.assertTrue(until(lambda: self.secured_greeting(service, header), what=f"{service} under TLS"))

    def test_what_is_no_header_is_hung_up_on(self):
        for header in (b"EHLO c.test\r\n" * 9, v2(0x21, 0x12), v2(0x31), b"PROXY TCP4 1 2 3 4\r\n", V1[:-2] + b"\n" * 9):
            wire = self.connect("smtp", header)
            try:
                self.assertEqual(wire.recv(100), b"", header)
            except ConnectionResetError:
                pass

    def test_a_header_must_come_soon(self):
        wire = self.connect("imap", b"PROXY ")
        begun = time.monotonic()
        self.assertEqual(wire.recv(100), b"")
        self.assertLess(time.monotonic() - begun, 15)

    def test_clients_are_counted_and_not_the_proxy(self):
        wires = [self.connect("smtp", V1) for _ in range(2)]
        for wire in wires:
            self.assertTrue(wire.recv(100).startswith(b"220"))
        third = self.connect("smtp", V1)
        self.assertTrue(third.recv(100).startswith(b"421"))
        other = self.connect("smtp", v2())
        self.assertTrue(other.recv(100).startswith(b"220"))

    def test_passwords_in_clear_are_for_true_clients_on_loopback(self):
        house = House(domain="beta.test", proxied=["imap"], plaintext=["imap"], services=["imap", "imaps", "smtp"]).start()
        self.addCleanup(house.close)
        house.people("bob")
        for header, may in ((V1, False), (b"PROXY UNKNOWN\r\n", True)):
            wire = socket.create_connection((house.ip, house.ports["imap"]), timeout=20)
            wire.sendall(header)
            wire.recv(1000)
            wire.sendall(b'a LOGIN bob@beta.test "' + PASSWORD.encode() + b'"\r\n')
            self.assertEqual(wire.recv(1000).split()[1] == b"OK", may, header)
            wire.close()


class Strangers(unittest.TestCase):
    def test_who_is_no_proxy_is_not_heard(self):
        house = House(domain="alpha.test", services=["smtp"], proxied=["smtp"])
        text = house.config.read_text().replace('proxy_protocol = ["127.0.0.1"]', 'proxy_protocol = ["192.0.2.0/24"]')
        house.config.write_text(text)
        house.start()
        self.addCleanup(house.close)
        wire = socket.create_connection((house.ip, house.ports["smtp"]), timeout=20)
        wire.sendall(V1)
        try:
            self.assertEqual(wire.recv(100), b"")
        except ConnectionResetError:
            pass


if __name__ == "__main__":
    unittest.main()
