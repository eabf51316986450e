"""A small authoritative name server for the tests' zones: A, AAAA, MX, CNAME, TXT over UDP and TCP."""

import socket
import socketserver
import struct
import threading

from ports import free_port

TYPES = {"A": 1, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}


def encode_name(name):
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def decode_name(packet, at):
    labels = []
    while packet[at]:
        length = packet[at]
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "replace"))
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def encode_record(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        return struct.pack(">H", value[0]) + encode_name(value[1])
    if kind == "CNAME":
        return encode_name(value)
    if kind == "TXT":
        return bytes([len(value)]) + value.encode()
    return encode_name("ns.test") + encode_name("root.test") + struct.pack(">5I", 1, 60, 60, 60, 1)


class NameServer:
    """Answers from `zones`, a dictionary {name: {type: [values]}} that a test may change while it runs.

    A name whose value is the string "SERVFAIL" answers just that; an unknown name is NXDOMAIN.
    """

    def __init__(self, zones):
        self.zones = zones
        self.questions = []
        self.port = free_port()
        self.udp = socketserver.ThreadingUDPServer(("127.0.0.1", self.port), self._udp_handler())
        socketserver.TCPServer.allow_reuse_address = True
        self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), self._tcp_handler())
        for server in (self.udp, self.tcp):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()

    def close(self):
        for server in (self.udp, self.tcp):
            server.shutdown()
            server.server_close()

    def _udp_handler(self):
        names = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                packet, reply_socket = self.request
                reply_socket.sendto(names.answer(packet), self.client_address)

        return Handler

    def _tcp_handler(self):
        names = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while head := self.rfile.read(2):
                    reply = names.answer(self.rfile.read(struct.unpack(">H", head)[0]))
                    self.wfile.write(struct.pack(">H", len(reply)) + reply)

        return Handler

    def answer(self, packet):
        ident = packet[:2]
        name, at = decode_name(packet, 12)
        (kind,) = struct.unpack(">H", packet[at : at + 2])
        question = packet[12 : at + 4]
        kind = next((text for text, number in TYPES.items() if number == kind), "?")
        self.questions.append((name, kind))
        zone = self.zones.get(name)
        if zone == "SERVFAIL":
            return ident + struct.pack(">HHHHH", 0x8402, 1, 0, 0, 0) + question
        records = self._records(name, kind)
        status = 0x8400 if zone is not None else 0x8403
        authority = b"" if records else self._record("test", "SOA", "")
        head = ident + struct.pack(">HHHHH", status, 1, len(records), 1 if authority else 0, 0)
        return head + question + b"".join(records) + authority

    def _records(self, name, kind):
        records = []
        for _ in range(20):
            zone = self.zones.get(name)
            if not isinstance(zone, dict):
                break
            if "CNAME" in zone and kind != "CNAME":
                target = zone["CNAME"][0]
                records.append(self._record(name, "CNAME", target))
                name = target
                continue
            records += [self._record(name, kind, value) for value in zone.get(kind, [])]
            break
        return records

    @staticmethod
    def _record(name, kind, value):
        data = encode_record(kind, value)
        return encode_name(name) + struct.pack(">HHIH", TYPES[kind], 1, 1, len(data)) + data
