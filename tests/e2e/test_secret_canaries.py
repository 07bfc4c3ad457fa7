"""Every secret is a canary: none sings in answers, logs, metrics, exports or the database."""

import base64
import hashlib
import hmac
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import psycopg
import pytest

from deploy.local import stack
from deploy.local.control import wait_for
from deploy.local.examples import TENANT_SLUG, rmm_webhook
from shared.clock import SystemClock
from tests.documented_answers import openapi_document
from tests.e2e.harness import Shape, Stack
from tests.integration.control_api.issuer import AUDIENCE, Issuer

_PASSWORD = f"canary-password-{secrets.token_hex(12)}"
_MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
_EVENT = b'{"event": {"id": "e1"}, "device": {"id": "d1", "hostname": "h"}}'
_WEBHOOKS = "/api/v1/inbound-webhooks"


class _WithPassword(stack.Stack):
    """A system whose programs have a password for the database."""

    def shared_environment(self) -> dict[str, str]:
        environment = super().shared_environment()
        address = environment["POSTERN_DATABASE_URL"].replace("://postgres@", self._login(), 1)
        return environment | {"POSTERN_DATABASE_URL": address}

    @staticmethod
    def _login() -> str:
        return f"://postgres:{_PASSWORD}@"


class _Outside:
    """An issuer of bearer tokens and a target of forwards, at one address."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        self.issuer.add_key("key", "ES256")
        #: The headers of what was forwarded.
        self.forwarded: list[dict[str, str]] = []
        outside = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(orjson.dumps(outside.issuer.content(self.path)))

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                outside.forwarded.append({n.lower(): v for n, v in self.headers.items()})
                self._answer(b"{}")

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer.address = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "_Outside":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class Canaries:
    """Secrets by what they are, and what was seen that must not hold them."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.seen: dict[str, str] = {}

    def made(self, kind: str) -> str:
        """Return a new secret of some kind."""
        self.secrets[kind] = f"cnry{secrets.token_hex(14)}"
        return self.secrets[kind]

    def saw(self, place: str, text: str) -> None:
        """Keep what a place held."""
        self.seen[f"{len(self.seen)}: {place}"] = text

    def found(self) -> list[str]:
        """Return where which secret stands, in any of the forms that it may take."""
        return [
            f"{kind} in {place}"
            for kind, secret in self.secrets.items()
            for form in _forms(secret)
            for place, text in self.seen.items()
            if form in text
        ]


def _forms(secret: str) -> set[str]:
    raw = secret.encode()
    coded = {base64.b64encode(raw).decode().rstrip("="), raw.hex(), quote(secret, safe="")}
    return {secret, *coded}


@pytest.fixture(scope="module")
def outside() -> Iterator[_Outside]:
    with _Outside() as opened:
        yield opened


@pytest.fixture(scope="module")
def canary_stack(
    tmp_path_factory: pytest.TempPathFactory, outside: _Outside
) -> Iterator[tuple[Stack, Canaries]]:
    """A system with canaries in its settings, at the log level debug."""
    canaries = Canaries()
    canaries.secrets["database password"] = _PASSWORD
    canaries.secrets["master key"] = _MASTER_KEY
    settings = {
        "POSTERN_LOG_LEVEL": "debug",
        "POSTERN_CONTROL_API_OIDC_ISSUER": outside.issuer.address,
        "POSTERN_CONTROL_API_OIDC_AUDIENCE": AUDIENCE,
        "POSTERN_CONTROL_API_OIDC_PERMISSIONS": '{"viewer": ["read"]}',
    }
    directory = tmp_path_factory.mktemp("canaries")
    with Stack(directory, Shape(settings=settings), system_of=_WithPassword) as system:
        worker = system.system.programs["worker-1"].environment
        canaries.secrets["forward secret"] = worker["POSTERN_WORKER_FORWARD_SIGNING_SECRET"]
        canaries.secrets["API key"] = system.api_key
        yield system, canaries


