"""The tree of what a sample holds: paths that are JSONata, with types and examples.

The items of an array are one: what is in any of them is in the tree, under the array's own path,
which JSONata maps over the items.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from control_api.json_types import type_of

MAX_DEPTH = 16
MAX_NODES = 1000
#: Of an array, more items than these would tell little.
_MAX_ITEMS = 100
_MAX_EXAMPLE_CHARACTERS = 200
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: Words of JSONata that look like names.
_RESERVED = frozenset({"and", "or", "in", "true", "false", "null", "function"})


@dataclass(slots=True)
class _Node:
    types: set[str] = field(default_factory=set)
    #: The types of items, where it is an array.
    item_types: set[str] = field(default_factory=set)
    example: object = None
    members: dict[str, "_Node"] = field(default_factory=dict)


class _Tree:
    def __init__(self) -> None:
        self.root = _Node()
        self._nodes = 1
        self.is_truncated = False

    def add(self, node: _Node, value: object, depth: int) -> None:
        kind = type_of(value)
        node.types.add(kind)
        if isinstance(value, dict):
            self._add_members(node, value, depth)
        elif isinstance(value, list):
            self._add_items(node, value, depth)
        elif node.example is None:
            node.example = _shortened(value)

    def _add_members(self, node: _Node, value: Mapping[str, object], depth: int) -> None:
        if depth == MAX_DEPTH:
            self.is_truncated |= bool(value)
            return
        for name, member in value.items():
            if name not in node.members:
                if self._nodes == MAX_NODES:
                    self.is_truncated = True
                    return
                self._nodes += 1
                node.members[name] = _Node()
            self.add(node.members[name], member, depth + 1)

    def _add_items(self, node: _Node, items: list[object], depth: int) -> None:
        self.is_truncated |= len(items) > _MAX_ITEMS
        for item in items[:_MAX_ITEMS]:
            node.item_types.add(type_of(item))
            if isinstance(item, dict):
                self._add_members(node, item, depth)
            elif isinstance(item, list):
                if depth < MAX_DEPTH:
                    self._add_items(node, item, depth + 1)
            elif node.example is None:
                node.example = _shortened(item)


def sample_tree(document: object) -> dict[str, Any]:
    """Return the tree of a JSON document, bounded in depth and size."""
    tree = _Tree()
    tree.add(tree.root, document, 0)
    return {"root": _content(tree.root, "$"), "is_truncated": tree.is_truncated}


def _content(node: _Node, path: str) -> dict[str, Any]:
    return {
        "path": path,
        "types": sorted(node.types),
        "item_types": sorted(node.item_types),
        "example": node.example,
        "children": [
            {"name": name, **_content(member, child_path(path, name))}
            for name, member in node.members.items()
        ],
    }


def child_path(parent: str, name: str) -> str:
    """Return the JSONata path of a member; ``$`` is the whole document.

    A name that cannot stand in a path, even in backquotes, is looked up.
    """
    if not name or "`" in name:
        return f"$lookup({parent}, {orjson.dumps(name).decode()})"
    step = name if _NAME.fullmatch(name) and name not in _RESERVED else f"`{name}`"
    return step if parent == "$" else f"{parent}.{step}"


def _shortened(value: object) -> object:
    if isinstance(value, str) and len(value) > _MAX_EXAMPLE_CHARACTERS:
        return value[:_MAX_EXAMPLE_CHARACTERS] + "…"
    return value
