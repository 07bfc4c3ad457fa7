"""Tenants are apart: every route, with every kind of id, under every kind of key.

The cells come from the OpenAPI document, so that a new route is covered by itself; where a path
has a place of a new kind, ``isolation.Side`` asks how to make a thing for it.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from starlette.types import ASGIApp

from control_api.access import Services
from control_api.app import build_app
from control_api.bootstrap import bootstrap_operator
from control_api.permissions import Permission
from shared.clock import SystemClock
from shared.database.pool import Connection
from tests.documented_answers import DocumentedAnswers, openapi_document
from tests.integration.control_api.isolation import (
    CANARY,
    Answer,
    Call,
    Side,
    build_side,
    fingerprint,
    path_parameters,
    random_ids,
)

LEAST_CELLS = 1_500
#: Why a key does not count is not told.
DEAD = ("none", "unknown", "malformed", "expired", "revoked", "closed")
KINDS = ("own", "foreign", "random")


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    method: str
    path: str
    described: Mapping[str, Any]

    @property
    def places(self) -> list[str]:
        return path_parameters(self.path)

    @property
    def permissions(self) -> frozenset[str]:
        return frozenset(self.described["x-permissions"])

    @property
    def is_for_operators(self) -> bool:
        return self.permissions == {"operator"}

    @property
    def body(self) -> Any:
        content = self.described.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("example")

    def call(self, ids: Mapping[str, str], key: str | None, **more: Any) -> Call:
        body = more.pop("body", self.body)
        path = self.path.format(**ids)
        return Call(method=self.method, path=path, key=key, body=body, **more)


@dataclass(frozen=True)
class Cell:
    """One operation with a kind of id in each place of its path, under a kind of key."""

    operation: Operation
    kinds: tuple[str, ...]
    key: str

    def __str__(self) -> str:
        kinds = ", ".join(self.kinds) or "no id"
        return f"{self.operation.method} {self.operation.path} ({kinds}) with key {self.key}"


def operations() -> list[Operation]:
    """Return every operation that a credential opens."""
    return [
        Operation(method.upper(), path, described)
        for path, methods in openapi_document()["paths"].items()
        for method, described in methods.items()
        if described["x-permissions"]
    ]


def cells() -> Iterator[Cell]:
    missing = [f"without {permission}" for permission in Permission]
    for operation in operations():
        for kinds in itertools.product(KINDS, repeat=len(operation.places)):
            for key in ("full", *DEAD, *missing, "operator"):
                # What an operator may change of a tenant is told by tests of its own.
                if key != "operator" or operation.method == "GET":
                    yield Cell(operation, kinds, key)
            # The other tenant's key, but where it would change what is the other tenant's.
            if set(kinds) - {"foreign"} or (not kinds and operation.method == "GET"):
                yield Cell(operation, kinds, "foreign")


class World:
    """A caller, its victim, and the caller's keys."""

    def __init__(self, app: ASGIApp, caller: Side, victim: Side, keys: dict[str, str | None]):
        self.app = app
        self.caller = caller
        self.victim = victim
        self.keys = keys
        self._absent: dict[tuple[str, str], Answer] = {}

    async def ids(self, cell: Cell, *, anew: bool) -> dict[str, str]:
        """Return ids of the cell's kinds; own ones belong together, as do foreign ones."""
        places = cell.operation.places
        own = await self.caller.made(places, anew=anew)
        foreign = await self.victim.made(places, anew=False)
        found = {"own": own, "foreign": foreign, "random": random_ids(places)}
        return {place: found[kind][place] for place, kind in zip(places, cell.kinds, strict=True)}

    async def absent(self, operation: Operation) -> str:
        """Return how the operation answers ids of nothing."""
        key = self.keys["operator" if operation.is_for_operators else "full"]
        answer = await operation.call(random_ids(operation.places), key).send(self.app)
        assert answer.status == 404, f"{operation}: {answer.status} {answer.body!r}"
        return without_ids(answer)


def without_ids(answer: Answer) -> str:
    """Return an answer without what differs from request to request."""
    varying = {"x-request-id", "content-length"}
    head = {name: value for name, value in answer.headers.items() if name not in varying}
    text = f"{answer.status} {sorted(head.items())} {answer.body.decode()}"
    text = re.sub(r"^id: [\w=-]+$", "id: <moment>", text, flags=re.MULTILINE)  # where a tail is
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)


def leaks(answer: Answer, call: Call, victim: Side) -> bool:
    """Tell whether an answer holds something of a tenant that the call did not say."""
    text = f"{answer.headers} {answer.body.decode('latin-1')}"
    said = f"{call.path} {call.query} {orjson.dumps(call.body).decode()}"
    words = {victim.mark, victim.slug, str(victim.tenant_id), *victim.things.values()}
    return any(word in text and word not in said for word in words)


@pytest.fixture
async def world(services: Services, superuser: Connection) -> World:
    app = DocumentedAnswers(build_app(services))
    caller = await build_side(superuser, "kx4caller", "kx4caller")
    victim = await build_side(superuser, CANARY, CANARY)
    closed = await build_side(superuser, "closed", "closed")
    await superuser.execute(
        "update postern.tenants set is_active = false where tenant_id = $1", closed.tenant_id
    )
    everything = list(Permission)
    keys: dict[str, str | None] = {
        "full": caller.key,
        "none": None,
        "unknown": "pst_" + "x" * 43,
        "malformed": "Bearer \x7f",
        "expired": (await caller.new_key(everything, expires_at=SystemClock().now()))[1],
        "revoked": (await caller.new_key(everything, is_active=False))[1],
        "closed": closed.key,
        "foreign": victim.key,
        "operator": (await bootstrap_operator(superuser, name="ops")).operator_key,
    }
    for permission in Permission:
        others = [one for one in Permission if one != permission]
        keys[f"without {permission}"] = (await caller.new_key(others))[1]
    return World(app, caller, victim, keys)


async def judged(world: World, cell: Cell, absent: str | None) -> str | None:
    """Return what is wrong with the answer in a cell, or None."""
    changes = cell.operation.method != "GET"
    succeeds = cell.key not in DEAD and set(cell.kinds) <= {"own"}
    ids = await world.ids(cell, anew=changes and succeeds)
    call = cell.operation.call(ids, world.keys[cell.key])
    answer = await call.send(world.app)
    told = f"{cell}: {answer.status} {answer.body[:300]!r}"
    sees_all = cell.operation.is_for_operators and cell.key == "operator"
    subject = world.caller if cell.key == "foreign" else world.victim
    if not sees_all and leaks(answer, call, subject):
        return f"LEAK {told}"
    if (expected := expected_status(cell)) is not None:
        return None if answer.status == expected else told
    is_found = succeeds and (subject is world.victim or not cell.kinds)
    if "random" in cell.kinds or not (is_found or sees_all):
        return None if without_ids(answer) == absent else f"{told} is not {absent}"
    return None if answer.status < 300 or answer.status in allowed_statuses(cell) else told


def expected_status(cell: Cell) -> int | None:
    """Return the status that follows from the key alone, or None."""
    if cell.key in DEAD:
        return 401
    if cell.operation.is_for_operators != (cell.key == "operator"):
        return 403
    lacks = {f"without {permission}" for permission in cell.operation.permissions}
    return 403 if cell.key in lacks else None


def allowed_statuses(cell: Cell) -> set[int]:
    """Return what else than success one's own things may be answered."""
    body = cell.operation.body
    # Nobody gives a key more than they have.
    gives_permissions = isinstance(body, dict) and "permissions" in body
    return {409, 422} | ({403} if gives_permissions and cell.key != "full" else set())


