"""The client over a transport in memory: what it sends, reads, raises and repeats."""

import inspect
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from deploy.client_code import render
from postern.client import (
    ApiError,
    AsyncClient,
    Client,
    InvalidInput,
    NoAnswerError,
    NotFound,
    PosternClientError,
    PreconditionFailed,
    RateLimited,
    RetryPolicy,
    ServerFault,
    Unavailable,
    UnexpectedAnswerError,
    models,
)
from postern.client.events import Event, events, events_async
from tests.documented_answers import openapi_document

ID = UUID("01890000-0000-7000-8000-000000000001")
URL = "https://postern.example.com"
AT_ONCE = RetryPolicy(max_attempts=3, first_delay_seconds=0)
CLIENTS = "/api/v1/clients"


def example(method: str, path: str, status: str) -> Any:
    """Return the example of an answer, as the document has it."""
    operation = openapi_document()["paths"][path][method]
    return operation["responses"][status]["content"]["application/json"]["example"]


def client_page(name: str, cursor: str | None) -> dict[str, Any]:
    page = orjson.loads(orjson.dumps(example("get", CLIENTS, "200")))
    page["data"][0]["name"] = name
    page["meta"]["next_cursor"] = cursor
    found: dict[str, Any] = page
    return found


class Script:
    """Answers in order, and keeps what was asked."""

    def __init__(self, *answers: httpx.Response | httpx.TransportError) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    def client(self) -> Client:
        transport = httpx.MockTransport(self)
        return Client(URL, api_key="pst_k", retries=AT_ONCE, transport=transport)

    def async_client(self) -> AsyncClient:
        transport = httpx.MockTransport(self)
        return AsyncClient(URL, token="t", retries=AT_ONCE, transport=transport)


def problem(status: int, code: str, **more: object) -> httpx.Response:
    content = {"type": "x", "title": "x", "status": status, "detail": "d", "code": code} | more
    return httpx.Response(status, json=content, headers={"x-request-id": "r1"})


def test_call_when_it_succeeds() -> None:
    """The key, the path and the body go out; the answer comes back typed, with its head."""
    content = example("post", CLIENTS, "201")
    script = Script(
        httpx.Response(201, json=content, headers={"etag": '"7"', "x-request-id": "r1"})
    )
    with script.client() as client:
        made = client.directory.create_client({"name": "Contoso"})
    assert made.data.client_id == ID
    assert made.data.created_at.tzinfo is not None
    assert (made.etag, made.request_id) == ('"7"', "r1")
    (request,) = script.requests
    assert (request.method, request.url.path) == ("POST", CLIENTS)
    assert request.headers["x-api-key"] == "pst_k"
    assert orjson.loads(request.content) == {"name": "Contoso"}


def test_call_when_ids_and_parameters_are_hostile() -> None:
    """What stands in a path stays in its place; what is None is left out of the query."""
    script = Script(problem(404, "not_found"), httpx.Response(200, json=client_page("a", None)))
    with script.client() as client:
        with pytest.raises(NotFound):
            client.webhooks.get("../clients?x=1")
        client.directory.list_clients(limit=5)
    assert script.requests[0].url.raw_path == b"/api/v1/inbound-webhooks/..%2Fclients%3Fx%3D1"
    assert script.requests[1].url.query == b"limit=5"


def test_answer_when_it_has_what_this_version_does_not_know() -> None:
    """New fields, kinds and values of an enumeration are kept, and nothing fails."""
    content = example("get", "/api/v1/inbound-webhooks/{webhook_id}", "200")
    content = orjson.loads(orjson.dumps(content))
    content["data"] |= {"new": 1, "auth_type": "magic", "auth_config": {"type": "magic", "x": 1}}
    with Script(httpx.Response(200, json=content)).client() as client:
        webhook = client.webhooks.get(ID).data
    assert webhook.model_extra == {"new": 1}
    assert webhook.auth_type == "magic"
    assert webhook.auth_config == {"type": "magic", "x": 1}


async def test_answer_when_there_are_several_kinds() -> None:
    """The status tells which of them it is, and a status that is none of them is an error."""
    path = "/api/v1/inbound-webhooks/{webhook_id}/deliveries/{delivery_id}/replay"
    answers = [
        httpx.Response(202, json=example("post", path, "202")),
        httpx.Response(200, json=example("post", path, "200")),
        httpx.Response(201, json=example("post", path, "200")),
    ]
    with Script(*answers).client() as client:
        assert isinstance(client.replays.replay(ID, ID), models.DeliveryData)
        told = client.replays.replay(ID, ID, {"dry_run": True})
        assert isinstance(told, models.ReplayDifferenceData)
        with pytest.raises(UnexpectedAnswerError, match="201"):
            client.replays.replay(ID, ID)
    answer = httpx.Response(202, json=example("post", path, "202"))
    async with Script(answer).async_client() as other:
        assert isinstance(await other.replays.replay(ID, ID), models.DeliveryData)


def test_answer_when_read_back() -> None:
    """What was read can be sent: the dump of a model is the JSON that it came from."""
    content = example("get", "/api/v1/inbound-webhooks/{webhook_id}", "200")
    with Script(httpx.Response(200, json=content)).client() as client:
        webhook = client.webhooks.get(ID).data
    assert webhook.model_dump(mode="json", exclude_unset=True) == content["data"]


