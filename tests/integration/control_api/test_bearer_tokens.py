"""Bearer tokens of a real issuer on loopback."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx
import jwt
import pytest

from control_api.access import Services
from control_api.app import build_app
from control_api.authentication import Authenticator
from control_api.bearer_tokens import BearerTokens, TokenRules
from control_api.issuer_keys import ATTEMPT_SECONDS, KEPT_SECONDS, IssuerKeys
from shared.clock import unix_ms
from shared.database.pool import Connection
from tests.integration.control_api.conftest import Tenant
from tests.integration.control_api.issuer import (
    AUDIENCE,
    Issuer,
    public_pem,
    serving_issuer,
    unsigned,
)
from tests.integration.control_api.test_webhooks import PATH, REFERENCE

PERMISSIONS = {"viewer": ["read"], "editor": ["read", "create"], "boss": ["admin"]}


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Api:
    """The API with an issuer, and the clock of its keys."""

    issuer: Issuer
    clock: HandClock
    http: httpx.AsyncClient
    keys: IssuerKeys

    async def get(self, token: str, path: str = PATH) -> httpx.Response:
        return await self.http.get(path, headers={"authorization": f"Bearer {token}"})

    async def status(self, token: str) -> int:
        return (await self.get(token)).status_code


@pytest.fixture
async def api(services: Services, acme: Tenant) -> AsyncIterator[Api]:
    clock = HandClock()
    async with serving_issuer() as issuer, httpx.AsyncClient(trust_env=False) as to_issuer:
        issuer.add_key("one", "ES256")
        keys = IssuerKeys(to_issuer, issuer=issuer.address, clock=clock)
        rules = TokenRules(
            issuer=issuer.address,
            audience=AUDIENCE,
            tenant_claim="tenant",
            permissions_claim="roles",
            permissions=PERMISSIONS,
            leeway_seconds=0,
        )
        authenticator = Authenticator(services.authenticator._pool, BearerTokens(keys, rules))
        app = build_app(replace(services, authenticator=authenticator))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://api"
        ) as http:
            yield Api(issuer, clock, http, keys)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_token_when_it_is_good(api: Api, acme: Tenant, algorithm: str) -> None:
    """It acts in its tenant with the permissions of its roles, and stands in the audit trail."""
    api.issuer.add_key("k", algorithm)
    token = api.issuer.token("k", roles=["editor", "unknown"], tenant=str(acme.tenant_id))
    headers = {"authorization": f"bearer {token}"}
    made = await api.http.post("/api/v1/clients", json={"name": "Contoso"}, headers=headers)
    assert made.status_code == 201
    refused = await api.http.get("/api/v1/api-keys", headers=headers)
    assert refused.status_code == 403
    assert "bearer token" in refused.text
    created = await api.http.post(PATH, json=REFERENCE, headers=headers)
    assert created.json()["data"]["created_by"] is None
    events = (await acme.get("/api/v1/audit-events"))["data"]
    assert {event["actor"] for event in events[:2]} == {"oidc:user-7"}
    boss = await api.get(api.issuer.token("k", roles="boss other"), "/api/v1/api-keys")
    assert boss.status_code == 200
    nobody = await api.get(api.issuer.token("k", roles={"viewer": True}))
    assert nobody.status_code == 403


async def test_token_when_its_claims_are_wrong(api: Api) -> None:
    """Each is 401 and says why, but for what only concerns this installation's inside."""
    now = unix_ms() // 1000
    cases: list[tuple[dict[str, object], str]] = [
        ({"exp": now - 1}, "expired"),
        ({"nbf": now + 60}, "not valid yet"),
        ({"iss": "https://other.example"}, "another issuer"),
        ({"iss": api.issuer.address + "/"}, "another issuer"),
        ({"aud": "other"}, "another audience"),
        ({"aud": None}, "a claim is missing"),
        ({"exp": None}, "a claim is missing"),
        ({"sub": None}, "a claim is missing"),
        ({"sub": "x" * 500}, "subject"),
        ({"tenant": None}, "names no tenant"),
        ({"tenant": ["acme"]}, "names no tenant"),
        ({"tenant": "nobody"}, "for no tenant"),
        ({"tenant": "01890000-0000-7000-8000-000000000000"}, "for no tenant"),
    ]
    for claims, told in cases:
        answer = await api.get(api.issuer.token("one", **claims))
        assert (answer.status_code, told in answer.text) == (401, True), (claims, answer.text)
        assert answer.headers["www-authenticate"] == (
            'ApiKey realm="postern", Bearer realm="postern"'
        )
    assert await api.status(api.issuer.token("one", aud=["x", AUDIENCE])) == 200


async def test_token_when_its_signature_is_forged(api: Api) -> None:
    """No algorithm but the key's own counts: not none, nor the public key taken as a secret."""
    api.issuer.add_key("rsa", "RS256")
    claims = api.issuer.claims()
    pem = public_pem(api.issuer.keys["rsa"][1])
    head, body = unsigned(claims, alg="HS256", kid="rsa").rsplit(".", 1)[0].split(".")
    mac = hmac.new(pem, f"{head}.{body}".encode(), hashlib.sha256).digest()
    confused = f"{head}.{body}." + jwt.utils.base64url_encode(mac).decode()
    stranger = Issuer(address=api.issuer.address)
    stranger.add_key("one", "ES256")
    stranger.add_key("rsa", "EdDSA")
    good = api.issuer.token("one")
    altered = api.issuer.token("one", tenant="rival").split(".")[1]
    assert await api.status(api.issuer.token("rsa")) == 200
    for token in (
        unsigned(claims, kid="one"),
        unsigned(claims, alg="NONE", kid="one"),
        confused,
        stranger.token("one"),
        stranger.token("rsa"),
        ".".join([good.split(".")[0], altered, good.split(".")[2]]),
        good[:-4] + "AAAA",
        good + "." + good,
        "x.y.z",
        "x" * 20_000,
    ):
        answer = await api.get(token)
        assert answer.status_code == 401, token[:200]
        assert "traceback" not in answer.text.lower()


