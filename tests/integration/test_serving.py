"""The listener that programs serve on."""

import socket

from shared.observability.serving import _listen


def test_no_answer_waits_for_an_acknowledgement() -> None:
    """What an accepted connection sends goes out at once, on any event loop (RFC 896, Nagle)."""
    with (
        _listen("127.0.0.1", 0, 1) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
