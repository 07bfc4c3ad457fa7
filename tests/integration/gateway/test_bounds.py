"""What a request may be, and what becomes of one that is more."""

import asyncio
import gzip
import logging

import pytest
import structlog

from tests.integration.gateway.raw import Socket, connected, head, request, signed, status
from tests.integration.gateway.world import (
    SIGNATURE_HEADER,
    Gateway,
    Ledger,
    answer,
    eventually,
    path_of,
    serving,
    signature,
)

_CHUNKED = b"Transfer-Encoding: chunked"


async def test_method_when_not_taken(ledger: Ledger) -> None:
    """Other methods are 405 and say which are taken; nothing is recorded."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        for method in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "QUERY"):
            response = await gateway.http.request(method, path_of())
            assert response.status_code in {405, 400}, method
            if response.status_code == 405:
                assert response.headers["allow"] == "POST, PUT, PATCH"
    assert await ledger.deliveries() == []


async def test_body_at_and_above_the_cap(ledger: Ledger) -> None:
    """The cap itself passes, a byte more is 413, announced, chunked and far more alike."""
    await ledger.insert_webhook()
    async with serving(ledger, max_body_bytes=100_000) as gateway:
        most = b'"' + b"x" * 99_998 + b'"'
        assert (await gateway.post(most)).status_code == 200
        for body in (most + b" ", most * 9):
            response = await gateway.post(body)
            assert response.status_code == 413, len(body)
            assert answer(response) == {"error": "body_too_large"}
            async with connected(gateway.port) as socket:
                await socket.send(head(signed(body), _CHUNKED) + _chunks(body, 5000))
                assert (await socket.read_answer())[0] == 413
        assert (await gateway.post(b"{}")).status_code == 200
    assert await ledger.count("deliveries") == 2


async def test_body_when_announced_beyond_all_memory(ledger: Ledger) -> None:
    """An announcement alone keeps nobody else out."""
    await ledger.insert_webhook()
    async with (
        serving(ledger, max_pending_bytes=10 * 1024 * 1024) as gateway,
        connected(gateway.port) as huge,
        connected(gateway.port) as large,
    ):
        await huge.send(head(b"Content-Length: 99999999999") + b"x")
        await large.send(head(b"Content-Length: 10485760") + b"x")
        assert (await gateway.post(b'{"others": "pass"}')).status_code == 200


async def test_body_when_memory_is_used_up(ledger: Ledger) -> None:
    """Bodies held beyond the bound are 503 with Retry-After, and room made is room again."""
    await ledger.insert_webhook()
    bounds = {"max_pending_bytes": 1_000_000, "max_body_bytes": 1_000_000}
    async with serving(ledger, **bounds) as gateway:
        async with connected(gateway.port) as holder:
            await holder.send(head(_CHUNKED) + _chunks(b"x" * 990_000, 50_000)[:-5])
            await eventually(lambda: _is_busy(gateway))
        await eventually(lambda: _is_accepting(gateway))


async def _is_busy(gateway: Gateway) -> bool:
    response = await gateway.post(b'"' + b"x" * 20_000 + b'"')
    return response.status_code == 503 and response.headers["retry-after"] == "1"


async def _is_accepting(gateway: Gateway) -> bool:
    return (await gateway.post(b'"' + b"x" * 20_000 + b'"')).status_code == 200


async def test_body_when_chunked(ledger: Ledger) -> None:
    """A chunked body is taken byte for byte; what its trailers say is not."""
    await ledger.insert_webhook("allowed", auth_type="ip_allowlist")
    await ledger.insert_webhook()
    body = b'{"a": [1, 2, 3]}'
    trailer = b"X-Late: 1\r\nX-Forwarded-For: 203.0.113.9\r\nCookie: late=1\r\n\r\n"
    async with (
        serving(ledger, trusted_proxies=("127.0.0.0/8",)) as gateway,
        connected(gateway.port) as socket,
    ):
        whole = head(signed(body), _CHUNKED) + _chunks(body, 1)[:-2] + trailer
        for byte in whole:
            await socket.send(bytes([byte]))
        assert (await socket.read_answer())[0] == 200
        # The connection goes on with the next request.
        await socket.send(request())
        assert (await socket.read_answer())[0] == 200
    row = (await ledger.deliveries())[0]
    assert row["request_body"] == body
    assert b"late" not in row["request_headers"].lower()
    assert row["source_address"] == "127.0.0.1"


async def test_headers_when_too_many_or_too_large(ledger: Ledger) -> None:
    """64 headers and 16 KiB pass, more is 431; so is a URL that fills them."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        sent = {"host", "accept", "accept-encoding", "connection", "user-agent", "content-length"}
        room = 64 - len(sent) - 1
        most = {f"x-{number}": "1" for number in range(room)}
        assert (await gateway.post(b"{}", headers=most)).status_code == 200
        assert (await gateway.post(b"{}", headers={**most, "x-more": "1"})).status_code == 431
        large = {"x-large": "x" * 15_000}
        assert (await gateway.post(b"{}", headers=large)).status_code == 200
        large = {"x-large": "x" * 16_400}
        assert (await gateway.post(b"{}", headers=large)).status_code == 431
        response = await gateway.http.post(path_of() + "?q=" + "x" * 16_400, content=b"{}")
        assert response.status_code == 431