def test_secrets_when_everything_was_used(
    canary_stack: tuple[Stack, Canaries], outside: _Outside
) -> None:
    """After every route, good and bad requests, a test, replays and errors: found nowhere."""
    system, canaries = canary_stack
    with httpx.Client(
        base_url=system.system.control_api_url, headers={"x-api-key": system.api_key}, timeout=10
    ) as api:
        began = _tail_cursor(api)
        webhooks = _make_webhooks(api, canaries)
        webhook_id = webhooks["hmac_sha256"]
        _call(api, canaries, "POST", f"{_WEBHOOKS}/{webhook_id}/capture-sample")
        deliveries = _send(system, canaries, webhooks)
        _try_faults(api, canaries, webhook_id)
        _act(api, canaries, webhook_id, deliveries)
        _use_tokens(system, canaries, outside)
        _forward(system, api, canaries, outside)
        ids = {"webhook_id": webhook_id, "delivery_id": deliveries[0]}
        ids["replay_job_id"] = _replay_many(api, canaries, webhook_id)
        found = _call(api, canaries, "GET", f"{_WEBHOOKS}/{webhook_id}/samples")
        ids["sample_id"] = found["data"][0]["sample_id"]
        found = _call(api, canaries, "GET", "/api/v1/api-keys")
        ids["api_key_id"] = found["data"][0]["api_key_id"]
        _read_every_route(api, canaries, ids, after=began)
    _collect_inside(system, canaries)
    assert len(canaries.seen) > 70
    assert len(canaries.secrets) >= 24
    assert canaries.found() == []


def test_search_when_a_secret_is_planted(canary_stack: tuple[Stack, Canaries]) -> None:
    """A secret that is put into the database, in clear or as bytes, is found there."""
    system, _ = canary_stack
    for value in ("planted-in-clear", "planted-as-bytes"):
        canaries = Canaries()
        canaries.secrets["planted"] = value
        with psycopg.connect(system.dsn, autocommit=True) as connection:
            connection.execute(
                "insert into postern.dead_letters (dead_letter_id, source, reason, value,"
                " value_bytes) values (gen_random_uuid(), %s, 'x', %s, 1)",
                (value if value.endswith("clear") else "x", value.encode()),
            )
        _collect_inside(system, canaries)
        assert any("dead_letters" in place for place in canaries.found())
        with psycopg.connect(system.dsn, autocommit=True) as connection:
            connection.execute("delete from postern.dead_letters")
    for form in _forms("a secret"):
        canaries = Canaries()
        canaries.secrets["planted"] = "a secret"
        canaries.saw("a log", f"before {form} after")
        assert canaries.found() == ["planted in 0: a log"]


def _call(api: httpx.Client, canaries: Canaries, method: str, path: str, **more: Any) -> Any:
    """Make a call; keep its answer, without what is shown this one time."""
    answer = api.request(method, path, **more)
    text = answer.text
    content = answer.json() if "json" in answer.headers.get("content-type", "") else None
    if isinstance(content, dict) and isinstance(content.get("secret"), str):
        canaries.secrets[f"shown by {method} {path}"] = content["secret"]
        text = text.replace(content["secret"], "")
    canaries.saw(f"{method} {path} {answer.status_code}", f"{dict(answer.headers)} {text}")
    return content


def _make_webhooks(api: httpx.Client, canaries: Canaries) -> dict[str, str]:
    """Make a webhook of each auth type with a secret, with canaries; return their ids."""
    configs: dict[str, dict[str, Any]] = {
        "hmac_sha256": {"signature_header": "X-RMM-Signature"},
        "bearer": {},
        "path_token": {"query_param": "token"},
        "signature": {"preset": "stripe"},
    }
    made: dict[str, str] = {}
    for auth_type, config in configs.items():
        body = rmm_webhook("replaced-below-anyway", slug=f"canary-{auth_type.replace('_', '-')}")
        body["auth_type"] = auth_type
        for verb, path in (("POST", _WEBHOOKS), ("PUT", f"{_WEBHOOKS}/{{}}")):
            secret = canaries.made(f"{auth_type} secret of {verb}")
            start = "whsec_" if auth_type == "signature" else ""
            body["auth_config"] = config | {"secret": start + secret}
            content = _call(api, canaries, verb, path.format(made.get(auth_type)), json=body)
            made[auth_type] = content["data"]["inbound_webhook_id"]
    return made


