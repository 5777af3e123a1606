"""`make service NAME=reviews`: a small service that works, to grow from.

What is in tools/build/wishlist/ is written under the new name into functions/, infra/ and tests/unit/: one route, one
fact published, one consumed, a table, tests. Nothing else in the repository names a service; `make contracts` writes
what follows from the code.
"""

from __future__ import annotations

import keyword
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import ROOT, options
from tools.report import ToolError, step
from tools.services import NO_SERVICES, PLATFORM, segments, services

MODEL = Path(__file__).with_name("wishlist")
MODEL_NAME = "wishlist"
_LIKE = "orders"
"""The service whose Makefile and gateway answers a new one gets as well."""
_NAME = re.compile(r"[a-z][a-z0-9]{1,19}")
_RESERVED = {*NO_SERVICES, PLATFORM, "shared", "functions", "tests"}


def main() -> None:
    """Write the service NAME, and say what there is to do next."""
    name = checked_name(options.text("NAME"))
    for path in write(name):
        step(f"written: {path.relative_to(ROOT)}")
    print(f"""
{name} is there. Next:
  make lint unit SERVICE={name}   its checks and its tests
  make run                     deploys it beside what runs; then PUT /{name}/items/{{sku}} answers
README.md, "Add a service", says what to change first.""")


def checked_name(name: str) -> str:
    """Return the name of a new service; raise ToolError for one that cannot be, or is there already."""
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise ToolError("NAME is the new service's: 2 to 20 small letters and digits, such as NAME=reviews")
    taken = {*services(), *segments(), *_RESERVED, *(path.name for path in (ROOT / "web").iterdir())}
    if name in taken or (ROOT / "functions" / name).exists():
        raise ToolError(f"{name} is taken; take another NAME")
    return name


def write(name: str) -> list[Path]:
    """Write a service's files; return what was written."""
    targets = {
        MODEL / "functions": ROOT / "functions" / name,
        MODEL / "tests": ROOT / "tests/unit" / name,
        MODEL / "events/http": ROOT / "events/http" / name,
        MODEL / "events/lambda": ROOT / "events/lambda" / name,
    }
    for source, target in targets.items():
        target.mkdir()
        for file in sorted(source.iterdir()):
            if file.is_file():
                (target / _renamed(file.name, name)).write_text(_renamed(file.read_text(), name))
    package, tests, *_ = targets.values()
    shutil.copyfile(ROOT / "functions" / _LIKE / "Makefile", package / "Makefile")
    _format(package, tests)
    template = ROOT / "infra" / f"{name}.yaml"
    text = (MODEL / "template.yaml").read_text().replace("  Api: {}\n", _gateway())
    template.write_text(_renamed(text, name))
    return [*targets.values(), template]


def _renamed(text: str, name: str) -> str:
    return text.replace(MODEL_NAME, name).replace(MODEL_NAME.title(), name.title())


def _gateway() -> str:
    """Return what every template says of its API: what the gateway answers by itself."""
    text = (ROOT / "infra" / f"{_LIKE}.yaml").read_text()
    found = re.search(r"^  Api:.*\n(?:    .*\n|\n)+?(?=^\S)", text, re.MULTILINE)
    if found is None:
        raise ToolError(f"infra/{_LIKE}.yaml has no Globals: Api")
    return found[0].rstrip() + "\n"


def _format(*folders: Path) -> None:
    """Sort the imports and break the lines anew: names are of different lengths."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    for arguments in (["check", "--quiet", "--fix", "--select", "I"], ["format", "--quiet"]):
        subprocess.run([ruff, *arguments, *map(str, folders)], cwd=ROOT, check=True)