async def test_headers_when_they_never_end(ledger: Ledger) -> None:
    """Headers, and trailers, of a megabyte are cut off with 431 while they come."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        for beginning in (
            head()[:-2],
            head()[:-2] + b"X-One: ",
            b"POST /api/inbound/",
            head(_CHUNKED) + b"0\r\n",
            head(_CHUNKED) + b"0\r\nX-One: ",
            head(_CHUNKED) + b"2;",
        ):
            async with connected(gateway.port) as socket:
                await socket.send(beginning)
                line = b"x" if beginning.endswith((b": ", b"/", b";")) else b"X-Filler: 1\r\n"
                for _ in range(40):
                    await socket.send(line * (32_768 // len(line)))
                assert status(await socket.read_to_end()) == 431, beginning[-20:]


async def test_head_when_split_anywhere(ledger: Ledger) -> None:
    """A head that comes in two pieces, with a large body in the second, is no large head."""
    await ledger.insert_webhook()
    body = b'"' + b"x" * 200_000 + b'"'
    whole = request(body)
    end = whole.index(b"\r\n\r\n")
    async with serving(ledger) as gateway:
        for split in range(end - 1, end + 6):
            async with connected(gateway.port) as socket:
                await socket.send(whole[:split])
                await asyncio.sleep(0.01)  # let the first piece be read by itself
                await socket.send(whole[split:])
                assert (await socket.read_answer())[0] == 200, split - end


async def test_upgrade_when_a_body_follows(ledger: Ledger) -> None:
    """An upgrade whose body the parser would lose is 400, with length and chunked alike."""
    await ledger.insert_webhook()
    body = b'{"a": 1}'
    framings = [(b"Content-Length: %d" % len(body), body), (_CHUNKED, _chunks(body, 4))]
    async with serving(ledger) as gateway:
        for lines in (
            (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
            (b"Connection: Upgrade", b"Upgrade: websocket"),
            (b"Connection: upgrade", b"Upgrade: TLS/1.0"),
        ):
            for framing, data in framings:
                async with connected(gateway.port) as socket:
                    await socket.send(head(signed(body), framing, *lines) + data)
                    assert await socket.read_answer() == (400, b'{"error":"upgrade_with_body"}')
    assert await ledger.deliveries() == []


async def test_content_encoding_when_not_plain(ledger: Ledger) -> None:
    """A body that would have to be inflated is 415."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        body = gzip.compress(b"0" * 1_000_000)
        for encoding in ("gzip", "deflate", "br", "zstd", "gzip, identity", "x"):
            response = await gateway.post(body, headers={"content-encoding": encoding})
            assert response.status_code == 415, encoding
            assert answer(response) == {"error": "unsupported_content_encoding"}
    assert await ledger.deliveries() == []


