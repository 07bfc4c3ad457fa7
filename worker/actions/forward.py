"""The action that sends a delivery on to an HTTP target."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import orjson
from pydantic import Field, StringConstraints

from worker.actions.context import ActionResult, OutboundContext
from worker.actions.fields import ActionFields, Json, JsonObject, Number, Text
from worker.actions.lookup import invalid
from worker.actions.registry import ActionOutcome, outbound_action
from worker.forwarding.client import OutboundRequest
from worker.forwarding.target import MAX_URL_LENGTH, Target, TargetError, parse_target
from worker.outcome import Done, Reject

ENTITY_TYPE = "http_target"
MAX_HEADERS = 50
MAX_HEADER_LENGTH = 4096
#: How often a delivery may be forwarded from one webhook to another, or in a circle.
MAX_HOPS = 8

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
_VALUE = re.compile(r"[!-~](?:[\t -~]*[!-~])?")
#: What the request itself decides. Source: RFC 9110, section 7.6.1.
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "postern-hops",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)
#: A mapping is kept and shown in clear.
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})
_JSON = "application/json"
#: Counts forwards. Whoever receives one of ours through a gateway sends it on with one more.
_HOPS = "postern-hops"


class Forward(ActionFields):
    """Where a delivery is sent on to, and what of it."""

    url: Annotated[Text, StringConstraints(max_length=MAX_URL_LENGTH)] = Field(
        description="Address of the target, https://..."
    )
    method: Literal["POST", "PUT", "PATCH"] = Field("POST", description="HTTP method.")
    headers: JsonObject | None = Field(
        None,
        description="An object of texts: further headers. Not Host, those of the connection, "
        "those that begin with webhook-, nor Authorization, Cookie and X-Api-Key: a mapping is no "
        "place for credentials.",
    )
    body: Json | None = Field(
        None,
        description="What to send: a text as it is, anything else as JSON, null as an empty body. "
        "Where not mapped, the body as it came.",
    )
    timeout_seconds: Annotated[Number, Field(gt=0)] | None = Field(
        None,
        description="How long the target may take; at most, and where not mapped, nine tenths of "
        "the worker's time for handlers.",
    )


@outbound_action(
    "forward",
    entity_type=ENTITY_TYPE,
    display_name="Forward to an HTTP target",
    description="Send the delivery to an HTTP target, signed as Standard Webhooks has it; "
    "`webhook-id` is the delivery's id, the same over retries. An answer 2xx is success; 408, "
    "425, 429, 5xx and no answer are tried again, not before a Retry-After of up to an hour; any "
    "other, redirects included, fails. An address in a blocked network fails with "
    "`blocked_address`.",
)
async def forward(ctx: OutboundContext, fields: Forward) -> ActionOutcome:
    """Send the delivery to its target, once for each attempt."""
    try:
        target = parse_target(fields.url)
    except TargetError as error:
        return invalid("url", str(error))
    headers = _headers(ctx, fields)
    if isinstance(headers, Reject):
        return headers
    outcome = await ctx.forwarder.send(
        OutboundRequest(
            tenant_id=ctx.tenant_id,
            webhook_id=ctx.webhook_id,
            message_id=str(ctx.delivery_id),
            method=fields.method,
            target=target,
            headers=headers,
            body=_body(ctx, fields),
            timeout_seconds=fields.timeout_seconds,
        )
    )
    return _result(target, outcome.result) if isinstance(outcome, Done) else outcome


def _result(target: Target, answer: Mapping[str, object]) -> ActionResult:
    return ActionResult(
        entity_type=ENTITY_TYPE,
        message=f"the target answered {answer['status']}",
        metadata={"target": target.origin, **answer},
    )


def _body(ctx: OutboundContext, fields: Forward) -> bytes:
    if "body" not in fields.model_fields_set:
        return ctx.body
    match fields.body:
        case None:
            return b""
        case str(text):
            return text.encode()
        case document:
            return orjson.dumps(document)


def _headers(ctx: OutboundContext, fields: Forward) -> list[tuple[str, str]] | Reject:
    given = fields.headers or {}
    hops = _hops(ctx.headers) + 1
    if hops > MAX_HOPS:
        return Reject(f"was forwarded {MAX_HOPS} times already: a circle?", "forward_loop")
    if len(given) > MAX_HEADERS:
        return invalid("headers", f"must be at most {MAX_HEADERS}, are {len(given)}")
    for name, value in given.items():
        if fault := _header_fault(name.lower(), value):
            return invalid("headers", f"{fault}: {name[:100]!r}")
    named = {name.lower(): value for name, value in given.items()}
    ours = {"content-type": _content_type(ctx, fields), _HOPS: str(hops)}
    return list({**ours, **named}.items())


def _header_fault(name: str, value: object) -> str | None:
    """Return what is wrong with a header; its value, which may be a secret, is not told."""
    if not _NAME.fullmatch(name):
        return "have a name that is none"
    if name in _OURS or name.startswith("webhook-"):
        return "have one that the request itself sets"
    if name in _CREDENTIALS:
        return "have a credential, which a mapping would show"
    if not isinstance(value, str) or len(value) > MAX_HEADER_LENGTH or not _VALUE.fullmatch(value):
        return f"have one that is no text of 1 to {MAX_HEADER_LENGTH} printable ASCII characters"
    return None


def _content_type(ctx: OutboundContext, fields: Forward) -> str:
    if "body" in fields.model_fields_set:
        return "text/plain; charset=utf-8" if isinstance(fields.body, str) else _JSON
    return _received_type(ctx.headers)


def _received_type(headers: Sequence[tuple[str, str]]) -> str:
    values = [value for name, value in headers if name.lower() == "content-type"]
    return values[0] if values and _VALUE.fullmatch(values[0]) else _JSON


def _hops(headers: Sequence[tuple[str, str]]) -> int:
    """Return how often the delivery was forwarded before it came here."""
    values = [value for name, value in headers if name.lower() == _HOPS]
    counts = [int(value) for value in values if len(value) < 4 and value.isdecimal()]
    return max(counts, default=0)
