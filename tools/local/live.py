"""Put edited code on functions that are deployed already, without CloudFormation: what `make watch` does."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tools.build import recipe

Clients = Callable[[str], Any]
"""Gives the boto3 client of an AWS service, by its name."""


def push_service(client_of: Clients, service: str) -> list[str]:
    """Build one service and give its functions the code; return their names."""
    with tempfile.TemporaryDirectory() as folder:
        recipe.build_function(service, Path(folder))
        content = _zip(Path(folder))
    names = _resources(client_of, service, "AWS::Lambda::Function")
    client = client_of("lambda")
    _side_by_side(lambda name: client.update_function_code(FunctionName=name, ZipFile=content), names)
    return names


def push_shared(client_of: Clients, services: list[str]) -> list[str]:
    """Build the shared layer and give it to every function that has one; return their names.

    They share one new version until the next deploy gives each stack its own again.
    """
    with tempfile.TemporaryDirectory() as folder:
        recipe.build_layer(Path(folder))
        content = _zip(Path(folder))
    client = client_of("lambda")
    layer: str | None = None
    changed: list[str] = []
    for service in services:
        for arn in _resources(client_of, service, "AWS::Lambda::LayerVersion"):
            layer = (
                layer
                or client.publish_layer_version(LayerName=arn.split(":")[6], Content={"ZipFile": content})[
                    "LayerVersionArn"
                ]
            )
            changed += _resources(client_of, service, "AWS::Lambda::Function")
    _side_by_side(
        lambda name: client.update_function_configuration(FunctionName=name, Layers=[layer]), changed
    )
    return changed


def _side_by_side(update: Callable[[str], object], names: list[str]) -> None:
    """Update many functions at a time; one after the other they take seconds."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(update, names))


def _resources(client_of: Clients, service: str, kind: str) -> list[str]:
    """Return the physical ids of a stack's resources of one type."""
    found: list[dict[str, Any]] = client_of("cloudformation").describe_stack_resources(
        StackName=f"souk-local-{service}"
    )["StackResources"]
    return [item["PhysicalResourceId"] for item in found if item["ResourceType"] == kind]


def _zip(folder: Path) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(folder))
    return memory.getvalue()
