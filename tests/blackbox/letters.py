"""Letters that say which one they are: the subject is a token, and the body follows from it."""

import re
import zlib

from house import letter

WORD = re.compile(rb"(?im)^Subject: (\S+)")


def text(token):
    """The body of a token's letter: mostly small, sometimes larger than a record of the log takes."""
    mark = zlib.crc32(token.encode())
    lines = 3000 if mark % 15 == 0 else 1 + mark % 60
    return f"{token} and nothing else in this line, that is the letter\r\n" * lines


def write(token):
    return letter(token, body=text(token))


def read(message):
    """The token of a letter, after a look at every byte of its body."""
    head, _, body = message.partition(b"\r\n\r\n")
    token = WORD.search(head)[1].decode()
    assert body == text(token).encode(), f"the body of {token} is not what was sent"
    return token