async def test_framing_when_ambiguous(ledger: Ledger) -> None:
    """Whatever could be read as two different requests is refused, and no second one is seen."""
    await ledger.insert_webhook()
    second = request(b'"smuggled"')
    length = b"Content-Length: 2"
    cases = [
        head(signed(b"{}"), length, _CHUNKED) + b"0\r\n\r\n" + second,
        head(signed(b"{}"), _CHUNKED, length) + b"2\r\n{}\r\n0\r\n\r\n" + second,
        head(signed(b"{}"), length, b"Content-Length: 5") + b"{}" + second,
        head(signed(b"{}"), length, length) + b"{}" + second,
        head(signed(b"{}"), b"Content-Length: 2, 2") + b"{}" + second,
        head(signed(b"{}"), b"Content-Length: +2") + b"{}" + second,
        head(signed(b"{}"), b"Content-Length: 0x2") + b"{}" + second,
        head(signed(b"{}"), b"Content-Length: 2 ; a") + b"{}" + second,
        head(signed(b"{}"), b"Content-Length:") + b"{}" + second,
        head(signed(b"{}"), b"Content-Length: -1") + second,
        head(signed(b"{}"), b"Content-Length: 99999999999999999999999") + second,
        head(signed(b"{}"), b"Transfer-Encoding: xchunked") + second,
        head(signed(b"{}"), b"Transfer-Encoding: chunked, identity") + second,
        head(signed(b"{}"), b"Transfer-Encoding : chunked") + b"0\r\n\r\n" + second,
        head(signed(b"{}"), length, b"X-Fold: a\r\n b") + b"{}" + second,
        head(signed(b"{}"), length, b"X-Bare: a\nX-B: b") + b"{}" + second,
        head(signed(b"{}"), length, b"X-Nul: a\0b") + b"{}" + second,
        head(signed(b"{}"), length, b"Host: other.example.com") + b"{}" + second,
        head(signed(b"{}"), length).replace(b"\r\n", b"\n") + b"{}" + second,
        head(signed(b"{}"), length).replace(b"Host: hooks.example.com\r\n", b"") + b"{}",
        head(signed(b"{}"), length, path=path_of() + "\xff") + b"{}" + second,
        head(signed(b"{}"), length, path=path_of() + " x") + b"{}" + second,
        head(signed(b"{}"), length, version=b"0.9") + b"{}" + second,
        head(signed(b"{}"), length, version=b"2.0") + b"{}" + second,
        b"GARBAGE\r\n\r\n" + second,
        b"\x16\x03\x01\x02\x00\x01\x00" + second,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + second,
    ]
    async with serving(ledger) as gateway:
        for case in cases:
            async with connected(gateway.port) as socket:
                await socket.send(case)
                received = await socket.read_to_end()
                assert status(received) == 400, f"{case!r} gave {received!r}"
        assert (await gateway.post(b"{}")).status_code == 200
    assert await ledger.count("deliveries") == 1


