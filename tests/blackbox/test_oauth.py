"""Bearer tokens (RFC 7628, and XOAUTH2) over IMAP, POP3 and submission, with an authorization server that is asked (RFC 7662)."""

import base64
import http.server
import imaplib
import json
import poplib
import smtplib
import threading
import time
import unittest
import urllib.parse

from house import Authority, House

ANN = "ann@alpha.test"


class Issuer:
    """An authorization server that knows some tokens."""

    def __init__(self):
        self.asked, self.status, self.tokens = [], 200, {}
        issuer = self

        class Endpoint(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                issuer.asked.append((self.path, self.headers["Authorization"], self.headers["Content-Type"], form))
                body = json.dumps(issuer.tokens.get(form["token"][0], {"active": False})).encode()
                self.send_response(issuer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def oauthbearer(user, token):
    return f"n,a={user},\x01host=localhost\x01port=1\x01auth=Bearer {token}\x01\x01".encode()


def xoauth2(user, token):
    return f"user={user}\x01auth=Bearer {token}\x01\x01".encode()


MECHANISMS = {"OAUTHBEARER": oauthbearer, "XOAUTH2": xoauth2}


class OAuth(unittest.TestCase):
    def setUp(self):
        self.issuer = Issuer()
        good = {"active": True, "email": ANN, "scope": "openid mail", "exp": int(time.time()) + 3600}
        self.issuer.tokens = {
            "good.token": good,
            "old": dict(good, exp=int(time.time()) - 1),
            "web": dict(good, scope="openid web"),
            "stranger": dict(good, email="nobody@alpha.test"),
        }
        port = self.issuer.server.server_address[1]
        self.house = House(plaintext=["imap", "submission", "pop3"], extra=f"""
[oauth]
introspection = "http://127.0.0.1:{port}/introspect"
client_id = "mail"
client_secret_file = "secret"
username = "email"
scope = "mail"
openid_configuration = "https://id.alpha.test/.well-known/openid-configuration"
""")
        (self.house.directory / "secret").write_text("p:w\n")
        self.house.start().people("ann", "bob")

    def tearDown(self):
        self.house.close()
        self.issuer.close()

    def imap(self, mechanism, message):
        """Whether it logs in, and the challenge that says why not."""
        client = imaplib.IMAP4_SSL(
            "127.0.0.1", self.house.ports["imaps"], ssl_context=Authority.get().context(), timeout=60
        )
        self.assertIn(f"AUTH={mechanism}", client.capabilities)
        challenges = []

        def answer(challenge):
            challenges.append(challenge)
            return message if len(challenges) == 1 else b"\x01"

        try:
            client.authenticate(mechanism, answer)
            client.logout()
            return True, None
        except imaplib.IMAP4.error as error:
            self.assertIn("AUTHENTICATIONFAILED" if len(challenges) > 1 else "UNAVAILABLE", str(error))
            return False, json.loads(challenges[1]) if len(challenges) > 1 else None

    def pop3(self, mechanism, message):
        client = poplib.POP3_SSL("127.0.0.1", self.house.ports["pop3s"], context=Authority.get().context(), timeout=60)
        self.assertIn(mechanism, client.capa()["SASL"])
        client._putcmd(f"AUTH {mechanism} {base64.b64encode(message).decode()}")
        line = client._getline()[0]
        challenge = None
        if line.startswith(b"+ "):
            challenge = json.loads(base64.b64decode(line[2:]))
            client._putcmd(base64.b64encode(b"\x01").decode())
            line = client._getline()[0]
        client.close()
        return line.startswith(b"+OK"), challenge

    def submission(self, mechanism, message):
        client = smtplib.SMTP("127.0.0.1", self.house.ports["submission"], "client.test", timeout=60)
        client.starttls(context=Authority.get().context())
        client.ehlo()
        self.assertIn(mechanism, client.esmtp_features["auth"])
        code, text = client.docmd("AUTH", f"{mechanism} {base64.b64encode(message).decode()}")
        challenge = None
        if code == 334:
            challenge = json.loads(base64.b64decode(text))
            code, text = client.docmd("" if mechanism == "XOAUTH2" else base64.b64encode(b"\x01").decode())
            self.assertEqual(code, 535)
        client.close()
        return code == 235, challenge

    def test_every_service_and_mechanism(self):
        for service in (self.imap, self.pop3, self.submission):
            for mechanism, form in MECHANISMS.items():
                with self.subTest(f"{service.__name__} {mechanism}"):
                    self.assertEqual(service(mechanism, form(ANN, "good.token")), (True, None))
                    good, challenge = service(mechanism, form(ANN, "unknown"))
                    self.assertFalse(good)
                    self.assertEqual(challenge["status"], "401" if mechanism == "XOAUTH2" else "invalid_token")
                    self.assertEqual(challenge["scope"], "mail")
                    self.assertTrue(challenge["openid-configuration"].startswith("https://id.alpha.test/"))
        with self.subTest("what was asked"):
            path, credentials, media_type, form = self.issuer.asked[0]
            self.assertEqual((path, media_type), ("/introspect", "application/x-www-form-urlencoded"))
            self.assertEqual(base64.b64decode(credentials.removeprefix("Basic ")), b"mail:p%3Aw")
            self.assertEqual(form, {"token": ["good.token"], "token_type_hint": ["access_token"]})
            good = [asked for asked in self.issuer.asked if asked[3]["token"] == ["good.token"]]
            self.assertEqual(len(good), 1, "the answer is remembered")

    def test_tokens_that_are_worth_nothing_here(self):
        for user, token in ((ANN, "old"), (ANN, "web"), (ANN, "stranger"), ("bob@alpha.test", "good.token")):
            with self.subTest(f"{user} {token}"):
                good, challenge = self.imap("OAUTHBEARER", oauthbearer(user, token))
                self.assertEqual((good, challenge["status"]), (False, "invalid_token"))

    def test_an_authorization_server_that_fails_refuses_nobody_for_good(self):
        self.issuer.status = 500
        self.assertEqual(self.imap("OAUTHBEARER", oauthbearer(ANN, "good.token")), (False, None))
        self.issuer.status = 200
        self.assertEqual(self.imap("OAUTHBEARER", oauthbearer(ANN, "good.token")), (True, None))

    def test_never_in_clear(self):
        client = imaplib.IMAP4("127.0.0.1", self.house.ports["imap"], timeout=60)
        self.assertIn("AUTH=PLAIN", client.capabilities)
        self.assertNotIn("AUTH=OAUTHBEARER", client.capabilities)
        with self.assertRaises(imaplib.IMAP4.error):
            client.authenticate("OAUTHBEARER", lambda _: oauthbearer(ANN, "good.token"))
        client = smtplib.SMTP("127.0.0.1", self.house.ports["submission"], "client.test", timeout=60)
        client.ehlo()
        self.assertIn("PLAIN", client.esmtp_features["auth"])
        self.assertNotIn("OAUTHBEARER", client.esmtp_features["auth"])
        message = base64.b64encode(oauthbearer(ANN, "good.token")).decode()
        self.assertEqual(client.docmd("AUTH", f"OAUTHBEARER {message}")[0], 504)
        client = poplib.POP3("127.0.0.1", self.house.ports["pop3"], timeout=60)
        self.assertNotIn("XOAUTH2", client.capa()["SASL"])
        self.assertEqual(self.issuer.asked, [])
