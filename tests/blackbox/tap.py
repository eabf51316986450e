"""A wire tap: a relay on loopback that writes down what an SMTP client and a server say to each other.

It can take keywords out of the server's answer to EHLO, so that the server seems not to have an extension.
"""

import re
import socket
import socketserver
import threading

VERBS = re.compile(rb"(?i)(EHLO|HELO|STARTTLS|MAIL FROM:|RCPT TO:|DATA|BDAT|QUIT|RSET)")
REPLY = re.compile(rb"\d{3}[ -](.*)")
LAST = re.compile(rb"\d{3} .*\n\Z")


class Tap:
    """Listens on a port of its own and passes everything on to `target`, another port on loopback.

    `commands` are the commands seen in clear, in order, without the messages between them; `replies` are the lines
    of all replies. `without` are the keywords that nobody is offered.
    """

    def __init__(self):
        self.target, self.without = None, frozenset()
        self.commands, self.replies = [], []
        tap = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                try:
                    with socket.create_connection(("127.0.0.1", tap.target), 20) as server:
                        server.settimeout(None)
                        Wire(tap, self.request, server).run()
                except OSError:
                    pass  # the client sees its connection end

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Wire:
    """One connection."""

    def __init__(self, tap, client, server):
        self.tap, self.client, self.server = tap, client, server
        self.line, self.held = b"", b""  # of the client and of the server, not yet whole
        self.chunk = 0  # bytes of BDAT still to come
        self.text = False  # between 354 and the dot
        self.verb = b""
        self.secret = False

    def run(self):
        back = threading.Thread(target=self.shovel, args=[self.server, self.client, self.heard], daemon=True)
        back.start()
        self.shovel(self.client, self.server, self.said)
        back.join()

    def shovel(self, source, target, read):
        """Moves bytes until one side ends, and passes that end on."""
        try:
            while data := source.recv(1 << 16):
                target.sendall(data if self.secret else read(data))
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, target):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # it has ended already

    def said(self, data):
        """Notes the client's commands."""
        self.line += data
        while self.line:
            if self.chunk:
                taken = min(self.chunk, len(self.line))
                self.line, self.chunk = self.line[taken:], self.chunk - taken
                continue
            line, end, rest = self.line.partition(b"\n")
            if not end:
                break
            self.line = rest
            self.command(line.rstrip(b"\r"))
        return data

    def command(self, line):
        if self.text:
            self.text = line != b"."
        elif VERBS.match(line):
            self.tap.commands.append(line.decode(errors="surrogateescape"))
            self.verb = line[:4].upper()
            if self.verb == b"BDAT":
                self.chunk = int(line.split()[1])

    def heard(self, data):
        """Notes the server's replies, and takes from its answer to EHLO what nobody is to see."""
        self.held += data
        if not LAST.search(self.held):
            return b""
        lines, self.held = self.held.splitlines(), b""
        self.tap.replies += [line.decode(errors="surrogateescape") for line in lines]
        if self.verb == b"EHLO" and lines[-1].startswith(b"250 "):
            self.verb = b""
            lines = self.offer(lines)
        self.text = self.text or lines[-1].startswith(b"354")
        self.secret = self.verb == b"STAR" and lines[-1].startswith(b"220")
        return b"".join(line + b"\r\n" for line in lines)

    def offer(self, lines):
        words = [REPLY.match(line)[1] for line in lines]
        kept = [word for word in words if word.split(b" ")[0].decode().upper() not in self.tap.without]
        return [b"250-" + word for word in kept[:-1]] + [b"250 " + kept[-1]]
