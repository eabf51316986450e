"""A small mail server that takes mail and keeps a truthful ledger of it; it can be down, busy, or lose its voice."""

import re
import socketserver
import threading
import time


class Sink:
    """Listens on one loopback port. `ledger` has (subject, when, whether it could say so) of each message it took.

    With `context`, a server's ssl.SSLContext, it offers STARTTLS. `secure` says of each message whether it came under TLS.

    Modes: `up`; `down` (nobody listens); `busy` (451 at RCPT); `mute` (takes the message and hangs up without a word).
    """

    def __init__(self, port, mode="up", ip="127.0.0.1", context=None):
        self.port, self.ip, self.context = port, ip, context
        self.secure = []
        self.mode = "down"
        self.ledger = []
        self.server = None
        self.lock = threading.Lock()
        self.set(mode)

    def set(self, mode):
        """Goes over to another mode; connections that are open notice it with their next message."""
        with self.lock:
            self.mode = mode
            if mode == "down":
                self._close()
            elif self.server is None:
                self._listen()

    def close(self):
        self.set("down")

    def subjects(self):
        return [subject for subject, _, _ in list(self.ledger)]

    def _listen(self):
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self):
                try:
                    sink.talk(self.rfile, self.wfile, self)
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

        self.server = Server((self.ip, self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=[0.02], daemon=True).start()

    def _close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def talk(self, lines, out, connection):
        """One connection."""
        say = lambda text: out.write(text.encode() + b"\r\n")
        under_tls = False
        say("220 sink.test")
        recipients = 0
        while line := lines.readline():
            verb = line[:4].upper()
            if self.mode == "down":
                return
            if verb == b"EHLO":
                offer = "250-STARTTLS\r\n" if self.context and not under_tls else ""
                say(f"250-sink.test\r\n{offer}250-PIPELINING\r\n250 SIZE")
            elif verb == b"STAR" and self.context:
                say("220 go")
                inside = self.context.wrap_socket(connection.request, server_side=True)
                lines, out, under_tls = inside.makefile("rb"), inside.makefile("wb", buffering=0), True
            elif verb == b"RCPT" and self.mode == "busy":
                say("451 4.3.2 busy")
            elif verb == b"RCPT":
                recipients += 1
                say("250 ok")
            elif verb == b"DATA" and not recipients:
                say("503 no recipients")
            elif verb == b"DATA":
                recipients = 0
                say("354 go on")
                self.secure.append(under_tls)
                if not self._take(lines, say):
                    return
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def _take(self, lines, say):
        data = []
        while (line := lines.readline()) != b".\r\n":
            if not line:
                return False
            data.append(line)
        subject = re.search(rb"(?im)^Subject: (\S+)", b"".join(data))
        mute = self.mode == "mute"
        self.ledger.append((subject[1].decode() if subject else "", time.monotonic(), not mute))
        if mute:
            return False
        say("250 ok")
        return True
