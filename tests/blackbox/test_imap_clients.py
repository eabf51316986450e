"""What the configuration says about single IMAP clients."""

import imaplib
import unittest

from house import PASSWORD, Authority, House


class Clients(unittest.TestCase):
    def setUp(self):
        self.house = House(extra="""
[imap]
keepalive = "30s"
[[imap_client]]
id = "Stumbler 1.*"
hide = ["QRESYNC", "SASL-IR"]
[[imap_client]]
account = "bob@*"
hide = ["MOVE"]
""").start().people("ann", "bob")

    def tearDown(self):
        self.house.close()

    def offered(self, user, identity):
        """What is offered before login, and after it."""
        context = Authority.get().context()
        client = imaplib.IMAP4_SSL("127.0.0.1", self.house.ports["imaps"], ssl_context=context, timeout=60)
        client.xatom("ID", identity)
        client._get_capabilities()
        before = set(client.capabilities)
        client.login(f"{user}@alpha.test", PASSWORD)
        client._get_capabilities()
        after = set(client.capabilities)
        client.enable("QRESYNC") if "ENABLE" in after else self.fail("ENABLE is not offered")
        client.logout()
        return "SASL-IR" in before, "QRESYNC" in after, "MOVE" in after

    def test_capabilities_are_hidden_by_client_and_by_account(self):
        for user, identity, expected in (
            ("ann", '("name" "Stumbler" "version" "1.7")', (False, False, True)),
            ("ann", '("name" "Stumbler" "version" "2.0")', (True, True, True)),
            ("ann", "NIL", (True, True, True)),
            ("bob", "NIL", (True, True, False)),
            ("bob", '("name" "Stumbler" "version" "1.7")', (False, False, False)),
        ):
            with self.subTest(f"{user} {identity}"):
                self.assertEqual(self.offered(user, identity), expected)

    def test_an_idle_client_hears_something(self):
        client = self.house.imap("ann@alpha.test")
        client.select()
        client.send(b"a1 IDLE\r\n")
        self.assertEqual(client.readline(), b"+ idling\r\n")
        self.assertEqual(client.readline(), b"* OK Still here\r\n")
        client.send(b"DONE\r\n")
        self.assertEqual(client.readline(), b"a1 OK Idle no more\r\n")
