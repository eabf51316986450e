"""dkimpy at the other end of a pipe: one JSON request a line, one JSON answer a line.

Run by the Python of a virtual environment that has dkimpy (`test_dkim.py` makes it). Messages are in base64.
"""

import base64
import json
import sys

import dkim


def lookup(zone):
    """TXT records by name, as dkimpy asks for them."""
    return lambda name, timeout=5: zone.get(name.decode().rstrip("."), "").encode() or None


def sign(message, request):
    """The message with a signature in front."""
    key = request["key"].encode()
    signer = dkim.DKIM(message, signature_algorithm=request["algorithm"].encode())
    canonicalize = tuple(form.encode() for form in request["forms"])
    field = signer.sign(request["selector"].encode(), request["domain"].encode(), key, canonicalize=canonicalize,
                        length=request.get("length", False))
    return base64.b64encode(field + message).decode()


def seal(message, request):
    """The message with an ARC set in front."""
    fields = dkim.arc_sign(message, request["selector"].encode(), request["domain"].encode(), request["key"].encode(),
                           request["domain"].encode())
    return base64.b64encode(b"".join(fields) + message).decode()


def verify(message, request):
    """Whether each signature holds, and the state of the chain."""
    names = lookup(request["zone"])
    found = []
    for index in range(request["signatures"]):
        try:
            found.append(dkim.DKIM(message).verify(idx=index, dnsfunc=names))
        except Exception as error:  # pylint: disable=broad-except; damaged signatures raise whatever their parsers do
            found.append(f"{type(error).__name__}: {error}")
    chain, _, why = dkim.arc_verify(message, dnsfunc=names)
    return {"dkim": found, "arc": chain.decode() if chain else "none", "why": why}


def main():
    """Answers until the pipe is closed."""
    for line in sys.stdin:
        request = json.loads(line)
        message = base64.b64decode(request["message"])
        answer = {"sign": sign, "seal": seal, "verify": verify}[request["do"]](message, request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