def test_pages_when_gone_through() -> None:
    """Each page is asked for with the cursor of the one before, until there is none."""
    script = Script(
        httpx.Response(200, json=client_page("a", "c1")),
        httpx.Response(200, json=client_page("b", None)),
    )
    with script.client() as client:
        assert [item.name for item in client.directory.each_clients(limit=1)] == ["a", "b"]
    assert [request.url.query for request in script.requests] == [b"limit=1", b"limit=1&cursor=c1"]


async def test_calls_when_on_an_event_loop() -> None:
    """The other client does the same, with a bearer token."""
    script = Script(
        httpx.Response(503),
        httpx.Response(200, json=client_page("a", "c1")),
        httpx.Response(200, json=client_page("b", None)),
        problem(409, "conflict"),
        httpx.ConnectError("refused"),
        *[httpx.ReadTimeout("slow")] * 3,
    )
    async with script.async_client() as client:
        assert [item.name async for item in client.directory.each_clients()] == ["a", "b"]
        with pytest.raises(ApiError, match="409 conflict: d"):
            await client.directory.create_client({"name": "x"})
        with pytest.raises(NoAnswerError, match="slow"):
            await client.directory.create_client({"name": "x"})
    assert script.requests[0].headers["authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (problem(404, "not_found"), NotFound),
        (problem(412, "precondition_failed"), PreconditionFailed),
        (problem(429, "rate_limited"), RateLimited),
        (problem(418, "teapot"), ApiError),
        (problem(500, "internal"), ServerFault),
        (httpx.Response(503, text="upstream"), Unavailable),
        (httpx.Response(404, text="nginx"), UnexpectedAnswerError),
        (httpx.Response(200, text="hello"), UnexpectedAnswerError),
    ],
)
def test_error_when_answered(answer: httpx.Response, kind: type[PosternClientError]) -> None:
    """Each status has its class; what is none of the API's answers is told apart."""
    with Script(answer, answer, answer).client() as client, pytest.raises(kind) as caught:
        client.webhooks.get(ID)
    assert type(caught.value) is kind


def test_error_when_fields_are_wrong() -> None:
    """The exception carries every fault, the code and the request id."""
    fault = {"field": "slug", "rule": "pattern", "message": "Use ...", "value": "A B"}
    answer = problem(422, "invalid_input", errors=[fault])
    with Script(answer).client() as client, pytest.raises(InvalidInput) as caught:
        client.directory.create_client({"name": ""})
    error = caught.value
    assert (error.status, error.code, error.request_id) == (422, "invalid_input", "r1")
    assert [(one.field, one.rule, one.value) for one in error.faults] == [
        ("slug", "pattern", "A B")
    ]


def test_call_when_faults_pass() -> None:
    """A call is made again when it only reads, or has a key under which it takes effect once."""
    page = httpx.Response(200, json=client_page("a", None))
    script = Script(httpx.ReadError("broken"), httpx.Response(503), page)
    with script.client() as client:
        assert client.directory.list_clients().data[0].name == "a"
    script = Script(httpx.ConnectError("refused"), *[httpx.ReadError("broken")] * 2)
    with script.client() as client, pytest.raises(NoAnswerError, match="broken"):
        client.directory.create_client({"name": "x"})
    assert len(script.requests) == 3
    assert len({request.headers["idempotency-key"] for request in script.requests}) == 1


def test_lines_when_streamed() -> None:
    """An export yields typed items; a problem instead of lines is raised."""
    media = openapi_document()["paths"]["/api/v1/audit-events/export"]["get"]["responses"]["200"]
    line = media["content"]["application/x-ndjson"]["example"]
    script = Script(httpx.Response(200, text=f"{line}\n{line}\n"), problem(403, "forbidden"))
    with script.client() as client:
        found = list(client.audit_events.export(action="webhook.replaced"))
        with pytest.raises(ApiError, match="403"):
            list(client.audit_events.export())
    assert [item.action for item in found] == ["webhook.replaced"] * 2


EVENT_LINES = [": hi", "", "id: 7", "event: new", 'data: {"a":', "data: 1}", "", "id: 8", ""]
EVENTS = [Event("7", "new", {"a": 1})]


async def test_events_when_read() -> None:
    """Events are put together from their lines; comments and empty ones are passed over."""

    async def lines() -> Any:
        for line in EVENT_LINES:
            yield line

    assert list(events(iter(EVENT_LINES))) == EVENTS
    assert [event async for event in events_async(lines())] == EVENTS


def test_methods_when_compared_with_the_document() -> None:
    """Every operation has a method in both clients, with a docstring."""
    clients: list[Callable[..., Any]] = [Client, AsyncClient]
    for make in clients:
        client = make(URL)
        for methods in openapi_document()["paths"].values():
            for operation in methods.values():
                resource = operation["x-resource"]
                name = operation["operationId"].removeprefix(f"{resource}_")
                assert inspect.getdoc(getattr(getattr(client, resource), name))


def test_generated_files_when_committed() -> None:
    """`make client` writes what is committed."""
    stale = [path.name for path, text in render().items() if path.read_text() != text]
    assert stale == [], "run `make client`"
