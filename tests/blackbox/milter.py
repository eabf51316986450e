"""A milter that does what a test tells it, in plain Python: the filter's side of the protocol, version 6 or 2."""

import socket
import struct
import threading


class Milter:
    """Listens on loopback; `script(command, data)` gives a list of packets (code, data), or None to close."""

    def __init__(self, script, version=6, actions=0x1FF, protocol=0):
        self.script, self.numbers = script, (version, actions, protocol)
        self.heard, self.macros = [], {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"inet:{self.port}@127.0.0.1"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        with connection, connection.makefile("rb") as reader:
            while head := reader.read(4):
                packet = reader.read(struct.unpack(">I", head)[0])
                command, data = packet[:1].decode(), packet[1:]
                if command == "O":
                    answers = [("O", struct.pack(">3I", *self.numbers))]
                elif command == "D":
                    words = data[1:].split(b"\0")
                    self.macros.update(zip(words[::2], words[1::2]))
                    continue
                else:
                    self.heard.append((command, data))
                    answers = [] if command in "AQ" else self.script(command, data)
                if answers is None:
                    return
                for code, answer in answers:
                    connection.sendall(struct.pack(">I", len(answer) + 1) + code.encode() + answer)
