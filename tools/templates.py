"""The real templates, read as data: CloudFormation's short forms kept as ``{"Ref": …}``, ``{"Fn::Sub": …}``."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from tools import ROOT


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms kept as {"Ref": …}, {"Fn::…": …}."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101  YAML has no fourth kind
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def path(service: str) -> Path:
    """Return the template of a service, or the platform's."""
    return ROOT / ("template.yaml" if service == "platform" else f"infra/{service}.yaml")


@functools.cache
def template(service: str) -> dict[str, Any]:
    """Return a service's template."""
    return read(path(service))


def read(file: Path) -> dict[str, Any]:
    """Return the template in a file."""
    return parse(file.read_text())


def parse(text: str) -> dict[str, Any]:
    """Return the template in a text, YAML or JSON."""
    loaded: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 a SafeLoader
    return loaded


def resources(service: str, kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of a template's resources of one type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template(service)["Resources"].items()
        if resource["Type"] == kind
    }
