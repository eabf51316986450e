"""Signed zones on loopback: nsd serves them, and unbound checks their signatures, as a mail server's own resolver does."""

import re
import subprocess
import time
from pathlib import Path

from house import _running, scratch, until
from peers import run
from ports import free_port
from zone import decode_name, encode_name

NSD = """
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{root}"
  database: ""
  pidfile: "{root}/nsd.pid"
  xfrdfile: "{root}/xfrd"
  zonelistfile: "{root}/zonelist"
  server-count: 1
remote-control:
  control-enable: no
"""

UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  username: ""
  chroot: ""
  directory: "{root}"
  pidfile: "{root}/unbound.pid"
  use-syslog: no
  logfile: "{root}/unbound.log"
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  access-control: 127.0.0.0/8 allow
  local-zone: "test." nodefault
  module-config: "{modules}"
  trust-anchor-file: "{root}/anchor"
  cache-max-negative-ttl: 1
  cache-max-ttl: 1
remote-control:
  control-enable: no
"""


class Zones:
    """`zones` is {name: lines}; each is signed with a key of its own, and its parent vouches for it, unless its name is in
    `unsigned`. `spoil` are pairs (zone, regular expression, replacement): what is changed after signing.
    """

    def __init__(self, zones, unsigned=(), spoil=(), validating=True):
        self.root = scratch("zones")
        self.nsd_port, self.port = free_port(), free_port()
        self.processes = []
        vouchers = {}
        # Children first: their parents hold what vouches for them.
        for name in sorted(zones, key=lambda name: -len(name)):
            vouchers[name] = self._write(name, zones[name], vouchers, name not in unsigned, spoil)
        (self.root / "anchor").write_text(vouchers["."])
        modules = "validator iterator" if validating else "iterator"
        conf = UNBOUND.format(port=self.port, root=self.root, modules=modules)
        nsd = NSD.format(port=self.nsd_port, root=self.root)
        for name in zones:
            nsd += f'zone:\n  name: "{name}"\n  zonefile: "{self._file(name)}"\n'
            conf += f'stub-zone:\n  name: "{name}"\n  stub-addr: 127.0.0.1@{self.nsd_port}\n'
        self._start("nsd", nsd, ["/usr/sbin/nsd", "-d", "-c"], self.nsd_port)
        self._start("unbound", conf, ["/usr/sbin/unbound", "-d", "-c"], self.port)

    def _file(self, name):
        return self.root / f"zone{'' if name == '.' else '.' + name.rstrip('.')}"

    def _write(self, name, lines, vouchers, signed, spoil):
        """One zone file. What vouches for it: DS records for its parent, none if it is not signed."""
        soa = f"{name} 60 IN SOA ns.{name.lstrip('.')} hostmaster.{name.lstrip('.')} 1 60 60 60 1"
        file = self._file(name)
        text = [soa, f"{name} 60 IN NS ns.{name.lstrip('.')}", f"ns.{name.lstrip('.')} 60 IN A 127.0.0.1", *lines]
        for child, ds in vouchers.items():
            parent = child.split(".", 1)[1] or "."
            if parent == name and child != ".":
                text += [f"{child} 60 IN NS ns.{child}", f"ns.{child} 60 IN A 127.0.0.1", *([ds] if ds else [])]
        file.write_text("\n".join(text) + "\n")
        if not signed:
            return ""
        made = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name], cwd=self.root, check=True,
                              capture_output=True, text=True).stdout.strip()
        out = Path(f"{file}.signed")
        run(["ldns-signzone", "-o", name, "-f", out, file, self.root / made])
        text = out.read_text()
        for zone, pattern, replacement in spoil:
            if zone == name:
                text, times = re.subn(pattern, replacement, text)
                assert times, f"nothing to spoil in {name}"
        file.write_text(text)
        return (self.root / f"{made}.ds").read_text().strip()

    def _start(self, name, conf, command, port):
        file = self.root / f"{name}.conf"
        file.write_text(conf)
        log = open(self.root / f"{name}.out", "ab")
        process = subprocess.Popen([*command, str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   cwd=self.root, start_new_session=True)
        self.processes.append(process)
        _running.append(process)
        until(lambda: self._answers(port), 20, f"{name} to answer")

    @staticmethod
    def _answers(port):
        import socket
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ask:
            ask.settimeout(1)
            try:
                ask.sendto(b"\0\1\1\0\0\1\0\0\0\0\0\0" + encode_name("test") + b"\0\6\0\1", ("127.0.0.1", port))
                return ask.recv(4096)[3] & 15 == 0
            except OSError:
                return False

    def close(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)
