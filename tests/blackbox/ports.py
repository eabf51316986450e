"""Ports that nothing else takes between the moment they are found free and the moment a test listens on them."""

import itertools
import os
import socket

# Below Linux's ephemeral range (32768 and up), out of which outgoing connections and binds to port 0 are served.
FIRST, LAST = 20000, 32000
_start = os.getpid() * 97 % (LAST - FIRST)
_ports = itertools.cycle([*range(FIRST + _start, LAST), *range(FIRST, FIRST + _start)])


def free_port():
    """A port free for TCP and UDP on 127.0.0.1, given out once only."""
    for port in itertools.islice(_ports, LAST - FIRST):
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return port
    raise OSError(f"no port of {FIRST}-{LAST} on 127.0.0.1 is free")
