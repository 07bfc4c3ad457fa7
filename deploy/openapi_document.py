"""Writes docs/openapi.json, and keeps it compatible with what was last released."""

import argparse
from pathlib import Path

import orjson

from control_api.api import ControlApi
from deploy.openapi_changes import Object, incompatible_changes

DOCS = Path(__file__).parent.parent / "docs"
DOCUMENT = DOCS / "openapi.json"
#: The document of the last release: what clients rely on.
RELEASED = DOCS / "openapi.released.json"


def render() -> bytes:
    """Return the text of the document."""
    return orjson.dumps(ControlApi().openapi(), option=orjson.OPT_INDENT_2) + b"\n"


def changes_since_release() -> list[str]:
    """Return what clients of the last release would stumble over."""
    released: Object = orjson.loads(RELEASED.read_bytes())
    return incompatible_changes(released, orjson.loads(render()))


def main() -> None:
    """Write the document."""
    parser = argparse.ArgumentParser(prog="python -m deploy.openapi_document", description=__doc__)
    parser.add_argument(
        "--release", action="store_true", help="also make it what later changes are held against"
    )
    if parser.parse_args().release:
        RELEASED.write_bytes(render())
    DOCUMENT.write_bytes(render())


if __name__ == "__main__":
    main()