def _send(system: Stack, canaries: Canaries, webhooks: dict[str, str]) -> list[str]:
    """Send good and bad events to each webhook; return the ids of those accepted by HMAC."""
    accepted = []
    secret = canaries.secrets["hmac_sha256 secret of PUT"]
    signed = hmac.new(secret.encode(), _EVENT, hashlib.sha256).hexdigest()
    canaries.secrets["signature"] = signed
    bearer = canaries.secrets["bearer secret of PUT"]
    token = canaries.secrets["path_token secret of PUT"]
    stamp = int(SystemClock().now().timestamp())
    key = f"whsec_{canaries.secrets['signature secret of PUT']}".encode()
    stamped = hmac.new(key, b"%d." % stamp + _EVENT, hashlib.sha256).hexdigest()
    canaries.secrets["stamped signature"] = stamped
    good: dict[str, tuple[dict[str, str], str]] = {
        "hmac_sha256": ({"x-rmm-signature": f"sha256={signed}"}, ""),
        "bearer": ({"authorization": f"Bearer {bearer}"}, ""),
        "path_token": ({}, f"?token={token}"),
        "signature": ({"stripe-signature": f"t={stamp},v1={stamped}"}, ""),
    }
    others = {
        "cookie": f"session={canaries.made('cookie')}",
        "x-api-key": canaries.made("api key of a sender"),
    }
    for auth_type in webhooks:
        slug = f"canary-{auth_type.replace('_', '-')}"
        url = f"{system.gateway_url()}/api/inbound/{TENANT_SLUG}/{slug}"
        headers, query = good[auth_type]

        def send(url: str = url + query, headers: dict[str, str] = headers) -> httpx.Response:
            return system.http.post(url, content=_EVENT, headers=headers | others)

        answer = wait_for(send, lambda sent: sent.status_code == 200)
        canaries.saw(f"gateway {auth_type}", f"{answer.headers} {answer.text}")
        if auth_type == "hmac_sha256":
            accepted.append(answer.json()["delivery_id"])
        canaries.saw(f"gateway {auth_type}, not JSON", _wrong(system, url + query, headers))
        wrong = {
            "authorization": f"Bearer {canaries.made(f'wrong bearer of {auth_type}')}",
            "x-rmm-signature": canaries.made(f"wrong signature of {auth_type}"),
            "stripe-signature": f"t=1,v1={canaries.made(f'wrong v1 of {auth_type}')}",
        }
        wrong_query = f"?token={canaries.made(f'wrong path token of {auth_type}')}"
        canaries.saw(f"gateway {auth_type}, refused", _wrong(system, url + wrong_query, wrong))
    for delivery_id in accepted:
        system.api.finished(delivery_id)
    return accepted


def _wrong(system: Stack, url: str, headers: dict[str, str]) -> str:
    answer = system.http.post(url, content=b"{", headers=headers)
    return f"{answer.headers} {answer.text}"


def _try_faults(api: httpx.Client, canaries: Canaries, webhook_id: str) -> None:
    """Put secrets where they are refused: too short, of another type, misspelt, misplaced."""
    long = canaries.made("misplaced secret")
    for number, config in enumerate(
        [
            {"signature_header": "X-A", "secret": [canaries.made("secret in a list")]},
            {"signature_header": "X-A", "sceret": canaries.made("misspelt secret")},
            {"signature_header": "X-A", "secret": long, "token": long},
            canaries.made("secret in place of a config"),
            {"preset": "svix", "secret": f"whsec_!{canaries.made('secret of no form')}"},
            {"preset": "square", "options": {"public_url": canaries.made("no address")}},
        ]
    ):
        body = rmm_webhook("x" * 20, slug=f"faulty-{number}") | {"auth_config": config}
        if isinstance(config, dict) and "preset" in config:
            body["auth_type"] = "signature"
        for method, path in (("POST", _WEBHOOKS), ("PUT", f"{_WEBHOOKS}/{webhook_id}")):
            assert "errors" in _call(api, canaries, method, path, json=body)
    key = {"x-api-key": canaries.made("unknown API key")}
    assert _call(api, canaries, "GET", _WEBHOOKS, headers=key)["status"] == 401
    token = {"authorization": f"Bearer {canaries.made('second credential')}"}
    assert _call(api, canaries, "GET", _WEBHOOKS, headers=token)["status"] == 401
    malformed = {"content": f'{{"secret": "{canaries.made("secret in no JSON")}'}
    assert _call(api, canaries, "POST", _WEBHOOKS, **malformed)["status"] == 400


