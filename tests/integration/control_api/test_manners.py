"""How the API behaves at its edges: methods, origins, problems, limits."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import orjson
import pytest

from control_api.access import Services
from control_api.app import build_app
from tests.integration.control_api.conftest import MAX_BODY_BYTES, Tenant
from tests.integration.control_api.test_webhooks import PATH, REFERENCE

CONSOLE = "https://console.example.com"
CLIENTS = "/api/v1/clients"


@pytest.fixture
async def http(services: Services, acme: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an API that lets one origin's pages in."""
    transport = httpx.ASGITransport(build_app(replace(services, cors_origins=(CONSOLE,))))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://api", headers={"x-api-key": acme.key}
    ) as client:
        yield client


async def test_head_when_asked(http: httpx.AsyncClient) -> None:
    """It is answered like GET, without a body; a stream is not run for it."""
    for path in (PATH, "/api/v1/audit-events/export", f"{PATH}/seven", "/nothing"):
        got, head = await http.get(path), await http.head(path)
        assert head.content == b""
        assert head.status_code == got.status_code, path
        for name in ("content-type", "content-length", "cache-control"):
            assert head.headers.get(name) == got.headers.get(name), (path, name)
        assert "x-request-id" in head.headers
    assert (await http.head(PATH, headers={"x-api-key": "pst_no"})).status_code == 401


async def test_method_when_the_path_has_others(http: httpx.AsyncClient) -> None:
    """The answer names every method that there is; OPTIONS asks for nothing else."""
    allowed = "GET, HEAD, OPTIONS, POST"
    refused = await http.request("TRACE", CLIENTS)
    assert refused.status_code == 405
    assert refused.headers["allow"] == allowed
    assert refused.headers["content-type"] == "application/problem+json"
    assert allowed in refused.json()["detail"]
    options = await http.options(CLIENTS)
    assert (options.status_code, options.headers["allow"]) == (204, allowed)
    assert (await http.options("/nothing")).status_code == 404
    assert "access-control-allow-origin" not in options.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/replays/plan", "OPTIONS, POST"),
        ("PUT", f"{PATH}/actions", "GET, HEAD, OPTIONS"),
        ("PATCH", f"{PATH}/export", "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/reference", "GET, HEAD, OPTIONS"),
    ],
)
async def test_method_when_the_path_has_no_id(
    http: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    """A word of the API is no id: what goes with ids does not go with it."""
    refused = await http.request(method, path, json={})
    assert refused.status_code == 405
    assert refused.headers["allow"] == allowed


async def test_origin_when_it_is_allowed(http: httpx.AsyncClient) -> None:
    """Its preflight and its requests are let through, without the browser's own credentials."""
    asked = {"origin": CONSOLE, "access-control-request-method": "PUT",
             "access-control-request-headers": "x-api-key,if-match"}  # fmt: skip
    preflight = await http.options(PATH, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == CONSOLE
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert {"x-api-key", "if-match"} <= set(
        preflight.headers["access-control-allow-headers"].split(", ")
    )
    assert "access-control-allow-credentials" not in preflight.headers
    for path, status in ((PATH, 200), ("/nothing", 404)):
        answer = await http.get(path, headers={"origin": CONSOLE})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == CONSOLE
        assert "x-request-id" in answer.headers["access-control-expose-headers"]
        assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example.com", f"{CONSOLE}.evil.example", "http://console.example.com",
     f"{CONSOLE}:8443", "null", "*", CONSOLE.upper()],
)  # fmt: skip
async def test_origin_when_it_is_another(http: httpx.AsyncClient, origin: str) -> None:
    """Nothing lets its pages in, neither the preflight nor an answer; caches keep them apart."""
    headers = {"origin": origin, "access-control-request-method": "GET"}
    for answer in (
        await http.options(PATH, headers=headers),
        await http.get(PATH, headers=headers),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]
        assert answer.headers["vary"] == "origin"


async def test_origin_when_none_is_allowed(acme: Tenant) -> None:
    """Without the setting no page of any origin is let in."""
    answer = await acme.http.get(PATH, headers={"origin": CONSOLE})
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_problem_when_anything_is_wrong(http: httpx.AsyncClient) -> None:
    """Every refusal is a problem with its code, and names the limit or the rule that was met."""
    large = b'{"name": "' + b"x" * MAX_BODY_BYTES + b'"}'
    cases = [
        (await http.get("/nothing"), 404, "not_found", ""),
        (await http.get(f"{PATH}/seven"), 404, "not_found", ""),
        (await http.delete(CLIENTS), 405, "method_not_allowed", "GET"),
        (await http.post(CLIENTS, content=large), 413, "payload_too_large", str(MAX_BODY_BYTES)),
        (await http.post(CLIENTS, content=b"x", headers={"content-encoding": "gzip"}), 415,
         "unsupported_media_type", "content-encoding"),
        (await http.post(CLIENTS, content=b"{"), 400, "invalid_json", ""),
        (await http.post(CLIENTS, json={}), 422, "invalid_input", "name"),
        (await http.get(PATH, params={"limit": 101}), 422, "invalid_input", "100"),
        (await http.get(PATH, params={"limt": 1}), 422, "invalid_input", "limt"),
        (await http.get(PATH, params={"cursor": "x"}), 422, "invalid_input", "next_cursor"),
        (await http.get(PATH, headers={"x-api-key": ""}), 401, "unauthorized", ""),
    ]  # fmt: skip
    for answer, status, code, told in cases:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "x-request-id" in answer.headers
        problem = answer.json()
        assert (problem["status"], problem["code"]) == (status, code)
        assert problem["type"].endswith(code)
        assert told in orjson.dumps(problem).decode()
        if status == 422:
            assert {"field", "rule", "message"} <= problem["errors"][0].keys()
    made = await http.post(PATH, json=REFERENCE)
    assert made.status_code == 201
