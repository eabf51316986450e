"""A terminal for programs that read keys only from one."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

# What moves the cursor: programs jump over cells that are right already, often spaces. And colours, titles, modes.
MOVES = re.compile(rb"\x1b\[[0-9;]*[ABCDGHdf]")
CONTROLS = re.compile(rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?>=]*[ -/]*[@-~]|\x1b[()][0-9A-B]|\x1b[=>78DEHM]|\x0f|\x0e")


class Terminal:
    """One program on 24 lines of 80 columns. Leave its `with` block and it is gone."""

    def __init__(self, command, home, **environment):
        self.name, self.all, self.read_up_to = command[0], b"", 0
        self.status = None
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            os.environ.update(HOME=str(home), TERM="xterm", LINES="24", COLUMNS="80", **environment)
            os.chdir(home)
            os.execvp(command[0], [str(word) for word in command])
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.terminal)
        if self.status is None:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)

    def _more(self):
        """Waits a moment for output; false at its end."""
        if select.select([self.terminal], [], [], 0.2)[0]:
            try:
                chunk = os.read(self.terminal, 65536)
            except OSError:  # how Linux says that nobody holds the other end
                chunk = b""
            self.all += chunk
            return bool(chunk)
        return True

    def text(self):
        """What was written since the last key, without colours, and with a space for each jump."""
        return CONTROLS.sub(b"", MOVES.sub(b" ", self.all[self.read_up_to:])).decode(errors="replace")

    def type(self, keys):
        self.read_up_to = len(self.all)
        os.write(self.terminal, keys.encode())

    def until(self, condition, what, seconds=20):
        """Waits until this is so; meanwhile the program can write."""
        end = time.monotonic() + seconds
        while not condition():
            if not self._more() or time.monotonic() > end:
                raise AssertionError(f"{self.name}: waited for {what}: {self.text()[-2000:]!r}")
        return self

    def shows(self, pattern):
        """Waits until the program has written this since the last key."""
        return self.until(lambda: re.search(pattern, self.text()), repr(pattern))

    def ends(self, seconds=40):
        """Waits until the program ends by itself, and gives its status."""
        end = time.monotonic() + seconds
        while self._more():
            if time.monotonic() > end:
                raise AssertionError(f"{self.name} did not end: {self.text()[-2000:]!r}")
        while not (done := os.waitpid(self.process, os.WNOHANG))[0]:
            if time.monotonic() > end:
                raise AssertionError(f"{self.name} left its terminal and did not end")
            time.sleep(0.02)
        self.status = os.waitstatus_to_exitcode(done[1])
        return self.status
