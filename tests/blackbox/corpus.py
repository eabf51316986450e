"""Odd messages, the same ones on every run: at least 200, each valid on the wire of SMTP, few of them polite."""

import random

CRLF = b"\r\n"
TOP = b"From: a@side.test\r\nTo: ann@alpha.test\r\n"


def mime(kind, body, *headers):
    lines = [b"MIME-Version: 1.0", b"Content-Type: " + kind, *headers]
    return TOP + CRLF.join(lines) + CRLF * 2 + body


def nested(depth):
    """Multipart in multipart, `depth` deep."""
    opening = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level) for level in range(depth)
    )
    closing = b"".join(b"--b%d--\r\n" % level for level in reversed(range(depth)))
    return TOP + b"MIME-Version: 1.0\r\n" + opening + b"Content-Type: text/plain\r\n\r\ndeep\r\n" + closing


def forwarded(depth):
    return (TOP + b"Content-Type: message/rfc822\r\n\r\n") * depth + TOP + b"\r\nthe innermost\r\n"


def shapes():
    """Messages whose form is odd."""
    yield "empty body, with blank line", TOP + CRLF
    yield "headers only, no blank line", TOP
    yield "no headers at all", b"\r\njust a body\r\n"
    yield "first line is no header", b"hello there\r\nFrom: a@side.test\r\n\r\nx\r\n"
    yield "a single line break", CRLF
    yield "a single dot line", TOP + b"\r\n.\r\n"
    yield "dots at line starts", TOP + b"\r\n.\r\n..\r\n...\r\n.a\r\n..b\r\n \r\n.\r\n"
    yield "ends in dots", TOP + b"\r\nx\r\n.....\r\n"
    yield "mbox From line", b"From someone Mon Nov 23 10:00:00 2026\r\n" + TOP + b"\r\nx\r\n"
    yield "From in body", TOP + b"\r\nFrom here on\r\n>From there\r\n"
    yield "trailing blanks", TOP + b"\r\nx   \r\n\t\r\n   \r\n"
    yield "many blank lines at end", TOP + b"\r\nx" + CRLF * 500
    yield "NUL in body", TOP + b"\r\na\0b\0\0c\r\n"
    yield "NUL in header", TOP + b"Subject: a\0b\r\n\r\nx\r\n"
    yield "all 256 octets but CR and LF", TOP + b"\r\n" + bytes(set(range(256)) - {10, 13}) + CRLF
    yield "control characters", TOP + b"\r\n" + bytes(set(range(32)) - {10, 13}) + b"\x7f" + CRLF
    yield "form feed and vertical tab", TOP + b"Subject: a\x0bb\x0cc\r\n\r\n\x0b\x0c\r\n"
    yield "header of 1 MB in one line", TOP + b"X-Long: " + b"h" * 1_000_000 + b"\r\n\r\nx\r\n"
    yield "header of 1 MB in folds", TOP + b"X-Folds:" + b" fold\r\n" * 150_000 + b"\r\nx\r\n"
    yield "5000 header fields", TOP + b"".join(b"X-%d: v\r\n" % n for n in range(5000)) + b"\r\nx\r\n"
    yield "header without value", TOP + b"Subject:\r\nX-Empty: \r\n\r\nx\r\n"
    yield "header of blanks", TOP + b"Subject:    \r\n   \r\n\r\nx\r\n"
    yield "header name with blank", TOP + b"Subject : spaced\r\n\r\nx\r\n"
    yield "first header is a fold", b" folded\r\n" + TOP + b"\r\nx\r\n"
    yield "subject three times", TOP + b"Subject: 1\r\nSubject: 2\r\nSubject: 3\r\n\r\nx\r\n"
    yield "unbalanced quotes in address", b'From: "a <a@side.test>\r\nTo: (((((\r\nCc: <<<>>>\r\n\r\nx\r\n'
    yield "group addresses", b"From: a@side.test\r\nTo: Friends: b@c.test, d@e.test;, Nobody:;\r\n\r\nx\r\n"
    yield "2000 recipients in To", b"To: " + b",\r\n ".join(b"p%d@many.test" % n for n in range(2000)) + b"\r\n\r\nx\r\n"
    yield "nested comments", b"From: a@side.test\r\nSubject: (((((((((( (x) ))))))))))\r\nDate: (((\r\n\r\nx\r\n"
    yield "date nonsense", TOP + b"Date: Zyx, 99 Foo 99999 25:61:61 +9999\r\n\r\nx\r\n"
    yield "8-bit header", TOP + "Subject: Grüße aus Köln\r\n\r\nx\r\n".encode()
    yield "latin-1 header", TOP + b"Subject: Gr\xfc\xdfe\r\n\r\nx\r\n"
    yield "broken encoded words", TOP + b"Subject: =?utf-8?q?=ZZ?= =?x?b?!!!?= =?utf-8?b?w?=\r\n\r\nx\r\n"
    yield "body 8-bit", TOP + b"\r\n" + "čeština, русский, 日本語\r\n".encode() * 50
    yield "body not in any charset", mime(b"text/plain; charset=utf-8", b"\xff\xfe\x80\xc3\r\n")
    yield "unknown charset", mime(b"text/plain; charset=x-klingon", b"x\r\n")
    yield "UTF-16 in 8bit", mime(b"text/plain; charset=utf-16", "hé".encode("utf-16").replace(b"\n", b"") + CRLF)
    yield "one line of 1 MB", TOP + b"\r\n" + b"x" * 1_000_000 + CRLF
    yield "no blanks in 100 kB", TOP + b"\r\n" + b"abcdefghij" * 10_000 + CRLF
    yield "line of 998", TOP + b"\r\n" + b"y" * 998 + CRLF
    yield "line of 999", TOP + b"\r\n" + b"y" * 999 + CRLF
    yield "200000 short lines", TOP + b"\r\n" + b"z\r\n" * 200_000
    yield "body of blank lines", TOP + b"\r\n" + CRLF * 10_000
    yield "2 MB body", TOP + b"\r\n" + (b"0123456789" * 7 + CRLF) * 29_000


