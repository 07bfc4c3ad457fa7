"""Free TCP ports on the loopback interface."""

import random
import socket
from itertools import count

#: Below the range from which Linux takes the local ports of outgoing connections: from inside
#: it, a client that keeps trying a stopped server's port can end up connected to itself.
_PORTS = range(20_000, 32_000)
#: From a place of each process's own, one after the other: none is given twice before its server
#: had time to listen, as one drawn at random would be.
_TURNS = count(random.SystemRandom().randrange(len(_PORTS)))


def free_port() -> int:
    """Return a port that nothing listens on just now; another process may take it before you."""
    for _ in range(200):
        port = _PORTS[next(_TURNS) % len(_PORTS)]
        if is_free(port):
            return port
    raise RuntimeError(f"no free port found from {_PORTS.start} to {_PORTS.stop}")


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def accepts(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether a server takes connections on the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
