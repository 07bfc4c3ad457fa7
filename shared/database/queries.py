"""Loads named SQL: ``-- name --`` heads each query in the .sql file beside its repository."""

import re
from importlib import resources
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- (\w+) --$", re.MULTILINE)


class Queries:
    """The queries of one .sql file, by name."""

    def __init__(self, package: str, filename: str) -> None:
        self.filename = filename
        self._by_name = _parse(resources.files(package).joinpath(filename).read_text())

    def __getitem__(self, name: str) -> LiteralString:
        """Return the text of a query; ``LiteralString`` so that a built-up string is refused."""
        return self._by_name[name]

    def names(self) -> list[str]:
        """Return every query's name, in file order."""
        return list(self._by_name)


def _parse(text: str) -> dict[str, LiteralString]:
    parts = _HEADING.split(text)
    return {
        name: cast("LiteralString", body.strip())
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }
