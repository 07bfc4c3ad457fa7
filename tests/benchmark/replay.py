"""The statements that a worker sends for one delivery, as PostgreSQL logs them, for pgbench.

Nothing is written down here a second time: whatever the worker sends is what pgbench repeats.
"""

import re
import subprocess
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from shared.embedded.postgres import binary
from tests.benchmark.recorded import Batch

#: What the server has to be started with, so that its log can be read.
LOG_SETTINGS: Mapping[str, str] = {"logging_collector": "on", "log_destination": "jsonlog"}
LOG_EVERYTHING = "alter system set log_statement = 'all'"
LOG_NOTHING = "alter system reset log_statement"

_PARAMETER = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")
_LITERAL = re.compile(r"'(?:[^']|'')*'")
#: What asyncpg does once in each connection: it asks for types, with a setting changed.
_OF_THE_DRIVER = ("typeinfo_tree", "current_setting('jit')", "set_config('jit'")
#: What every transaction has that finishes a delivery.
_CLOSING = "finish_delivery"
_PREPARED = re.compile(r"execute [^:]*: ", re.DOTALL)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: An array of one item, quoted or bare.
_ARRAY_OF_ONE = re.compile(r'\{(?:"((?:[^"\\]|\\.)*)"|([^",{}\\\s]+))\}')
_LINE_COMMENT = re.compile(r"--[^\n]*")
_CONNECTION = (
    "-c role=postern_tenant -c jit=off -c enable_seqscan=off -c plan_cache_mode=force_generic_plan"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it was sent, with the texts of its parameters."""

    text: str
    parameters: Mapping[int, str | None]

    @property
    def word(self) -> str:
        """Its first word."""
        return self.text.partition(" ")[0].lower()


#: Statements that were sent at once, and answered at once.
Request = Sequence[Statement]


def requests_of(log_dir: Path, delivery_id: UUID) -> list[Request]:
    """Return the transaction that closed a delivery, request by request."""
    for transaction in _transactions(log_dir):
        if any(
            _CLOSING in each.text and str(delivery_id) in each.parameters.values()
            for request in transaction
            for each in request
        ):
            return transaction
    raise LookupError(f"no transaction of {delivery_id} in {log_dir}")


def _transactions(log_dir: Path) -> Iterator[list[Request]]:
    by_process: dict[int, list[Request]] = {}
    for file in sorted(log_dir.glob("*.json")):
        for line in file.read_bytes().splitlines():
            entry: dict[str, Any] = orjson.loads(line)
            request = _request(entry)
            if not request or any(text in request[0].text for text in _OF_THE_DRIVER):
                continue
            if request[0].word == "begin":
                by_process[entry["pid"]] = []
            by_process.setdefault(entry["pid"], []).append(request)
            if request[-1].word == "commit":
                yield by_process.pop(entry["pid"])


def _request(entry: Mapping[str, Any]) -> Request:
    message = entry.get("message", "")
    if message.startswith("statement: "):
        texts = message.removeprefix("statement: ").split(";")
        return [_with_parameters(text.strip()) for text in texts if text.strip()]
    if not message.startswith("execute "):
        return []
    parameters = {
        int(number): None if text == "NULL" else _unquoted(text)
        for number, text in _PARAMETER.findall(entry.get("detail", ""))
    }
    return [Statement(_PREPARED.sub("", message, count=1).strip(), parameters)]


def _with_parameters(text: str) -> Statement:
    """Return a statement that was sent without parameters as one with its literals as such."""
    parameters: dict[int, str | None] = {}

    def number(match: re.Match[str]) -> str:
        parameters[len(parameters) + 1] = _unquoted(match[0])
        return f"${len(parameters)}"

    return Statement(_LITERAL.sub(number, text), parameters)


def _unquoted(literal: str) -> str:
    return literal[1:-1].replace("''", "'")


def pgbench_script(
    requests: Sequence[Request], example: Batch, batch: Batch, *, known_ids: Collection[str]
) -> str:
    """Return a script that does for each delivery of a batch what was done for the example's.

    Three things are computed from a delivery's number, in the statement itself: its id, what its
    device is called, and every id that is not known, which is of an entity. The rest stays.
    """
    device = example.device(example.first)
    named = f"{batch.family}-' || lpad(:device::bigint::text, 8, '0')"
    computed = {
        str(example.delivery_id(example.first)): _id(batch.prefix, ":n"),
        device: f"'{named}",
        f"ws-{device}": f"'ws-{named}",
    }
    sent = {
        _only_item(value) or value
        for request in requests
        for each in request
        for value in each.parameters.values()
        if value
    }
    for value in sent - computed.keys() - set(known_ids):
        if _UUID.fullmatch(value):
            computed[value] = _id(batch.prefix.replace("-8000-", "-9000-"), ":device")
    return "\n".join(
        [
            r"\set i :i + 1",
            r"\set n :first + :i * :clients + :client_id",
            r"\set device :n % :devices",
            *(line for request in requests for line in _lines(request, computed)),
            "",
        ]
    )


def _lines(request: Request, computed: Mapping[str, str]) -> Iterator[str]:
    """Yield a request's lines: what was sent at once goes out at once."""
    if len(request) > 1:
        yield r"\startpipeline"
    for statement in request:
        yield _filled(statement, computed)
    if len(request) > 1:
        yield r"\endpipeline"


def _id(prefix: str, number: str) -> str:
    return f"('{prefix}' || lpad(to_hex({number}::bigint), 12, '0'))::uuid"


def _filled(statement: Statement, computed: Mapping[str, str]) -> str:
    text = _LITERAL.sub(
        lambda match: _literal(_unquoted(match[0])), _LINE_COMMENT.sub("", statement.text)
    )

    def value(match: re.Match[str]) -> str:
        parameter = statement.parameters[int(match[1])]
        if parameter is None:
            return "null"
        item = computed.get(_only_item(parameter) or "")
        if item is not None:
            return f"array[{item}]"
        return computed.get(parameter) or _literal(parameter)

    filled = re.sub(r"\$(\d+)", value, text)
    return " ".join(filled.split()).rstrip(";") + ";"


def _only_item(value: str) -> str | None:
    """Return the item of an array of one, as the server writes it; None for all else."""
    match = _ARRAY_OF_ONE.fullmatch(value)
    return None if match is None else match[1] or match[2]


def _literal(value: str) -> str:
    """Return a value as pgbench can read it: a colon in it would name a variable."""
    quoted = value.replace("\\", r"\\").replace("'", "''").replace(":", r"\x3a")
    return f"E'{quoted}'"


@dataclass(frozen=True, slots=True)
class PgbenchRun:
    """What pgbench said."""

    transactions: int
    failed: int


def run_pgbench(dsn: str, script: Path, batch: Batch, *, clients: int) -> PgbenchRun:
    """Run a script once for every delivery of a batch."""
    ended = subprocess.run(
        [
            str(binary("pgbench")),
            *("--no-vacuum", "--protocol=prepared", "--jobs=2"),
            *(f"--client={clients}", f"--transactions={batch.count // clients}"),
            *("-D", "i=-1", "-D", f"first={batch.first}", "-D", f"clients={clients}"),
            *("-D", f"devices={batch.devices}", f"--file={script}", dsn),
        ],
        check=False,
        capture_output=True,
        text=True,
        env={"PGOPTIONS": _CONNECTION, "LC_ALL": "C.UTF-8"},
    )
    done = re.search(r"actually processed: (\d+)", ended.stdout)
    failed = re.search(r"failed transactions: (\d+)", ended.stdout)
    if ended.returncode or done is None or failed is None:
        raise RuntimeError(f"pgbench said: {ended.stdout}{ended.stderr[:2000]}")
    return PgbenchRun(int(done[1]), int(failed[1]))
