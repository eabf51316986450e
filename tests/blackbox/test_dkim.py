"""DKIM and ARC with dkimpy at the other end: each verifies what the other signs and seals, over many odd messages.

dkimpy comes from PyPI into a virtual environment in target/, once. Our side is the command in
`crates/mailauth/tests/tool`, which the tests build.
"""

import base64
import json
import random
import subprocess
import sys
import time
import unittest
from pathlib import Path

from house import ROOT, scratch
from registry import python_with

PACKAGES = ["dkimpy==1.1.8", "dnspython==2.9.2", "PyNaCl==1.6.2", "authres==1.2.0"]
TOOL = ROOT / "target/debug/examples/dkim"
DOMAIN = "x.test"
FORMS = [("relaxed", "relaxed"), ("relaxed", "simple"), ("simple", "relaxed"), ("simple", "simple")]
MESSAGES = 100


def some_message(dice):
    """A message as bad programs and good ones write it. Every line ends in CRLF."""
    names = ["Subject", "To", "Cc", "Reply-To", "X-Odd", "Received", "MIME-Version", "Content-Type", "List-Id",
             "List-Unsubscribe", "References", "subject", "DATE", "Message-ID"]
    words = ["word", "zwei", "grå", "a;b=c", ":", "  ", "\t", "\r\n ", "\r\n\t", "b=", "=?utf-8?q?x?=", "<a@b>"]
    fields = [f"{dice.choice(names)}:{dice.choice(['', ' ', chr(9)])}x{''.join(dice.choices(words, k=dice.randrange(9)))}z"
              for _ in range(dice.randrange(9))]
    fields.insert(dice.randrange(len(fields) + 1), "From: Ann <ann@x.test>")
    lines = ["", "", " ", "\t", "word", "two  words", " indented", "trailing \t ", "grå", ".", "..", "-- ", "=20", "x" * 900]
    body = "".join(line + "\r\n" for line in dice.choices(lines, k=dice.randrange(12)))
    return ("\r\n".join(fields) + "\r\n\r\n" + body).encode()


