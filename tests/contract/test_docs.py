"""What the documents name exists: functions, files and make targets."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.templates import ROOT

FOLLOW = ROOT / "docs" / "follow-an-order.md"
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FOLDERS = "docs|events|functions|infra|tests|tools|web|requirements|data"
FILE = re.compile(rf"(?:{FOLDERS})/[\w./-]*\w\.(?:py|yaml|json|md|csv|txt|html|js|css)")


def code_in(document: Path) -> list[str]:
    """Return what a document shows as code, in lines and in blocks."""
    return re.findall(r"`([^`\n]+)`", document.read_text())


def functions_named(document: Path) -> list[tuple[str, str]]:
    """Return file and function of each `functions/orders/service.py:place` and `functions.orders.service.place`."""
    found = []
    for text in code_in(document):
        if match := re.fullmatch(r"(functions/[\w/]+\.py)::?([\w.]+)(?:\(\))?", text):
            found.append((match[1], match[2]))
        elif match := re.fullmatch(r"(functions(?:\.[a-z_]\w*)+)\.(\w+)(?:\(\))?", text):
            module = match[1].replace(".", "/")
            if not (ROOT / module / f"{match[2]}.py").exists() and not (ROOT / module / match[2]).is_dir():
                found.append((f"{module}.py", match[2]))
    return found


def defined(path: Path) -> set[str]:
    """Return the names that a file defines: functions, classes and their methods."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {
                f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)
            }
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_function_a_document_names_exists(document: Path) -> None:
    for file, name in functions_named(document):
        assert (ROOT / file).exists(), file
        assert name in defined(ROOT / file), f"{file} has no {name}"


def test_an_order_is_followed_through_every_service_it_passes() -> None:
    files = {file for file, _ in functions_named(FOLLOW)}
    services = {Path(file).parts[1] for file in files}
    assert {"cart", "orders", "inventory", "payments", "shared"} <= services
    assert len(functions_named(FOLLOW)) >= 15


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_a_document_names_exists(document: Path) -> None:
    named = {match for text in code_in(document) for match in FILE.findall(text)}
    assert {name for name in named if not (ROOT / name).exists()} == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_another_file_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text())
    local = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in local if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_make_target_a_document_names_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shown = "\n".join(
        [*code_in(document), *re.findall(r"```[^\n]*\n(.*?)```", document.read_text(), re.DOTALL)]
    )
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", shown)) <= targets


def test_make_shows_ten_targets_first_and_then_every_other_by_group() -> None:
    said = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    groups = [group.splitlines() for group in said.split("\n\n")[1:-1]]
    shown = {title: [line.split()[1] for line in lines] for title, *lines in groups}
    first = ["run", "status", "logs", "watch", "stop", "reset", "fmt", "lint", "unit", "test"]
    assert next(iter(shown.items())) == ("What you need first", first)
    written = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert sorted(name for names in shown.values() for name in names) == sorted({*written} - {"help"})
