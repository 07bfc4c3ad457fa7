"""Writes deploy/example.env: every setting of every program, with its default and its effect."""

import textwrap
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from control_api.settings import ControlApiSettings
from gateway.settings import GatewaySettings
from shared.settings import Settings, variable_of
from worker.settings import WorkerSettings

EXAMPLE = Path(__file__).parent / "example.env"
_SECTIONS: dict[str, type[Settings]] = {
    "Gateway": GatewaySettings,
    "Worker": WorkerSettings,
    "Control API": ControlApiSettings,
}
_HEADER = """\
# Every setting, with its default: written by `make settings`, kept current by a test.
# A program reads the settings of all programs and its own; any other POSTERN_ variable is a fault.
# `python -m gateway --check-config` shows what is in effect.
"""


def render() -> str:
    """Return the text of the example."""
    common = {item.name for item in fields(Settings)}
    parts = [_HEADER, _section("All programs", Settings, [*fields(Settings)])]
    for title, cls in _SECTIONS.items():
        own = [item for item in fields(cls) if item.name not in common]
        parts.append(_section(title, cls, own))
    return "\n".join(parts)


def _section(title: str, cls: type[Settings], items: list[Field[Any]]) -> str:
    return "\n".join([f"# {title}", "", *(_entry(cls, item) for item in items)])


def _entry(cls: type[Settings], item: Field[Any]) -> str:
    required = item.default is MISSING
    words = item.metadata["doc"] + (" Required." if required else "")
    comment = textwrap.indent(textwrap.fill(words, 97), "# ")
    shown = "" if required else _shown(item.default)
    return f"{comment}\n{'' if required else '#'}{variable_of(cls, item)}={shown}\n"


def _shown(default: object) -> str:
    match default:
        case bool():
            return str(default).lower()
        case tuple():
            return ",".join(map(str, default))
        case None:
            return ""
        case _:
            return str(default)


def main() -> None:
    """Write the file."""
    EXAMPLE.write_text(render())
    print(f"wrote {EXAMPLE}")


if __name__ == "__main__":
    main()
