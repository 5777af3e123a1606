"""The artifacts: what `sam build` ships for each function and for the layer, by size, files and compiled share."""

from __future__ import annotations

import io
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.templates import ROOT
from tools.build import recipe


@dataclass(frozen=True)
class Artifact:
    """One zip as Lambda would be given it; `modules` are .py or .pyc, `compiled` those that need no compiling."""

    name: str
    zip_bytes: int
    bytes: int
    files: int
    modules: int
    compiled: int
    pyc_bytes: int


def built() -> list[Artifact]:
    """Return one artifact per service and the layer, from .aws-sam/; empty where nothing was built."""
    found = []
    for stack in sorted((ROOT / ".aws-sam").glob("*/build")):
        functions = [path for path in sorted(stack.iterdir()) if (path / "functions").is_dir()]
        found += [weigh(stack.parent.name, path) for path in functions[:1]]
    layers = sorted((ROOT / ".aws-sam").glob("orders/build/*/python"))
    return found + [weigh("shared layer", layer.parent) for layer in layers[:1]]


def build(service: str) -> Artifact:
    """Build a function that has no dependencies of its own, as its Makefile does, and weigh it."""
    with tempfile.TemporaryDirectory() as scratch:
        recipe.build_function(service, Path(scratch))
        return weigh(service, Path(scratch))


def weigh(name: str, folder: Path) -> Artifact:
    """Return the figures of an artifact's folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    sources = {path.relative_to(folder) for path in files if path.suffix == ".py"}
    compiled = [path for path in files if path.suffix == ".pyc"]
    modules = {_module(path.relative_to(folder)) for path in compiled}
    return Artifact(
        name,
        len(packed.getvalue()),
        sum(path.stat().st_size for path in files),
        len(files),
        len(modules | {str(source.with_suffix("")) for source in sources}),
        len(modules),
        sum(path.stat().st_size for path in compiled),
    )


def _module(compiled: Path) -> str:
    """Return the module that a .pyc is of, as a path without ending."""
    if compiled.parent.name == "__pycache__":
        return str(compiled.parent.parent / compiled.name.split(".")[0])
    return str(compiled.with_suffix(""))
