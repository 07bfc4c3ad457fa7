"""Expectations on free ports."""

from shared.embedded.ports import free_port


def test_no_port_is_given_twice() -> None:
    """Servers are started with several ports, of which none is listened on yet."""
    ports = [free_port() for _ in range(1000)]

    assert len(set(ports)) == len(ports)
