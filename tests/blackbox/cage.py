"""Programs that cannot be installed beside Postfix: `./test` unpacks their packages, and they run in a mount namespace.

Debian's mail servers conflict with each other, and each has users and directories built in. The namespace gives it
those without a change to the machine: nobody else sees them, and they end with it.
"""

import os
import shlex
import shutil
import socket
import subprocess

from house import ROOT, scratch, until
from ports import free_port

UNPACKED = ROOT / "target/peers"
KEEPER = 64990  # owns the Maildirs
USERS = {"keeper": KEEPER, "Debian-exim": 64991, "opensmtpd": 64992, "opensmtpq": 64993}
# Nobody listens there: who asks for a name or an address hears at once that there is no name server.
RESOLVER = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"


def reason_to_skip():
    """Which privilege is missing, if one is."""
    if os.geteuid() != 0:
        return "Exim and OpenSMTPD run in a mount namespace, with users of their own: that needs root"
    done = subprocess.run(["unshare", "-m", "mount", "--bind", "/etc", "/etc"], capture_output=True, text=True)
    return f"there is no mount namespace for Exim and OpenSMTPD: {done.stderr.strip()}" if done.returncode else None


class Cage:
    """One program that listens on `port`, and its directories under `root`. Mail arrives in `root`/mail."""

    def __init__(self, name, program):
        self.program = UNPACKED / program
        if not self.program.exists():
            raise AssertionError(f"{self.program} is missing: ./test blackbox fetches its package and unpacks it")
        self.root, self.port, self.process = scratch(name), free_port(), None
        for directory in ("etc", "spool", "lib", "run", "mail"):
            (self.root / directory).mkdir()
        shutil.chown(self.root / "mail", KEEPER, KEEPER)
        self._table("passwd", "{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n")
        self._table("group", "{name}:x:{number}:\n")
        (self.root / "etc/resolv.conf").write_text(RESOLVER)
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n")

    def _table(self, name, line):
        """The system's users or groups, and ours."""
        with open(f"/etc/{name}", encoding="utf-8") as table:
            system = [entry for entry in table if entry.split(":")[0] not in USERS]
        ours = [line.format(name=user, number=number) for user, number in USERS.items()]
        (self.root / "etc" / name).write_text("".join(system + ours), encoding="utf-8")

    def _inside(self, command):
        """A command that runs `command` in a new namespace, under the same process id."""
        binds = [(self.root / "etc" / name, f"/etc/{name}") for name in ("passwd", "group", "resolv.conf", "hosts")]
        binds += [(self.root / "spool", "/var/spool"), (self.root / "lib", "/var/lib"), (self.root / "run", "/run")]
        binds.append((UNPACKED / "usr/libexec", "/usr/libexec"))
        mounts = "".join(f"mount --bind {shlex.quote(str(own))} {place}\n" for own, place in binds)
        return ["unshare", "-m", "sh", "-ec", f'{mounts}exec "$@"', "sh", *[str(word) for word in command]]

    def start(self, *command):
        """Starts the program in the foreground and waits until it greets."""
        with open(self.root / "log", "ab") as log:
            self.process = subprocess.Popen(
                self._inside([self.program, *command]), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True,
            )
        try:
            until(self._answers, 20, f"{self.program.name} to answer")
        except AssertionError as error:
            text = f"{error}\n{self.log()[-2000:]}"
            self.close()
            raise AssertionError(text) from None

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.program.name} ended with status {self.process.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                return probe.recv(3) == b"220"
        except OSError:
            return False

    def mail(self):
        """All messages in the Maildir, as bytes, oldest first."""
        return [path.read_bytes() for path in sorted((self.root / "mail/new").glob("*"))]

    def log(self):
        path = self.root / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self):
        """Ends the program, which ends its own children."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        if not os.environ.get("POSTHOUSE_KEEP"):
            shutil.rmtree(self.root, ignore_errors=True)