async def test_requests_when_pipelined(ledger: Ledger) -> None:
    """Two requests sent at once are answered in order, each with its own delivery."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway, connected(gateway.port) as socket:
        await socket.send(request(b'{"n": 1}') + request(b'{"n": 2}'))
        answers = [await socket.read_answer() for _ in range(2)]
    assert [code for code, _ in answers] == [200, 200]
    bodies = [row["request_body"] for row in await ledger.deliveries()]
    assert bodies == [b'{"n": 1}', b'{"n": 2}']
    ids = [str(row["delivery_id"]).encode() for row in await ledger.deliveries()]
    assert all(found in body for found, (_, body) in zip(ids, answers, strict=True))


async def test_sender_when_slow_or_silent(ledger: Ledger) -> None:
    """Silence, half a head and half a body are ended with 408 in time; nothing is recorded."""
    await ledger.insert_webhook()
    whole = request(b'{"a": 1}')
    loop = asyncio.get_running_loop()
    async with serving(ledger, receive_timeout_seconds=0.6) as gateway:
        for sent in (b"", whole[:20], whole[:-3], head(_CHUNKED) + b"2\r\n{"):
            async with connected(gateway.port) as socket:
                started = loop.time()
                await socket.send(sent)
                received = await socket.read_to_end()
                assert status(received) == 408, received
                assert 0.5 < loop.time() - started < 5
        # A whole request before the slow one is answered as ever.
        async with connected(gateway.port) as socket:
            await socket.send(request(b'{"a": 1}'))
            assert (await socket.read_answer())[0] == 200
            await socket.send(whole[:-3])
            assert status(await socket.read_to_end()) == 408
        # One that drips bytes is held to the same time.
        async with connected(gateway.port) as socket:
            reading = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                dripped = group.create_task(_read(socket, reading))
                for byte in whole:
                    await socket.send(bytes([byte]))
                    await asyncio.sleep(0.02)
                    if reading.is_set():
                        break
            assert status(dripped.result()) == 408
    assert await ledger.count("deliveries") == 1


async def _read(socket: Socket, ended: asyncio.Event) -> bytes:
    received = await socket.read_to_end()
    ended.set()
    return received


async def test_connection_when_idle_between_requests(ledger: Ledger) -> None:
    """An idle connection outlives the time for a request: the keep-alive time is its own."""
    await ledger.insert_webhook()
    async with (
        serving(ledger, receive_timeout_seconds=0.3) as gateway,
        connected(gateway.port) as socket,
    ):
        await socket.send(request())
        assert (await socket.read_answer())[0] == 200
        await asyncio.sleep(1.5)  # several looks of the watch, nothing to wait for
        await socket.send(request())
        assert (await socket.read_answer())[0] == 200


async def test_sender_when_gone_in_the_middle(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    """A sender that leaves before its body is whole leaves no row and no error in the log."""
    await ledger.insert_webhook()
    whole = request(b'{"a": 1}')
    caplog.set_level(logging.WARNING)
    with structlog.testing.capture_logs() as logs:
        async with serving(ledger) as gateway:
            for sent in (whole[:-3], whole[:30], head(_CHUNKED) + b"5\r\n{", b""):
                async with connected(gateway.port) as socket:
                    await socket.send(sent)
                    await asyncio.sleep(0.05)  # let it be read
                    socket.writer.transport.abort()
            # One that leaves before its answer is recorded all the same.
            async with connected(gateway.port) as socket:
                await socket.send(whole)
                socket.writer.transport.abort()
            assert (await gateway.post(b"{}")).status_code == 200
    assert {row["request_body"] for row in await ledger.deliveries()} <= {b'{"a": 1}', b"{}"}
    assert [entry for entry in logs if entry["log_level"] in {"error", "critical"}] == []
    assert [entry for entry in caplog.records if entry.levelno >= logging.ERROR] == []


async def test_path_when_not_a_receiver(ledger: Ledger) -> None:
    """Outside the receiver's prefix there is nothing, and no redirect to it."""
    await ledger.insert_webhook()
    async with serving(ledger) as gateway:
        for path in ("/", "/api/inbound", "/api/v1/inbound-webhooks", "/metrics", "/livez"):
            assert (await gateway.http.post(path)).status_code == 404, path
        for path in (
            "/api/inbound/",
            "/api/inbound/acme",
            path_of() + "/",
            path_of() + "/x",
            path_of() + "%00",
            "/api/inbound/acme/rmm%2Ddevice-updates",
            "/api/inbound//" + path_of()[len("/api/inbound/acme/") :],
            "/api/inbound/acme//rmm-device-updates",
            "/api/inbound/ACME/rmm-device-updates",
            "/api/inbound/%61cme/rmm-device-updates",
            "/api/inbound/x/../acme/rmm-device-updates",
        ):
            response = await gateway.http.post(
                path, content=b"{}", headers={SIGNATURE_HEADER: signature(b"{}")}
            )
            expected = 200 if path.startswith("/api/inbound/x/") else 401  # the client tidies it
            assert response.status_code in {401, expected}, path


def _chunks(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
