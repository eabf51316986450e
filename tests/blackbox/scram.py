"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS from the client's side (RFC 5802, RFC 7677, RFC 5929 tls-server-end-point)."""

import base64
import hashlib
import hmac
import os


def _hmac(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


class Scram:
    """One exchange. `certificate` (DER) makes it PLUS."""

    def __init__(self, user, password, certificate=None):
        self.mechanism = "SCRAM-SHA-256-PLUS" if certificate else "SCRAM-SHA-256"
        self.header = b"p=tls-server-end-point,," if certificate else b"n,,"
        self.binding = self.header + (hashlib.sha256(certificate).digest() if certificate else b"")
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={self.nonce}".encode()

    def first(self):
        return self.header + self.bare

    def final(self, challenge):
        """Answers the server's first message and computes what its last must say."""
        parts = dict(part.split(b"=", 1) for part in challenge.split(b","))
        assert parts[b"r"].startswith(self.nonce.encode()), "the server kept our nonce"
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(parts[b"s"]), int(parts[b"i"]))
        without_proof = b"c=" + base64.b64encode(self.binding) + b",r=" + parts[b"r"]
        signed = self.bare + b"," + challenge + b"," + without_proof
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.verifier = b"v=" + base64.b64encode(_hmac(_hmac(salted, b"Server Key"), signed))
        return without_proof + b",p=" + base64.b64encode(proof)


def login_smtp(client, exchange):
    """Runs an exchange over SMTP AUTH (RFC 4954); returns the last reply."""
    encode = lambda data: base64.b64encode(data).decode()
    code, text = client.docmd(f"AUTH {exchange.mechanism}", encode(exchange.first()))
    if code != 334:
        return code, text
    code, text = client.docmd(encode(exchange.final(base64.b64decode(text))))
    if code == 334:
        assert base64.b64decode(text) == exchange.verifier, "the server proved that it knows the password"
        return client.docmd("")
    return code, text