async def test_keys_when_they_may_not_verify(api: Api) -> None:
    """Keys for encryption, shared secrets, private and broken ones do not count."""
    secret = jwt.utils.base64url_encode(b"s" * 32).decode()
    private = jwt.get_algorithm_by_name("ES256").to_jwk(
        api.issuer.add_key("private", "ES256"), as_dict=True
    )
    encryption = api.issuer.jwk("private") | {"use": "enc", "kid": "enc"}
    del api.issuer.keys["private"]
    api.issuer.extra_keys = [
        {"kty": "oct", "k": secret, "kid": "oct"},
        private | {"kid": "private"},
        encryption,
        {"kty": "RSA", "kid": "broken"},
        {"kty": "XYZ"},
    ]
    shared = jwt.encode(api.issuer.claims(), b"s" * 32, "HS256", headers={"kid": "oct"})
    assert await api.status(shared) == 401
    assert await api.status(api.issuer.token("one")) == 200
    assert list(api.keys._keys) == ["one"]


async def test_keys_when_the_issuer_changes_them(api: Api) -> None:
    """A new key is fetched when a token names it, at most once in ten seconds."""
    assert await api.status(api.issuer.token("one")) == 200
    fetched = len(api.issuer.requests)
    api.issuer.add_key("two", "EdDSA")
    token = api.issuer.token("two")
    assert [await api.status(token) for _ in range(20)] == [401] * 20
    assert len(api.issuer.requests) == fetched
    api.clock.seconds += ATTEMPT_SECONDS
    answers = await asyncio.gather(*(api.status(token) for _ in range(10)))
    assert answers == [200] * 10
    assert len(api.issuer.requests) == fetched + 2
    del api.issuer.keys["one"]
    old = Issuer(address=api.issuer.address)
    old.add_key("one", "ES256")
    api.clock.seconds += ATTEMPT_SECONDS
    assert await api.status(api.issuer.token("two")) == 200
    stop = asyncio.Event()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(api.keys.keep_fresh(stop))
        while "one" in api.keys._keys:  # noqa: ASYNC110 - the task has no event
            await asyncio.sleep(0.01)
        stop.set()
    assert await api.status(old.token("one")) == 401


async def test_issuer_when_it_is_down(api: Api) -> None:
    """Known keys go on for a day; without any, the answer is 503 and when to come again."""
    token = api.issuer.token("one")
    for status in (0, 500):
        api.issuer.status = status
        answer = await api.get(token)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "10"
        assert "issuer_unavailable" in answer.text
        assert api.issuer.address not in answer.text
        api.clock.seconds += ATTEMPT_SECONDS
    api.issuer.status = 200
    assert await api.status(token) == 200
    api.issuer.status = 0
    api.issuer.add_key("two", "ES256")
    api.clock.seconds += KEPT_SECONDS - 1
    assert await api.status(token) == 200
    assert await api.status(api.issuer.token("two")) == 503
    assert await api.status(token) == 200
    api.clock.seconds += 2
    assert await api.status(token) == 503


async def test_issuer_when_it_hangs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits longer than the time for fetching, and one request asks for all."""
    monkeypatch.setattr("control_api.issuer_keys._FETCH_SECONDS", 0.2)
    api.issuer.gate.clear()
    token = api.issuer.token("one")
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(api.status(token) for _ in range(3)))
    assert answers == [503] * 3
    assert len(api.issuer.requests) == 1


@pytest.mark.parametrize(
    "overrides",
    [
        {"issuer": "https://other.example"},
        {"jwks_uri": "http://other.example/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
    ],
)
async def test_discovery_when_it_cannot_be_trusted(api: Api, overrides: dict[str, object]) -> None:
    """A document of another issuer, or keys over an open line, are not used."""
    api.issuer.overrides = overrides
    assert await api.status(api.issuer.token("one")) == 503
    assert api.issuer.requests == ["/.well-known/openid-configuration"]


async def test_token_when_it_names_another_tenant(
    api: Api, rival: Tenant, acme: Tenant, superuser: Connection
) -> None:
    """A token opens the tenant that it names, and no other; one switched off is none."""
    made = await acme.post(PATH, REFERENCE, expect=201)
    token = api.issuer.token("one", tenant="rival")
    path = f"{PATH}/{made['data']['inbound_webhook_id']}"
    assert (await api.get(token, path)).status_code == 404
    assert (await api.get(api.issuer.token("one"), path)).status_code == 200
    await superuser.execute(
        "update postern.tenants set is_active = false where tenant_id = $1", rival.tenant_id
    )
    assert await api.status(token) == 401


async def test_credentials_when_there_are_two_or_odd_ones(api: Api, acme: Tenant) -> None:
    """One credential in one form; tokens without an issuer in the settings are refused."""
    token = api.issuer.token("one")
    both = {"authorization": f"Bearer {token}", "x-api-key": acme.key}
    assert (await api.http.get(PATH, headers=both)).status_code == 401
    for value in ("Bearer", "Bearer  ", f"Basic {token}", token):
        answer = await api.http.get(PATH, headers={"authorization": value})
        assert answer.status_code == 401, value
    plain = httpx.AsyncClient(transport=acme.http._transport, base_url="http://api")
    refused = await plain.get(PATH, headers={"authorization": f"Bearer {token}"})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == 'ApiKey realm="postern"'