def structures():
    """Messages whose MIME is odd."""
    for depth in (1, 2, 5, 20, 99, 100, 101, 300, 1000):
        yield f"multipart {depth} deep", nested(depth)
        yield f"message/rfc822 {depth} deep", forwarded(depth)
    part = b"--b\r\n\r\nx\r\n"
    yield "10000 parts", mime(b"multipart/mixed; boundary=b", part * 10_000 + b"--b--\r\n")
    yield "no closing boundary", mime(b"multipart/mixed; boundary=b", part)
    yield "boundary that never comes", mime(b"multipart/mixed; boundary=b", b"nothing\r\n")
    yield "no boundary parameter", mime(b"multipart/mixed", part)
    yield "empty boundary", mime(b'multipart/mixed; boundary=""', b"--\r\n\r\nx\r\n----\r\n")
    yield "boundary with blanks", mime(b'multipart/mixed; boundary="a b c "', b"--a b c \r\n\r\nx\r\n--a b c --\r\n")
    yield "boundary of 200", mime(b"multipart/mixed; boundary=" + b"q" * 200, b"--" + b"q" * 200 + b"--\r\n")
    yield "boundary folded", mime(b"multipart/mixed;\r\n boundary=b", part + b"--b--\r\n")
    yield "boundary is prefix of another", mime(
        b"multipart/mixed; boundary=b", b"--b\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\nx\r\n--bb--\r\n--b--\r\n"
    )
    yield "boundary in mid-line", mime(b"multipart/mixed; boundary=b", b"--b\r\n\r\nx --b-- y\r\n--b--\r\n")
    yield "text after the end", mime(b"multipart/mixed; boundary=b", part + b"--b--\r\nepilogue --b\r\n--b\r\nmore\r\n")
    yield "part without headers", mime(b"multipart/mixed; boundary=b", b"--b\r\nno blank line\r\n--b--\r\n")
    yield "content type nonsense", mime(b";;;=;=", b"x\r\n")
    yield "content type empty", mime(b"", b"x\r\n")
    yield "content type twice", mime(b"text/plain", b"x\r\n", b"Content-Type: text/html")
    yield "1000 parameters", mime(b"text/plain" + b"".join(b";\r\n p%d=v" % n for n in range(1000)), b"x\r\n")
    yield "RFC 2231 pieces out of order", mime(b"text/plain; name*1=b; name*0=a; name*99*=%zz", b"x\r\n")
    yield "broken base64", mime(b"image/png", b"!!!not base64===\r\n=\r\n", b"Content-Transfer-Encoding: base64")
    yield "broken quoted-printable", mime(b"text/plain", b"=\r\n=Z=1\r\n=", b"Content-Transfer-Encoding: quoted-printable")
    yield "unknown encoding", mime(b"text/plain", b"x\r\n", b"Content-Transfer-Encoding: x-uue")
    yield "binary", mime(b"application/octet-stream", bytes(b for b in range(256) if b not in (10, 13)), b"Content-Transfer-Encoding: binary")
    yield "html with script", mime(b"text/html", b"<script>alert(1)</script>\r\n")
    yield "calendar", mime(b"text/calendar; method=REQUEST", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    yield "delivery report", mime(b"multipart/report; report-type=delivery-status; boundary=b", part * 3 + b"--b--\r\n")
    yield "signed", mime(b"multipart/signed; protocol=\"application/pgp-signature\"; boundary=b", part * 2 + b"--b--\r\n")
    yield "external body", mime(b"message/external-body; access-type=URL", b"Content-Type: text/plain\r\n\r\n")
    yield "partial", mime(b"message/partial; number=1; total=9; id=x", b"x\r\n")
    yield "attachment name with path", mime(b'application/zip; name="../../etc/passwd"', b"x\r\n")


def dice(count, seed=20261123):
    """Messages out of pieces thrown together by a fixed seed."""
    pieces = [b"a", b".", b"..", b" ", b"\t", b"\0", b"\xff", b":", b";", b"--b", b"--b--", b"=", b"=?utf-8?q?x?="]
    pieces += [b"\r\n"] * 6 + [b"\r\n.\r\n.", b"Content-Type: ", b"multipart/mixed; boundary=b", b"message/rfc822", b'"', b"(", b"<@>"]
    source = random.Random(seed)
    for number in range(count):
        body = b"".join(source.choice(pieces) for _ in range(source.randint(1, 400)))
        head = TOP if number % 3 else b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        yield f"dice {number}", head + (CRLF if number % 2 else b"") + body + CRLF


def corpus():
    """All messages as (name, bytes). Each ends in CRLF, as DATA makes it."""
    for name, message in [*shapes(), *structures(), *dice(130)]:
        yield name, message if message.endswith(CRLF) else message + CRLF
