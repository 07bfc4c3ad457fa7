"""Signed device events of about 1 KB, each with an event id of its own.

A generator must not spend its time on signing: requests are a template, in four parts, and a line
of what differs: path, signature, event id.
"""

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, cycle, islice
from pathlib import Path
from uuid import uuid4

import orjson

_MARK = "EVENT-ID"
#: All ids have one length, so that one content-length holds for all.
_EVENT_ID_LENGTH = 24
EVENT = {
    "event": {"id": _MARK, "type": "device.updated", "occurred_at": "2026-01-15T09:30:00.000Z"},
    "organization": {"id": "org-1001", "name": "Northwind Traders"},
    "device": {
        "id": "device-42",
        "hostname": "ws-042",
        "status": "online",
        "os": {"name": "Windows 11 Pro", "version": "10.0.22631", "architecture": "x86_64"},
        "hardware": {
            "manufacturer": "Contoso",
            "model": "EliteDesk 800 G9",
            "serial_number": "SN-4CE1234567",
            "memory_bytes": 34359738368,
            "processor": {"name": "Core i7-12700", "cores": 12, "load_percent": 17.4},
        },
        "network": [
            {"name": "Ethernet", "mac": "00:1a:2b:3c:4d:5e", "addresses": ["192.0.2.42"]},
            {"name": "Wi-Fi", "mac": "00:1a:2b:3c:4d:5f", "addresses": []},
        ],
        "disks": [{"name": "C:", "size_bytes": 512110190592, "free_bytes": 211408289792}],
        "agent": {"version": "7.4.2", "last_seen_at": "2026-01-15T09:29:58.120Z", "pending": 0},
        "antivirus": {"name": "Defender", "enabled": True, "definitions": "1.403.1182.0"},
        "tags": ["office", "second-floor", "accounting", "standard-build"],
    },
}
_HEADERS = b"\r\n".join(
    (
        *(b"host: 127.0.0.1", b"user-agent: rmm-agent/7.4", b"accept: */*"),
        *(b"content-type: application/json", b"x-rmm-signature: "),
    )
)
_BEFORE, _AFTER = orjson.dumps(EVENT).split(_MARK.encode())
BODY_BYTES = len(_BEFORE) + _EVENT_ID_LENGTH + len(_AFTER)
#: Between the parts stand path, signature and event id.
_PARTS = (
    b"POST ",
    b" HTTP/1.1\r\n" + _HEADERS,
    b"\r\ncontent-length: %d\r\n\r\n" % BODY_BYTES + _BEFORE,
    _AFTER,
)


@dataclass(frozen=True, slots=True)
class Target:
    """A webhook to send to."""

    path: str
    secret: bytes


def lines(targets: Sequence[Target], event_count: int) -> Iterator[str]:
    """Yield path, signature and event id of new events, spread evenly over the targets."""
    run = uuid4().hex[:13]
    for number, target in islice(zip(count(), cycle(targets)), event_count):
        event_id = f"{run}-{number:010d}"
        body = _BEFORE + event_id.encode() + _AFTER
        signature = hmac.digest(target.secret, body, hashlib.sha256).hex()
        yield f"{target.path} {signature} {event_id}"


def requests(
    targets: Sequence[Target], event_count: int, *, path: str | None = None
) -> Iterator[bytes]:
    """Yield whole requests with new events; ``path`` instead of the targets' own if given."""
    for line in lines(targets, event_count):
        own_path, signature, event_id = line.encode().split(b" ")
        yield b"%b%b%b%b%b%b%b" % (
            *(_PARTS[0], own_path if path is None else path.encode()),
            *(_PARTS[1], signature, _PARTS[2], event_id, _PARTS[3]),
        )


def signed_request(target: Target, body: bytes, *, secret: bytes | None = None) -> bytes:
    """Return a whole request; signed with another secret than the target's if given."""
    signature = hmac.digest(secret or target.secret, body, hashlib.sha256).hex().encode()
    return b"POST %b HTTP/1.1\r\n%b%b\r\ncontent-length: %d\r\n\r\n%b" % (
        *(target.path.encode(), _HEADERS, signature),
        *(len(body), body),
    )


def write_template(file: Path) -> None:
    """Write the parts of a request with NUL between them, for wrk's script."""
    file.write_bytes(b"\0".join(_PARTS))


def write_lines(file: Path, targets: Sequence[Target], event_count: int) -> None:
    """Write new events, one a line, for wrk's script."""
    with file.open("w") as output:
        output.writelines(f"{line}\n" for line in lines(targets, event_count))
