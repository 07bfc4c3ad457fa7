"""Writes the OpenAPI document as a page for people: no scripts, nothing from other addresses."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Object = Mapping[str, Any]

_SCHEMAS = "#/components/schemas/"
_MAX_DEPTH = 4


def render_page(document: Object, *, stylesheet: str, raw: str) -> str:
    """Return the page; ``stylesheet`` and ``raw`` are where the style and the document are."""
    info = document["info"]
    groups = _groups(document)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title>"
        f'<link rel="stylesheet" href="{escape(stylesheet)}"></head><body>'
        f"<nav><h1>{escape(info['title'])}</h1>{''.join(_contents(groups))}</nav><main>"
        f"{_paragraphs(info['description'])}"
        f'<p><a href="{escape(raw)}">The same as an OpenAPI {escape(document["openapi"])} '
        "document</a></p>"
        f"{''.join(_sections(document, groups))}</main></body></html>"
    )


def _groups(document: Object) -> dict[str, list[tuple[str, str, Object]]]:
    """Return the operations (method, path, description) by tag, in the order of the tags."""
    groups: dict[str, list[tuple[str, str, Object]]] = {
        tag["name"]: [] for tag in document.get("tags", ())
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups.setdefault(operation["tags"][0], []).append((method, path, operation))
    return {tag: found for tag, found in groups.items() if found}


def _contents(groups: Mapping[str, list[tuple[str, str, Object]]]) -> Iterator[str]:
    for tag, operations in groups.items():
        links = "".join(
            f'<li><a href="#{operation["operationId"]}">{_method(method)} '
            f"{escape(operation['summary'])}</a></li>"
            for method, _, operation in operations
        )
        yield f"<h2>{escape(tag)}</h2><ul>{links}</ul>"


def _sections(
    document: Object, groups: Mapping[str, list[tuple[str, str, Object]]]
) -> Iterator[str]:
    described = {tag["name"]: tag.get("description", "") for tag in document.get("tags", ())}
    for tag, operations in groups.items():
        yield f"<h2>{escape(tag)}</h2><p>{escape(described.get(tag, ''))}</p>"
        for method, path, operation in operations:
            yield _operation(document, method, path, operation)


def _operation(document: Object, method: str, path: str, operation: Object) -> str:
    permissions = ", ".join(f"<code>{escape(name)}</code>" for name in operation["x-permissions"])
    return (
        f'<section id="{operation["operationId"]}">'
        f"<h3>{_method(method)} <code>{escape(path)}</code></h3>"
        f"{_paragraphs(operation['description'])}"
        + (f"<p>Needs {permissions}.</p>" if permissions else "")
        + _parameters(document, operation)
        + _body(document, operation)
        + "".join(
            _answer(document, status, answer) for status, answer in operation["responses"].items()
        )
        + "</section>"
    )


def _method(method: str) -> str:
    return f'<b class="{method}">{method.upper()}</b>'


def _parameters(document: Object, operation: Object) -> str:
    rows = [
        _row(
            document,
            f"{parameter['name']} <small>{parameter['in']}</small>",
            {"description": parameter.get("description", "")} | parameter["schema"],
            is_required=parameter.get("required", False),
        )
        for parameter in operation.get("parameters", ())
    ]
    return f"<h4>Parameters</h4><table>{''.join(rows)}</table>" if rows else ""


def _body(document: Object, operation: Object) -> str:
    body = operation.get("requestBody")
    if body is None:
        return ""
    (content,) = body["content"].values()
    duty = "" if body.get("required") else " (may be left out)"
    return f"<h4>Body{duty}</h4>{_content(document, content)}"


def _answer(document: Object, status: str, answer: Object) -> str:
    head = f"<summary><b>{status}</b> {escape(answer['description'])}</summary>"
    contents = [
        f"<p><code>{escape(media_type)}</code></p>{_content(document, content)}"
        for media_type, content in answer.get("content", {}).items()
    ]
    return f"<details>{head}{''.join(contents)}</details>"


def _content(document: Object, content: Object) -> str:
    schema = content.get("schema", {})
    rows = "".join(_rows(document, schema.get("x-item-schema", schema), "", 0))
    table = f"<table>{rows}</table>" if rows else ""
    example = content.get("example")
    if example is None:
        return table
    text = example if isinstance(example, str) else json.dumps(example, indent=2)
    return f"{table}<pre>{escape(text)}</pre>"


def _rows(document: Object, schema: Object, prefix: str, depth: int) -> Iterator[str]:
    """Yield a row for each field of an object, and of the objects in it."""
    schema = _resolved(document, schema)
    if schema.get("type") == "array":
        yield from _rows(document, schema.get("items", {}), f"{prefix}[]", depth)
    if depth > _MAX_DEPTH:
        return
    for name, field in schema.get("properties", {}).items():
        path = f"{prefix}.{name}".lstrip(".")
        yield _row(document, escape(path), field, is_required=name in schema.get("required", ()))
        for inner in _choices(field):
            yield from _rows(document, inner, path, depth + 1)


def _row(document: Object, name: str, field: Object, *, is_required: bool) -> str:
    text = field.get("description") or _resolved(document, field).get("description", "")
    duty = "" if is_required else " <small>optional</small>"
    return (
        f"<tr><th>{name}{duty}</th><td><code>{escape(_type(document, field))}</code></td>"
        f"<td>{escape(text)}</td></tr>"
    )


def _choices(schema: Object) -> list[Object]:
    return schema.get("anyOf") or schema.get("oneOf") or [schema]


def _type(document: Object, schema: Object) -> str:
    """Return a schema in a few words."""
    if len(choices := _choices(schema)) > 1:
        return " or ".join(_type(document, choice) for choice in choices)
    if "$ref" in schema:
        resolved = _resolved(document, schema)
        return _type(document, resolved) if "enum" in resolved else _name(schema)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    kind = schema.get("format") or schema.get("type") or "any"
    if kind == "array":
        kind = f"list of {_type(document, schema.get('items', {}))}"
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: Object) -> str:
    low = schema.get("minimum", schema.get("minLength"))
    high = schema.get("maximum", schema.get("maxLength"))
    if low is None and high is None:
        return ""
    return f" ({'' if low is None else low}…{'' if high is None else high})"


def _name(schema: Object) -> str:
    return str(schema["$ref"]).removeprefix(_SCHEMAS)


def _resolved(document: Object, schema: Object) -> Object:
    if "$ref" not in schema:
        return schema
    found: Object = document["components"]["schemas"][_name(schema)]
    return found


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.strip().split("\n\n"))