def _act(api: httpx.Client, canaries: Canaries, webhook_id: str, deliveries: list[str]) -> None:
    """Rotate, test with credentials among the headers, replay, make keys."""
    path = f"{_WEBHOOKS}/{webhook_id}"
    _call(api, canaries, "POST", f"{path}/rotate-secret", json={"overlap_seconds": 60})
    headers = {"Authorization": f"Bearer {canaries.made('header of a test')}"}
    _call(api, canaries, "POST", f"{path}/test", json={"body": {"device": 1}, "headers": headers})
    _call(api, canaries, "POST", f"{path}/deliveries/{deliveries[0]}/replay")
    key = {"name": "second", "permissions": ["read"]}
    assert _call(api, canaries, "POST", "/api/v1/api-keys", json=key)["secret"]


def _use_tokens(system: Stack, canaries: Canaries, outside: _Outside) -> None:
    """Present bearer tokens: a good one, and some that are refused for claims or form."""
    issuer = outside.issuer
    tokens = {
        "good token": (issuer.token("key", tenant=TENANT_SLUG), 200),
        "old token": (issuer.token("key", tenant=TENANT_SLUG, exp=1), 401),
        "token of nobody": (issuer.token("key", tenant="nobody"), 401),
        "token in no form": (canaries.made("token in no form"), 401),
    }
    with httpx.Client(base_url=system.system.control_api_url, timeout=10) as api:
        for kind, (token, status) in tokens.items():
            # What comes last is the signature: without it the rest proves nothing.
            canaries.secrets[kind] = token.rpartition(".")[2]
            headers = {"authorization": f"Bearer {token}"}
            for path in (_WEBHOOKS, "/api/v1/tenant", "/api/v1/deliveries"):
                answer = api.get(path, headers=headers)
                assert answer.status_code == status, (kind, answer.text)
                canaries.saw(f"{path} with {kind}", f"{answer.headers} {answer.text}")
            answer = api.post("/api/v1/clients", json={"name": "Acme"}, headers=headers)
            assert answer.status_code == (403 if status == 200 else 401)
            canaries.saw(f"POST with {kind}", f"{answer.headers} {answer.text}")


def _forward(system: Stack, api: httpx.Client, canaries: Canaries, outside: _Outside) -> None:
    """Send a delivery on, signed by a secret of the webhook's own, and exchange that."""
    secret = canaries.made("secret of a webhook that forwards")
    body = rmm_webhook(secret, slug="canary-forward")
    target = f"'{outside.issuer.address}/hook'"
    body["handler_config"] = {"action": "forward", "field_mapping": {"url": target}}
    made = _call(api, canaries, "POST", _WEBHOOKS, json=body)
    path = f"{_WEBHOOKS}/{made['data']['inbound_webhook_id']}"
    signing = canaries.made("forward secret of a webhook")
    given = "whsec_" + base64.b64encode(signing.encode()).decode()
    _call(api, canaries, "PUT", f"{path}/forward-secret", json={"secret": given})
    url = f"{system.gateway_url()}/api/inbound/{TENANT_SLUG}/canary-forward"
    signed = hmac.new(secret.encode(), _EVENT, hashlib.sha256).hexdigest()

    def send() -> httpx.Response:
        headers = {"x-rmm-signature": f"sha256={signed}"}
        return system.http.post(url, content=_EVENT, headers=headers)

    answer = wait_for(send, lambda sent: sent.status_code == 200)
    finished = system.api.finished(answer.json()["delivery_id"])
    canaries.saw("forwarded delivery", str(finished))
    assert finished["dispatch_status"] == "dispatched", finished
    message = (
        f"{outside.forwarded[-1]['webhook-id']}.{outside.forwarded[-1]['webhook-timestamp']}."
    )
    expected = hmac.digest(signing.encode(), message.encode() + _EVENT, "sha256")
    assert base64.b64encode(expected).decode() in outside.forwarded[-1]["webhook-signature"]
    _call(api, canaries, "PUT", f"{path}/forward-secret", json={"overlap_seconds": 60})
    _call(api, canaries, "GET", f"{path}/forward-secret")


