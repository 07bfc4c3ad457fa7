"""The tree of a sample's paths."""

from collections.abc import Iterator
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from control_api.sample_paths import MAX_DEPTH, MAX_NODES, child_path, sample_tree
from shared.expressions.engine import Engine

names = st.sampled_from(["a", "b c", "and", "ü", "", "x`y", "1", "a.b", 'q"', "function", "\n"])
scalars = st.booleans() | st.integers(-99, 99) | st.text("ab", max_size=3)
documents = st.recursive(
    scalars,
    lambda inner: st.dictionaries(names, inner, max_size=3) | st.lists(inner, max_size=3),
    max_leaves=8,
)


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node["children"]:
        yield from nodes(child)


def paths(document: object) -> dict[str, dict[str, Any]]:
    return {node["path"]: node for node in nodes(sample_tree(document)["root"])}


@given(documents)
def test_every_path_when_evaluated(document: object) -> None:
    """Each path is JSONata, and finds something in the document that it was made of."""
    engine = Engine()
    body = orjson.dumps(document)
    for path, node in paths(document).items():
        found = engine.evaluate(path, body)
        if node["example"] is not None or "object" in node["types"]:
            assert found is not None, path


def test_arrays_when_their_items_differ() -> None:
    """What is in any item is in the tree, under the array's own path."""
    found = paths({"tags": ["a", 1], "devices": [{"id": 1}, {"id": "x", "on": True}, None]})
    assert found["tags"]["types"] == ["array"]
    assert found["tags"]["item_types"] == ["number", "string"]
    assert found["tags"]["example"] == "a"
    assert found["devices.id"]["types"] == ["number", "string"]
    assert found["devices.on"]["example"] is True
    assert found["devices"]["item_types"] == ["null", "object"]


def test_names_when_they_are_strange() -> None:
    """Whatever is no plain name stands in backquotes, or is looked up."""
    assert child_path("$", "id") == "id"
    assert child_path("a.b", "two words") == "a.b.`two words`"
    assert child_path("$", "and") == "`and`"
    assert child_path("a", "x`y") == '$lookup(a, "x`y")'
    assert child_path("$", "") == '$lookup($, "")'


def test_tree_when_the_document_is_large() -> None:
    """Depth, members and examples are bounded, and it is said that something is left out."""
    deep: object = "end"
    for _ in range(100):
        deep = {"a": deep}
    for document in (deep, {str(number): 1 for number in range(MAX_NODES * 2)}, list(range(500))):
        tree = sample_tree(document)
        assert tree["is_truncated"]
        assert len(list(nodes(tree["root"]))) <= MAX_NODES
    assert len(paths(deep)) == MAX_DEPTH + 1
    assert len(paths({"a": "x" * 1000})["a"]["example"]) == 201
    assert not sample_tree({"a": [1, 2]})["is_truncated"]
