"""The order of a server's system calls, as strace tells it: what was durable when a client was told so (promise P1).

`Strace` runs the server under strace and delays every sync, so that a server that did not wait for one would have
answered long before. `problems` follows one acknowledgement backwards: from the reply's bytes on the client's own
connection to the command's, and between them to the bytes written to the store, the syncs that cover them, and the
syncs of new files and of their directories.
"""

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TRACED = (
    "openat,write,writev,pwrite64,sendto,sendmsg,recvfrom,recvmsg,read,readv,fsync,fdatasync,"
    "rename,renameat,renameat2"
)
# Every sync takes at least so long: more than a reply that does not wait for it would take.
DELAY_US = 10_000
MAGIC = b"PHr\x01"
CALL = re.compile(r"^(\d+) +[\d.]+ (\w+)\((.*)$", re.S)
RESUMED = re.compile(r"^(\d+) +[\d.]+ <\.\.\. (\w+) resumed>(.*)$", re.S)
RESULT = re.compile(r"^(.*)\) += (-?\d+|\?)(?:<((?:[^<>]|<->|->)*)>)?(?: ([A-Z]+) \(.*?\))?.*$", re.S)
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass
class Call:
    """One system call; `began` and `ended` are its places in the order of all beginnings and ends."""

    name: str
    began: int
    arguments: str = ""
    ended: float = float("inf")
    result: int = -1
    opened: str = ""
    error: str = ""

    @cached_property
    def file(self):
        """What the first argument's descriptor stood for."""
        found = re.match(r"\w+<((?:->|[^>])*)>", self.arguments)
        return found[1].removesuffix("(deleted)") if found else ""

    @cached_property
    def data(self):
        """The bytes moved: as many as the call says, not as many as were asked for."""
        every = b"".join(unescape(text) for text in TEXT.findall(self.arguments))
        return every[: max(self.result, 0)]

    @property
    def path(self):
        """The last file name among the arguments."""
        return unescape(TEXT.findall(self.arguments)[-1]).decode()

    @property
    def offset(self):
        """Where a `pwrite` writes; nowhere for a write that goes on where the last one ended."""
        return int(self.arguments.rsplit(",", 1)[1]) if self.name == "pwrite64" else None


def unescape(text):
    """strace escapes as C does, and so does Python."""
    return text.encode().decode("unicode_escape").encode("latin-1")


def parse(text):
    """All calls of a trace, in the order of their beginnings."""
    calls, open_calls = [], {}
    for place, line in enumerate(text.splitlines()):
        if resumed := RESUMED.match(line):
            call = open_calls.pop((resumed[1], resumed[2]), None)
            rest = resumed[3]
        elif begun := CALL.match(line):
            call, rest = Call(begun[2], place), begun[3]
            calls.append(call)
            if rest.endswith("<unfinished ...>"):
                call.arguments = rest.removesuffix("<unfinished ...>").rstrip()
                open_calls[begun[1], begun[2]] = call
                continue
        else:
            continue
        if call and (done := RESULT.match(call.arguments + rest)):
            call.arguments, call.ended = done[1], place
            call.result, call.opened, call.error = int(done[2]) if done[2] != "?" else -1, done[3] or "", done[4] or ""
    return calls


def stream(calls, names, peer):
    """Calls that moved bytes on the connection to `peer`, and those bytes."""
    on = [call for call in calls if call.name in names and call.result > 0 and call.file.endswith(f"->127.0.0.1:{peer}]")]
    return on, b"".join(call.data for call in on)


def call_of(calls, offset):
    """The call that moved the byte at `offset` of a stream."""
    for call in calls:
        if offset < call.result:
            return call
        offset -= call.result
    raise AssertionError("the trace has no such byte")


RECEIVE = {"recvfrom", "recvmsg", "read", "readv"}
SEND = {"sendto", "sendmsg", "write", "writev"}
WRITE = {"pwrite64", "write", "writev"}
SYNC = {"fsync", "fdatasync"}


def problems(calls, store, peer, command, reply, contents=None):
    """What was wrong with one acknowledgement: nothing, if all it speaks of was durable before its first byte was sent.

    `command` ends what the client asked, `reply` is in what it was then told, `contents` are bytes it wants kept.
    """
    heard, asked = stream(calls, RECEIVE, peer)
    said, told = stream(calls, SEND, peer)
    at = asked.find(command)
    if at < 0:
        return [f"the server never read {command!r}"]
    received = call_of(heard, at + len(command) - 1)
    answers = [call for call in said if call.ended > received.ended]
    if reply not in b"".join(call.data for call in answers):
        return [f"the client was never told {reply!r}"]
    answer = answers[0]
    writes = [call for call in calls if call.name in WRITE and call.began < answer.began and is_truth(call.file, store)]
    found = [trouble for call in writes for trouble in unsynced(call, calls, answer)]
    records = [call for call in writes if call.began > received.began and call.file.startswith(f"{store}/log/") and call.data.startswith(MAGIC)]
    if not records:
        found.append(f"no record was written between {command!r} and its answer")
    else:
        found += new_files(calls, writes, records[0], store)
    if contents and not any(contents in text for text in written(writes).values()):
        found.append(f"{contents[:40]!r} was answered, but not written")
    return found + renames(calls, answer, store)


def is_truth(file, store):
    """Index files are caches that can be built anew."""
    return file.startswith(f"{store}/") and not file.startswith(f"{store}/index/")


def unsynced(write, calls, answer):
    """A write counts once a sync of the same file, begun after it, has ended well."""
    covering = [call for call in calls if call.name in SYNC and call.file == write.file and call.began > write.ended and call.began < answer.began]
    name = Path(write.file).name
    if not covering:
        return [f"{name}: answered without a sync after the write at {write.offset}"]
    # A second sync after one that failed proves nothing: the kernel may have dropped the pages (F16).
    first = covering[0]
    if first.ended > answer.began:
        return [f"{name}: answered before the sync had returned"]
    return [f"{name}: answered although the sync failed with {first.error}"] if first.result != 0 else []


def new_files(calls, writes, record, store):
    """A new file and its name are durable before a record is in it or speaks of it."""
    found = []
    for made in calls:
        if made.name != "openat" or "O_CREAT" not in made.arguments or made.result < 0 or made.began > record.began:
            continue
        if not is_truth(made.opened, store) or not any(call.file == made.opened for call in writes):
            continue
        first = next((call for call in writes if call.file == made.opened and call.data.startswith(MAGIC)), record)
        directory = str(Path(made.opened).parent)
        for file, names in [(made.opened, {"fsync"}), (directory, {"fsync"})]:
            synced = [call for call in calls if call.name in names and call.file == file and call.began > made.ended and call.ended < first.began]
            if not any(call.result == 0 for call in synced):
                found.append(f"{Path(made.opened).name}: used before {'its directory' if file == directory else 'the new file'} was synced")
    return found


def renames(calls, answer, store):
    found = []
    for call in calls:
        if call.name.startswith("rename") and call.result == 0 and call.began < answer.began and is_truth(call.path, store):
            directory = str(Path(call.path).parent)
            if not any(sync.name == "fsync" and sync.file == directory and sync.result == 0 and call.ended < sync.began and sync.ended < answer.began for sync in calls):
                found.append(f"{Path(call.path).name}: renamed, but its directory was not synced")
    return found


def written(writes):
    """What the writes have left in each file, pieces in order of their place."""
    files = {}
    for call in writes:
        files.setdefault(call.file, bytearray())
        text = files[call.file]
        start = len(text) if call.offset is None else call.offset
        end = start + len(call.data)
        text.extend(bytes(max(end - len(text), 0)))
        text[start:end] = call.data
    return files


class Strace:
    """A program that runs the server under strace; the server stays our own child, so that signals reach it."""

    def __init__(self, binary, directory):
        self.output = Path(directory) / "calls"
        self.program = Path(directory) / "traced"
        self.program.write_text(
            f"#!/bin/sh\nexec strace -D -f --seccomp-bpf -yy -s 4000000 -ttt -o {self.output} -e trace={TRACED} -e signal=none"
            f' -e inject=fsync,fdatasync:delay_enter={DELAY_US} {binary} "$@"\n'
        )
        self.program.chmod(0o755)

    @staticmethod
    def why_not():
        """Why nothing can be traced here, if that is so."""
        if not shutil.which("strace"):
            return "strace is not installed"
        tried = subprocess.run(["strace", "-D", "-f", "-o", os.devnull, "true"], capture_output=True, text=True)
        return f"strace may not trace here: {tried.stderr.strip()}" if tried.returncode or tried.stderr else ""

    def calls(self, pid, seconds=30.0):
        """All calls, once strace has seen the server end."""
        end = time.monotonic() + seconds
        while True:
            text = self.output.read_text()
            if re.search(rf"^{pid} +[\d.]+ \+\+\+ ", text, re.M):
                return parse(text)
            if time.monotonic() > end:
                raise AssertionError("strace did not see the server end")
            time.sleep(0.05)