@pytest.mark.timeout(300)
async def test_every_cell(world: World, superuser: Connection) -> None:
    """Dead keys: 401. No permission: 403. Ids that are not one's own: the 404 of nothing."""
    before = await fingerprint(superuser, world.victim.tenant_id)
    found: list[str] = []
    count = 0
    succeeded: set[str] = set()
    absent: dict[str, str] = {}
    for cell in cells():
        name = f"{cell.operation.method} {cell.operation.path}"
        if cell.operation.places and name not in absent:
            absent[name] = await world.absent(cell.operation)
        fault = await judged(world, cell, absent.get(name))
        count += 1
        if fault:
            found.append(fault)
        elif expected_status(cell) is None and set(cell.kinds) <= {"own"}:
            succeeded.add(name)
    assert found == []
    assert len(succeeded) >= len(operations()) - len(
        [one for one in operations() if one.is_for_operators and one.method != "GET"]
    )
    assert count >= LEAST_CELLS
    assert await fingerprint(superuser, world.victim.tenant_id) == before


async def test_queries_and_bodies_when_they_name_foreign_things(
    world: World, superuser: Connection
) -> None:
    """A foreign id in a query or a body is answered like one of nothing, and shows nothing."""
    before = await fingerprint(superuser, world.victim.tenant_id)
    found: list[str] = []
    count = 0
    for operation in [one for one in operations() if not one.is_for_operators]:
        for foreign, absent in foreign_calls(world, operation):
            ids = await world.caller.made(operation.places, anew=operation.method != "GET")
            answers = []
            for more in (foreign, absent):
                call = operation.call(ids, world.keys["full"], **more)
                answer = await call.send(world.app)
                answers.append(without_ids(answer).replace(CANARY, "nothing"))
                if leaks(answer, call, world.victim):
                    found.append(f"LEAK {call}: {answer.body!r}")
            count += 1
            if answers[0] != answers[1]:
                found.append(f"{operation.method} {operation.path} {foreign}: {answers}")
    assert found == []
    assert count > 20
    assert await fingerprint(superuser, world.victim.tenant_id) == before


def foreign_calls(
    world: World, operation: Operation
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield what more a call says: something foreign, and the like of nothing."""
    foreign_ids = list(world.victim.things.values())
    for parameter in operation.described.get("parameters", []):
        if parameter["in"] == "query":
            for foreign, absent in foreign_values(parameter["schema"], foreign_ids):
                name = parameter["name"]
                yield {"query": {name: foreign}}, {"query": {name: absent}}
    for name, value in (operation.body or {}).items():
        if isinstance(value, str) and re.fullmatch(r"[0-9a-f-]{36}", value):
            for foreign in foreign_ids:
                body = operation.body
                yield {"body": body | {name: foreign}}, {"body": body | {name: str(uuid4())}}


def foreign_values(schema: Mapping[str, Any], ids: list[str]) -> Iterator[tuple[str, str]]:
    """Yield values for a parameter: something foreign, and the like of nothing."""
    if schema.get("format") == "uuid":
        # Cursors are compared, not looked up: nothing lies between the two.
        yield from ((foreign, str(UUID(int=UUID(foreign).int ^ 1))) for foreign in ids)
    elif schema.get("type") == "string" and not {"enum", "const", "format"} & schema.keys():
        yield CANARY, "nothing"


async def test_search_for_leaks_when_one_is_planted(world: World) -> None:
    """An answer with something of the other tenant is noticed, and what the caller said is not."""
    path = f"/api/v1/deliveries/{world.victim.things['delivery_id']}"
    call = Call(method="GET", path=path, key=None)
    assert not leaks(Answer(404, {}, path.encode()), call, world.victim)
    assert leaks(Answer(200, {}, CANARY.encode()), call, world.victim)
    assert leaks(Answer(200, {"x": str(world.victim.tenant_id)}, b""), call, world.victim)
    shown = await Call(method="GET", path=path, key=world.victim.key).send(world.app)
    assert leaks(shown, call, world.victim)
