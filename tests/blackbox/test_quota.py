"""What an account may have: told over IMAP, kept to over SMTP, said by commands; and a compressed connection, with zlib at its
other end."""

import imaplib
import json
import smtplib
import unittest
import zlib

from house import House, letter


def show(house):
    return json.loads(house.run("account", "show", "ann@alpha.test", "--json").stdout)["quota"]


class Compressed(imaplib.IMAP4_SSL):
    """Compresses both ways once asked to (RFC 4978)."""

    packer = None

    def compress(self):
        status, _ = self.xatom("COMPRESS", "DEFLATE")
        assert status == "OK", status
        self.packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        self.unpacker = zlib.decompressobj(-15)
        self.ready = b""

    def send(self, data):
        if self.packer:
            data = self.packer.compress(data) + self.packer.flush(zlib.Z_SYNC_FLUSH)
        super().send(data)

    def _fill(self):
        data = self.sock.recv(65536)
        if not data:
            raise self.abort("the connection ended")
        self.ready += self.unpacker.decompress(data)

    def read(self, size):
        if not self.packer:
            return super().read(size)
        while len(self.ready) < size:
            self._fill()
        data, self.ready = self.ready[:size], self.ready[size:]
        return data

    def readline(self):
        if not self.packer:
            return super().readline()
        while b"\n" not in self.ready:
            self._fill()
        return self.read(self.ready.index(b"\n") + 1)


class Quota(unittest.TestCase):
    def setUp(self):
        self.house = House(services=["smtp", "imaps"], limits='quota_storage = "100KB"\n')
        self.addCleanup(self.house.close)
        self.house.start().people("ann")

    def test_a_full_account(self):
        house = self.house
        self.assertEqual(show(house)["storage"], {"used": 0, "limit": 100_000, "own": False})
        house.run("account", "quota", "ann@alpha.test", "--messages", "2", "--storage", "none")
        for n in range(2):
            with house.smtp() as client:
                client.sendmail("out@side.test", ["ann@alpha.test"], letter(f"fits {n}"))
        with house.smtp() as client, self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
            client.sendmail("out@side.test", ["ann@alpha.test"], letter("does not"))
        code, text = refused.exception.recipients["ann@alpha.test"]
        self.assertEqual((code, text[:5]), (452, b"4.2.2"))
        client = house.imap("ann@alpha.test")
        status, data = client.append("INBOX", None, None, letter("by hand"))
        self.assertEqual((status, data[0][:11]), ("NO", b"[OVERQUOTA]"))
        _, (roots, quotas) = client.getquotaroot("INBOX")
        self.assertEqual((roots, quotas), ([b'"INBOX" ""'], [b'"" (MESSAGE 2 2)']))
        client.logout()
        figures = show(house)
        self.assertEqual(figures["messages"], {"used": 2, "limit": 2, "own": True})
        self.assertIsNone(figures["storage"]["limit"])
        house.run("account", "quota", "ann@alpha.test", "--messages", "default", "--storage", "default")
        with house.smtp() as client:
            client.sendmail("out@side.test", ["ann@alpha.test"], letter("fits again"))
        # What was counted is what is there, also for who counts again.
        used = show(house)["storage"]["used"]
        house.stop()
        report = json.loads(house.run("verify", "--json").stdout)
        self.assertEqual((show(house)["storage"]["used"], report["findings"]), (used, []))
        self.assertEqual(house.run("account", "quota", "ann@alpha.test", check=False).returncode, 2)

    def test_compression(self):
        house = self.house
        plain = house.imap("ann@alpha.test")
        text = letter("long", body="more and more\r\n" * 5000)
        plain.append("INBOX", None, None, text)
        plain.__class__ = Compressed
        plain.compress()
        plain.select("INBOX")
        _, data = plain.fetch("1", "(RFC822)")
        self.assertEqual(data[0][1].count(b"more and more\r\n"), 5000)
        status, _ = plain.append("INBOX", None, None, letter("compressed"))
        self.assertEqual(status, "OK")
        self.assertEqual(plain.logout()[0], "BYE")
