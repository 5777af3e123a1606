"""Who may import whom in functions/ and in tools/, written for import-linter from the services there are."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

from tools import ROOT
from tools.services import services

TARGET = ROOT / ".local" / "import-contracts.ini"
LAYERS = ("app", "(service)", "(table)", "(events)", "(domain)")
ROOMS = (
    "judges : drills",
    "operate",
    "local",
    "contracts",
    "build",
    "import_contracts : intrinsics : options : report : services : templates",
)
"""tools/ from the top down; what stands higher may use what stands lower."""
_TECHNICAL = [f"functions.shared.{name}" for name in ("aws", "http", "dynamo", "log", "outbox", "inbox")]
IMPURE = (*_TECHNICAL, "boto3", "botocore", "chalice")


def write() -> Path:
    """Write the contracts where import-linter is pointed to: independent services, layers, pure domains."""
    each = [f"functions.{name}" for name in services()]
    every = [*each, "functions.platform"]
    domains = [f"{name}.domain" for name in each if (ROOT / name.replace(".", "/") / "domain.py").exists()]
    contracts = {
        "Services are independent of each other": {"type": "independence", "modules": _lines(every)},
        "app > service > table > events > domain": {
            "type": "layers",
            "containers": _lines(each),
            "layers": _lines(LAYERS),
        },
        "Shared code knows no service": {
            "type": "forbidden",
            "source_modules": _lines(["functions.shared"]),
            "forbidden_modules": _lines(every),
        },
        "The shop knows no tool": {
            "type": "forbidden",
            "source_modules": _lines(["functions"]),
            "forbidden_modules": _lines(["tools"]),
        },
        "judges, drills > operate > local > contracts > build": {
            "type": "layers",
            "containers": _lines(["tools"]),
            "layers": _lines(ROOMS),
            "exhaustive": "True",
            "exhaustive_ignores": _lines(["__main__"]),
        },
        "No circle in tools/": {"type": "acyclic_siblings", "ancestors": _lines(["tools"])},
        "Domain is pure": {
            "type": "forbidden",
            "source_modules": _lines(domains),
            "forbidden_modules": _lines(IMPURE),
        },
    }
    written = ConfigParser()
    written["importlinter"] = {
        "root_packages": _lines(["functions", "tools"]),
        "include_external_packages": "True",
    }
    for number, (name, contract) in enumerate(contracts.items()):
        written[f"importlinter:contract:{number}"] = {"name": name, **contract}
    TARGET.parent.mkdir(exist_ok=True)
    with TARGET.open("w") as file:
        written.write(file)
    return TARGET


def _lines(values: list[str] | tuple[str, ...]) -> str:
    return "\n" + "\n".join(values)