class Dkimpy(unittest.TestCase):
    """Two programs, one text."""

    @classmethod
    def setUpClass(cls):
        python = python_with("dkimpy", PACKAGES)
        subprocess.run(["cargo", "build", "--locked", "--quiet", "--package", "mailauth", "--example", "dkim"], cwd=ROOT, check=True)
        cls.peer = subprocess.Popen([python, Path(__file__).with_name("dkimpy.py")], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, text=True)
        directory = scratch("dkim")
        cls.files = {kind: directory / kind for kind in ("rsa", "ed25519")}
        cls.zone = {}
        for kind, path in cls.files.items():
            path.write_bytes(cls.tool(b"", "generate", kind))
            cls.zone[f"{kind}._domainkey.{DOMAIN}"] = cls.tool(b"", "record", path).decode()
        cls.names = directory / "zone"
        cls.names.write_text("".join(f"{name} {text}\n" for name, text in cls.zone.items()))
        # dkimpy wants the seed of an Ed25519 key, which is the end of its PKCS#8 form.
        der = base64.b64decode("".join(cls.files["ed25519"].read_text().splitlines()[1:-1]))
        cls.keys = {"rsa": cls.files["rsa"].read_text(), "ed25519": base64.b64encode(der[-32:]).decode()}

    @classmethod
    def tearDownClass(cls):
        if hasattr(cls, "peer"):
            cls.peer.stdin.close()
            cls.peer.wait(10)
            cls.peer.stdout.close()

    @classmethod
    def tool(cls, message, *words):
        done = subprocess.run([str(word) for word in (TOOL, *words)], input=message, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.stderr.decode()}\n{message.decode(errors='replace')}")
        return done.stdout

    def ask(self, do, message, **more):
        request = {"do": do, "message": base64.b64encode(message).decode(), "domain": DOMAIN, **more}
        self.peer.stdin.write(json.dumps(request) + "\n")
        self.peer.stdin.flush()
        return json.loads(self.peer.stdout.readline())

    def ours(self, message):
        """What we find, a list of words for each signature and the chain."""
        lines = self.tool(message, "verify", int(time.time()), self.names).decode().splitlines()
        return [line.split(" ", 4) for line in lines]

    def signed(self, message):
        return self.tool(message, "sign", int(time.time()), self.files["rsa"], DOMAIN, "rsa", self.files["ed25519"],
                         DOMAIN, "ed25519")

    def messages(self, test):
        """Different ones for each test, the same in each run."""
        for number in range(MESSAGES):
            dice = random.Random(f"{test} {number}")
            yield dice, some_message(dice)

    def test_it_verifies_what_we_sign(self):
        for _, message in self.messages("sign"):
            signed = self.signed(message)
            found = self.ask("verify", signed, zone=self.zone, signatures=2)
            self.assertEqual(found["dkim"], [True, True], signed)

    def test_we_verify_what_it_signs(self):
        for dice, message in self.messages("verify"):
            kind, forms = dice.choice(list(self.keys)), dice.choice(FORMS)
            signed = base64.b64decode(self.ask("sign", message, key=self.keys[kind], algorithm=f"{kind}-sha256",
                                               selector=kind, forms=forms))
            self.assertEqual(self.ours(signed)[0][:4], ["dkim", "pass", DOMAIN, kind], (forms, signed))

    def test_parts_of_bodies_are_told(self):
        for dice, message in self.messages("length"):
            forms = dice.choice(FORMS)
            signed = base64.b64decode(self.ask("sign", message, key=self.keys["rsa"], algorithm="rsa-sha256",
                                               selector="rsa", forms=forms, length=True))
            self.assertEqual(self.ours(signed)[0][1], "pass", (forms, signed))
            longer = signed + b"\r\nx\r\n"
            self.assertEqual(self.ours(longer)[0][1], "policy", (forms, longer))

    def test_both_see_a_change(self):
        for dice, message in self.messages("change"):
            signed = bytearray(self.signed(message))
            at = dice.choice([at for at, byte in enumerate(signed) if chr(byte).isalnum()])
            signed[at] ^= 1
            found = self.ask("verify", bytes(signed), zone=self.zone, signatures=2)
            theirs = [verdict is True for verdict in found["dkim"]]
            ours = [words[1] == "pass" for words in self.ours(bytes(signed))[:-1]]
            # A field whose name was changed is no signature any more, for both.
            self.assertEqual(ours, theirs[:len(ours)], bytes(signed))

    def test_chains_of_both(self):
        for dice, message in self.messages("arc"):
            who = [dice.choice(["we", "it"]) for _ in range(dice.randrange(1, 5))]
            for number, sealer in enumerate(who):
                state = "pass" if number else "none"
                if sealer == "we":
                    message = self.tool(message, "seal", int(time.time()), self.names, f"{DOMAIN}; arc={state}",
                                        self.files["rsa"], DOMAIN, "rsa")
                else:
                    results = f"Authentication-Results: {DOMAIN}; arc={state}\r\n".encode()
                    sealed = base64.b64decode(self.ask("seal", results + message, key=self.keys["rsa"], selector="rsa"))
                    message = sealed.replace(results, b"", 1)
                self.assertEqual(self.ours(message)[-1][:3], ["arc", "pass", str(number + 1)], (who, message))
                found = self.ask("verify", message, zone=self.zone, signatures=0)
                self.assertEqual(found["arc"], "pass", (who, found, message))
            broken = message.replace(b"From: Ann", b"From: Eve")
            self.assertEqual(self.ours(broken)[-1][1], "fail")
            self.assertEqual(self.ask("verify", broken, zone=self.zone, signatures=0)["arc"], "fail")


if __name__ == "__main__":
    unittest.main()
