"""Write docs/openapi/<service>.json (OpenAPI 3.1) from the code: routes, types, bounds and documented answers.

    python -m tools.contracts.openapi          # writes the pages
    python -m tools.contracts.openapi --check  # exits 1 when what is there differs

All of it is what the routes declare (functions/shared/http.py), and what their docstrings say of the answers.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from functions.shared.http import Operation
from tools import ROOT
from tools.services import services

PAGES = ROOT / "docs" / "openapi"
_TEXT = {"type": "string"}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457: what went wrong, and where. `code` is stable.",
    "properties": {
        "type": {"type": "string", "format": "uri", "examples": ["urn:souk:problem:too_long"]},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "code": {"type": "string", "examples": ["too_long"]},
        "parameters": {
            "type": "object",
            "description": "What the detail names (limits, SKUs, choices), for a sentence in another language",
            "additionalProperties": {"type": ["string", "integer"]},
            "examples": [{"maximum": 120}],
        },
        "pointer": {
            "type": "string",
            "description": "JSON pointer to the field at fault",
            "examples": ["/lines/0"],
        },
        "retryAfter": {"type": "integer", "description": "Seconds after which the same request may succeed"},
        "correlationId": _TEXT,
    },
    "required": ["type", "title", "status", "detail", "code", "parameters", "correlationId"],
}
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "required": [{"token": []}],
    "optional": [{}, {"token": []}],
    "none": [],
}
_NONE = [("default", None), ("default", "")]
_SAID_ELSEWHERE = {"Content-Type"}
"""Of headers: the content of a request's body is named by its type."""


def page(service: str) -> dict[str, Any]:
    """Return the OpenAPI document of a service."""
    app = importlib.import_module(f"functions.{service}.app").app
    operations: list[Operation] = app.operations
    wanted = [kind for one in operations for kind in (one.body_kind, one.returns)]
    kinds = list(dict.fromkeys(kind for kind in wanted if kind not in (None, bytes)))
    references, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(kinds, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Souk, {service}", "version": "1"},
        "servers": [{"url": "http://localhost:8080", "description": "make run"}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted({**_sound(components), "Problem": _PROBLEM}.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _sound(schema: Any) -> Any:
    """Return a schema without defaults that its own bounds refuse: an empty text that means none."""
    if isinstance(schema, list):
        return [_sound(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    unsound = schema.get("default") == "" and schema.get("minLength", 0) > 0
    return {name: _sound(inner) for name, inner in schema.items() if not (unsound and name == "default")}


def _operation(one: Operation, schemas: dict[type, dict[str, Any]]) -> dict[str, Any]:
    summary, answers = documented(one.summary)
    made: dict[str, Any] = {
        "summary": summary,
        "operationId": one.view.__name__,
        "security": _SECURITY[one.auth],
    }
    if one.roles:
        made["description"] = f"Needs the role {' or '.join(one.roles)}."
    if parameters := _parameters(one):
        made["parameters"] = parameters
    if one.body is not None:
        made["requestBody"] = _request(one, schemas)
    made["responses"] = {
        **{status: _response(status, text, one, schemas) for status, text in answers.items()},
        "default": _problem("Anything else that went wrong"),
    }
    return made


def _parameters(one: Operation) -> list[dict[str, Any]]:
    """Return the parameters of the path, the query and the headers, as they are declared."""
    path = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in re.findall(r"{(\w+)}", one.path)
    ]
    headers = [
        {
            "name": header.name,
            "in": "header",
            "description": header.description,
            "required": header.required,
            "schema": _TEXT,
        }
        for header in sorted(one.headers, key=lambda header: header.name)
        if header.name not in _SAID_ELSEWHERE
    ]
    return [*path, *(_queried(one.query) if one.query else ()), *headers]


def _queried(kind: type) -> Iterator[dict[str, Any]]:
    _, components = msgspec.json.schema_components([kind], ref_template="#/components/schemas/{name}")
    for name, declared in sorted(components[kind.__name__]["properties"].items()):
        schema = _given(declared)
        said = {"description": schema.pop("description")} if "description" in schema else {}
        yield {"name": name, "in": "query", **said, "required": False, "schema": schema}


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter that was given: without the null or the empty text that stands for none."""
    said = {name: value for name, value in schema.items() if name != "anyOf" and (name, value) not in _NONE}
    (kind,) = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}] or [{}]
    return {"type": "string", **said, **kind}


def _request(one: Operation, schemas: dict[type, dict[str, Any]]) -> dict[str, Any]:
    anything: dict[str, Any] = {} if one.content_types == ("application/json",) else _TEXT
    schema = schemas.get(one.body_kind, anything) if one.body_kind else anything
    return {
        "required": one.body_required,
        "content": {kind: {"schema": schema} for kind in one.content_types},
    }


def _response(status: str, text: str, one: Operation, schemas: dict[type, dict[str, Any]]) -> dict[str, Any]:
    if int(status) >= 400:
        return _problem(text)
    made: dict[str, Any] = {"description": text or "Done"}
    if one.returns and int(status) == one.status:
        made["content"] = {"application/json": {"schema": schemas[one.returns]}}
    return made


def _problem(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text or "A problem", "content": {"application/problem+json": {"schema": schema}}}


def documented(line: str) -> tuple[str, dict[str, str]]:
    """Return what a view does and the answers it gives, by its docstring's first line.

    That reads ``Get it, with all its parts: 200 the thing | 404 none, or not yours.``
    """
    first, *rest = line.rstrip(".").replace("``", "`").split("|")
    summary, _, success = first.rpartition(": ")
    answers: dict[str, str] = {}
    for part in (success, *rest):
        status, text = re.fullmatch(r"\s*([1-5][0-9]{2})[,\s]*(.*?)\s*", part).groups()  # type: ignore[union-attr]
        answers[status] = "; ".join(filter(None, (answers.get(status), text)))
    return summary, answers


def pages() -> dict[Path, str]:
    """Return every page's path and content."""
    return {
        PAGES / f"{service}.json": json.dumps(page(service), indent=2, ensure_ascii=False) + "\n"
        for service in services()
    }


def main() -> int:
    """Write the pages, or check them with ``--check``."""
    wanted = pages()
    present = set(PAGES.glob("*.json"))
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    extra = sorted(present - set(wanted))
    if "--check" in sys.argv:
        for path in [*stale, *extra]:
            print(f"{path.relative_to(ROOT)} does not follow from the code: run make contracts")
        return 1 if stale or extra else 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(wanted[path])
    for path in extra:
        path.unlink()
    print(f"{len(wanted)} pages, {len(stale)} written, {len(extra)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