def _replay_many(api: httpx.Client, canaries: Canaries, webhook_id: str) -> str:
    """Plan, make, pause, resume and cancel a replay job; return its id."""
    body = {"inbound_webhook_id": webhook_id, "per_second": 1}
    _call(api, canaries, "POST", "/api/v1/replays/plan", json=body)
    made = _call(api, canaries, "POST", "/api/v1/replays", json=body)
    job_id: str = made["data"]["replay_job_id"]
    for action in ("pause", "resume", "cancel"):
        _call(api, canaries, "POST", f"/api/v1/replays/{job_id}/{action}")
    return job_id


def _tail_cursor(api: httpx.Client) -> str:
    """Return where a tail begins now."""
    with api.stream("GET", "/api/v1/deliveries/tail") as answer:
        return next(
            line.removeprefix("id: ") for line in answer.iter_lines() if line.startswith("id: ")
        )


def _read_every_route(
    api: httpx.Client, canaries: Canaries, ids: dict[str, str], *, after: str
) -> None:
    """Read whatever the document says can be read, streams for as long as they speak."""
    for path, operations in openapi_document()["paths"].items():
        if "get" not in operations:
            continue
        filled = path
        for parameter in operations["get"].get("parameters", []):
            if parameter["in"] == "path":
                name = parameter["name"]
                filled = filled.replace(f"{{{name}}}", ids.get(name, ids["webhook_id"]))
        text = ""
        is_tail = path.endswith("/tail")
        try:
            params = {"after": after} if is_tail else {}
            with api.stream("GET", filled, params=params, timeout=2) as answer:
                # Of assets there is none, and operators alone see tenants.
                assert answer.status_code == 200 or {"asset_id", "tenants"} & {*_words(path)}, path
                for part in answer.iter_text():
                    text += part
        except httpx.ReadTimeout:
            assert is_tail, path
            assert "event: delivery" in text
        canaries.saw(f"GET {filled}", text)


def _words(path: str) -> list[str]:
    return [word.strip("{}") for word in path.split("/")]


def _collect_inside(system: Stack, canaries: Canaries) -> None:
    """Keep the logs, the metrics and every row of every table."""
    for program in system.system.programs.values():
        canaries.saw(f"log of {program.name}", program.log_path.read_text())
        operations = httpx.get(f"{program.operations_url}/metrics", timeout=10)
        canaries.saw(f"metrics of {program.name}", operations.text)
    canaries.saw("log of PostgreSQL", Path(system.system.postgres.log_path).read_text())
    with psycopg.connect(system.dsn) as connection:
        tables = connection.execute(
            "select format('%I.%I', n.nspname, c.relname), array_agg(a.attname) filter"
            " (where a.atttypid = 'bytea'::regtype) from pg_class c"
            " join pg_namespace n on n.oid = c.relnamespace"
            " join pg_attribute a on a.attrelid = c.oid and a.attnum > 0"
            " where c.relkind in ('r', 'm') and n.nspname not in"
            " ('pg_catalog', 'information_schema') group by 1"
        ).fetchall()
        for table, _ in tables:
            # Bytes come as hexadecimal digits, which is one of the forms that are looked for.
            rows = connection.execute(f"select t::text from {table} t").fetchall()
            canaries.saw(f"table {table}", "\n".join(row[0] for row in rows))
