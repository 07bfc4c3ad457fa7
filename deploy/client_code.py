"""Writes the generated part of postern/client from docs/openapi.json."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from deploy.client_operations import Operation, docstring, resource_module
from deploy.client_types import component_name, python_type, reachable
from deploy.openapi_document import DOCUMENT

CLIENT = Path(__file__).parent.parent / "postern" / "client"
_WRITTEN = "Written by `make client` from docs/openapi.json."

Object = Mapping[str, Any]


def render() -> dict[Path, str]:
    """Return the text of every generated file."""
    document: Object = orjson.loads(DOCUMENT.read_bytes())
    operations = list(_operations(document))
    resources = sorted({operation.resource for operation in operations})
    files = {
        CLIENT / "models.py": _models(document, operations),
        CLIENT / "bodies.py": _bodies(document, operations),
        CLIENT / "resources" / "__init__.py": _resources(resources),
    }
    for resource in resources:
        own = [operation for operation in operations if operation.resource == resource]
        files[CLIENT / "resources" / f"{resource}.py"] = resource_module(resource, own)
    return _formatted(files)


def _operations(document: Object) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "x-resource" in operation:
                yield Operation(method.upper(), path, operation)


def _models(document: Object, operations: list[Operation]) -> str:
    schemas = document["components"]["schemas"]
    answers = [one for operation in operations for one in operation.answer_schemas.values()]
    wholes = {component_name(answer["$ref"]) for answer in answers if "$ref" in answer}
    items = [operation.item_schema for operation in operations]
    classes = [
        _definition(name, schemas[name], "Envelope" if component_name(name) in wholes else "Model")
        for name in sorted(reachable({"all": [answers, items]}, schemas))
    ]
    head = f'''"""What answers hold. {_WRITTEN}"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from postern.client.envelope import Envelope, Model
'''
    return head + "".join(classes)


def _bodies(document: Object, operations: list[Operation]) -> str:
    schemas = document["components"]["schemas"]
    wanted = reachable({"all": [operation.body_schema for operation in operations]}, schemas)
    classes = [_body(name, schemas[name]) for name in sorted(wanted)]
    head = f'''"""What requests hold, as typed dictionaries. {_WRITTEN}"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict
from uuid import UUID
'''
    return head + "".join(classes)


def _definition(name: str, schema: Object, base: str) -> str:
    """Return a model, or the alias of what is no object."""
    name = component_name(name)
    if "properties" not in schema:
        return f"\n\n{name}: TypeAlias = {python_type(schema)}\n"
    required = schema.get("required", ())
    lines = [
        _note(field) + _field(key, python_type(field), is_required=key in required)
        for key, field in schema["properties"].items()
    ]
    return f"\n\nclass {name}({base}):\n{_docstring(schema, name)}\n" + "".join(lines)


def _field(name: str, annotation: str, *, is_required: bool) -> str:
    if is_required:
        return f"    {name}: {annotation}\n"
    optional = annotation if annotation.endswith(("None", "Any")) else f"{annotation} | None"
    return f"    {name}: {optional} = None\n"


def _body(name: str, schema: Object) -> str:
    """Return a dictionary's type, or the alias of what is no object."""
    name = component_name(name)
    if "properties" not in schema:
        return f"\n\n{name}: TypeAlias = {python_type(schema, is_request=True)}\n"
    required = schema.get("required", ())
    lines = []
    for key, field in schema["properties"].items():
        annotation = python_type(field, is_request=True)
        annotation = annotation if key in required else f"NotRequired[{annotation}]"
        lines.append(f"{_note(field)}    {key}: {annotation}\n")
    return f"\n\nclass {name}(TypedDict):\n{_docstring(schema, name)}\n" + "".join(lines)


def _docstring(schema: Object, name: str) -> str:
    return textwrap.indent(docstring(schema.get("description") or f"{name}."), "    ")


def _note(schema: Object) -> str:
    text = schema.get("description", "")
    return "".join(f"    #: {line}\n" for line in textwrap.wrap(text, 90, break_on_hyphens=False))


def _resources(names: list[str]) -> str:
    lines = [
        f"from postern.client.resources.{name} import {_class(name)}, Async{_class(name)}\n"
        for name in names
    ]

    def attributes(prefix: str, http: str) -> str:
        return f'''

class {prefix}Resources:
    """Every resource, by name."""

    def __init__(self, http: {http}) -> None:
''' + "".join(f"        self.{name} = {prefix}{_class(name)}(http)\n" for name in names)

    head = f'"""The resources of the API. {_WRITTEN}"""\n\n'
    imports = "".join([*lines, "from postern.client.transport import AsyncHttp, Http\n"])
    return head + imports + attributes("", "Http") + attributes("Async", "AsyncHttp")


def _class(resource: str) -> str:
    return resource.title().replace("_", "")


def _formatted(files: Mapping[Path, str]) -> dict[Path, str]:
    """Return the files as the formatter has them."""
    with TemporaryDirectory() as directory:
        names = {path: Path(directory) / f"{n}.py" for n, path in enumerate(files)}
        for path, text in files.items():
            names[path].write_text(text)
        _ruff("check", "--fix-only", "--unsafe-fixes", "--select", "I,F401,UP028", directory)
        _ruff("format", directory)
        return {path: name.read_text() for path, name in names.items()}


def _ruff(*arguments: str) -> None:
    config = CLIENT.parent.parent / "pyproject.toml"
    command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--config", str(config)]
    subprocess.run(command, check=True)


def main() -> None:
    """Write the files, and delete those of resources that are gone."""
    files = render()
    directory = CLIENT / "resources"
    directory.mkdir(exist_ok=True)
    for stale in set(directory.glob("*.py")) - files.keys():
        stale.unlink()
    for path, text in files.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
