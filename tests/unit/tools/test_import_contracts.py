"""The contracts of imports hold every file of every service, also of one that was only just copied."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import ROOT, import_contracts
from tools.import_contracts import LAYERS

LINT = Path(sys.executable).parent / "lint-imports"
FOUND = (
    ("service.py", "import functions.orders.saga", "Services are independent of each other"),
    ("rules/domain.py", "import functions.orders.domain", "Services are independent of each other"),
    ("service.py", "import functions.copied.app", "copied: app > views > service > table > events > domain"),
    ("rules/table.py", "import functions.copied.service", "copied: app > views > service > table > "),
    ("domain.py", "import functions.copied.rules.table", "copied: app > views > service > table > "),
    (
        "service.py",
        "import functions.copied.views",
        "copied: app > views > service > table > events > domain",
    ),
    ("views.py", "import functions.copied.table", "copied: views use events and domain"),
    ("table.py", "import functions.copied.events", "copied: a table knows no facts"),
    ("limits/domain.py", "import functions.copied.rules.domain", "copied: rules > limits"),
    ("rules/domain.py", "import functions.shared.aws", "Domain is pure"),
    ("domain.py", "import functions.shared.outbox", "Domain is pure"),
    ("rules/domain.py", "import os", "Domain reads no environment"),
    ("service.py", "import functions.shared.http", "Only app speaks HTTP"),
    ("rules/table.py", "import functions.shared.outbox", "Tables know nothing but DynamoDB"),
    ("app.py", "import functions.shared.aws", "App, views and events call no AWS"),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tree with a copy of inventory, which nothing was told of, and two packages in it."""
    tree = tmp_path_factory.mktemp("tree")
    for part in ("functions", "tools", "infra"):
        shutil.copytree(ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(tree / "infra/inventory.yaml", tree / "infra/copied.yaml")
    folder = tree / "functions/copied"
    shutil.copytree(tree / "functions/inventory", folder)
    for path in folder.glob("*.py"):
        path.write_text(path.read_text().replace("functions.inventory", "functions.copied"))
    (folder / "__init__.py").write_text('PACKAGES = ("rules", "limits")\n')
    for package in ("rules", "limits"):
        for name in ("__init__", "table", "domain"):
            path = folder / package / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.touch()
    return tree


def written(tree: Path) -> str:
    """Write the contracts of a tree; return what its author is told, nothing where all is well."""
    command = [sys.executable, "-c", "from tools import import_contracts; import_contracts.write()"]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False).stderr


def broken(tree: Path) -> list[str]:
    """Return the names of the contracts that a tree breaks."""
    assert not written(tree)
    command = [str(LINT), "--no-cache", "--config", ".local/import-contracts.ini"]
    said = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False).stdout
    assert "Contracts: " in said, said
    return [line.removesuffix(" BROKEN") for line in said.splitlines() if line.endswith(" BROKEN")]


def test_a_copied_service_keeps_every_contract(copy: Path) -> None:
    assert broken(copy) == []


@pytest.mark.parametrize(("file", "line", "contract"), FOUND)
def test_a_forbidden_import_in_a_copied_service_is_found(
    copy: Path, file: str, line: str, contract: str
) -> None:
    path = copy / "functions/copied" / file
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    try:
        assert [name for name in broken(copy) if name.startswith(contract)]
    finally:
        path.write_text(before)


@pytest.mark.parametrize("file", ["pricing.py", "rules/pricing.py"])
def test_a_file_that_bears_no_known_name_is_asked_for_its_layer(copy: Path, file: str) -> None:
    path = copy / "functions/copied" / file
    path.touch()
    try:
        assert f"functions/copied/{file} bears none of the names app, views" in written(copy)
    finally:
        path.unlink()


def test_a_package_that_its_service_does_not_name_is_asked_for_its_place(copy: Path) -> None:
    added = copy / "functions/copied/added"
    added.mkdir()
    (added / "__init__.py").touch()
    try:
        assert "functions/copied/__init__.py: PACKAGES names ['limits', 'rules']" in written(copy)
    finally:
        shutil.rmtree(added)


def test_every_name_with_a_layer_is_borne_by_a_file_or_package() -> None:
    borne = {path.stem for path in (ROOT / "functions").rglob("*") if path.suffix in ("", ".py")}
    assert {name for names in LAYERS.values() for name in names} <= borne


def test_every_file_of_every_service_is_in_one_layer() -> None:
    for service in import_contracts.services():
        placed = [module for modules in import_contracts.layers(service).values() for module in modules]
        assert len(placed) == len(set(placed))
        folder = ROOT / "functions" / service
        for path in folder.rglob("*.py"):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if path.stem != "__init__":
                assert [one for one in placed if f"{module}.".startswith(f"{one}.")], path


def test_each_package_of_a_service_says_what_it_is_for() -> None:
    for service in import_contracts.services():
        for package in import_contracts.packages(service):
            source = (ROOT / "functions" / service / package / "__init__.py").read_text()
            assert ast.get_docstring(ast.parse(source)), package


def test_the_init_file_of_a_service_or_package_imports_nothing() -> None:
    for path in (ROOT / "functions").rglob("__init__.py"):
        statements = [type(node) for node in ast.walk(ast.parse(path.read_text()))]
        assert ast.Import not in statements, path
        assert ast.ImportFrom not in statements, path
