"""The text patterns of requests and facts mean to Python what they mean to everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.support.services import app_of
from tools.contracts.schemas import published
from tools.services import services


def patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for inner in schema.values():
            yield from patterns(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from patterns(inner)


@pytest.mark.parametrize("service", services())
def test_no_pattern_lets_a_final_newline_pass(service: str) -> None:
    """A bare ``$`` matches before a final newline in Python, though nowhere in JSON Schema."""
    asked = {kind for one in app_of(service).app.operations for kind in (one.body_kind, one.query)}
    _, components = msgspec.json.schema_components([*(asked - {None, bytes}), *published(service)])
    assert {text for text in patterns(components) if text.endswith("$")} == set()
