"""Who may import whom in functions/ and in tools/, written for import-linter from the services and files there are.

Every file of a service stands in one layer, which its name tells, in the service's folder and in its packages alike:

| layer   | holds                                                | may use                                            |
| app     | routes and handlers                                  | all below; no AWS                                  |
| views   | requests and answers                                 | events, domain; only app uses them                 |
| service | use cases, and what they reach besides the table     | table, events, domain; no Chalice                  |
| table   | the items                                            | domain; of what is shared no HTTP and no facts     |
| events  | facts                                                | domain                                             |
| domain  | rules                                                | nothing: no AWS, no Chalice, no environment        |
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from configparser import ConfigParser
from pathlib import Path

from tools import ROOT
from tools.report import ToolError
from tools.services import services

TARGET = ROOT / ".local" / "import-contracts.ini"
FUNCTIONS = ROOT / "functions"
LAYERS: Mapping[str, tuple[str, ...]] = {
    "app": ("api",),
    "views": (),
    "service": (
        "authentication",
        "capturing",
        "emails",
        "messages",
        "operations",
        "reconciling",
        "refunds",
        "saga",
        "secret",
        "simulator",
        "stripe",
        "stripe_api",
        "tasks",
        "uploads",
    ),
    "table": (),
    "events": (),
    "domain": (
        "access_tokens",
        "applying",
        "formats",
        "limits",
        "passwords",
        "planning",
        "prices",
        "promotions",
        "quotes",
        "signature",
        "tax",
        "text",
        "tokens",
    ),
}
"""The layers from the top down, each with the names of files and packages that belong to it besides its own."""
PACKAGES = "PACKAGES"
"""What a service with packages names them in, in its ``__init__.py``: from the top down, as its contract is."""
ROOMS = (
    "judges : drills",
    "operate",
    "local",
    "contracts",
    "build",
    "import_contracts : intrinsics : options : report : services : templates",
)
"""tools/ from the top down; what stands higher may use what stands lower."""
AWS = ("boto3", "botocore", "functions.shared.aws", "functions.shared.dynamo")
HTTP = ("chalice", "functions.shared.http")
FACTS = ("functions.shared.inbox", "functions.shared.outbox")


def write() -> Path:
    """Write the contracts where import-linter is pointed to; ToolError where a file has no place in them."""
    written = ConfigParser()
    written["importlinter"] = {
        "root_packages": _lines(["functions", "tools"]),
        "include_external_packages": "True",
    }
    for number, (name, contract) in enumerate(contracts().items()):
        lines = {key: value if isinstance(value, str) else _lines(value) for key, value in contract.items()}
        written[f"importlinter:contract:{number}"] = {"name": name, **lines}
    TARGET.parent.mkdir(exist_ok=True)
    with TARGET.open("w") as file:
        written.write(file)
    return TARGET


Contract = dict[str, str | Iterable[str]]


def contracts() -> dict[str, Contract]:
    """Return all contracts by their names."""
    every = [f"functions.{name}" for name in services()]
    placed = {service: layers(service) for service in services()}
    found = {
        "Services are independent of each other": _contract("independence", modules=every),
        "Shared code knows no service": _forbidden(["functions.shared"], every),
        "The shop knows no tool": _forbidden(["functions"], ["tools"]),
        "judges, drills > operate > local > contracts > build": _contract(
            "layers",
            containers=["tools"],
            layers=ROOMS,
            exhaustive="True",
            exhaustive_ignores=["__main__"],
        ),
        "No circle in tools/": _contract("acyclic_siblings", ancestors=["tools"]),
    }
    for service, modules in placed.items():
        found |= _of_service(service, modules)
    return found | _of_layers(placed.values())


def _of_service(service: str, modules: Mapping[str, list[str]]) -> dict[str, Contract]:
    """Return the contracts of one service, given its modules by layer."""
    below = [*modules["service"], *modules["table"]]
    found = {
        f"{service}: {' > '.join(LAYERS)}": _contract(
            "layers", layers=[" : ".join(modules[layer]) for layer in LAYERS if modules[layer]]
        )
    }
    if modules["views"] and below:
        found[f"{service}: views use events and domain"] = _forbidden(modules["views"], below)
    if modules["table"] and modules["events"]:
        found[f"{service}: a table knows no facts"] = _forbidden(modules["table"], modules["events"])
    if order := packages(service):
        found[f"{service}: {' > '.join(order)}"] = _contract(
            "layers",
            containers=[f"functions.{service}"],
            layers=order,
            # The routes of every package are put into the one application, which knows the tables of all.
            ignore_imports=[f"functions.{service}.*.app -> functions.{service}.api"],
            unmatched_ignore_imports_alerting="none",
        )
    return found


def _of_layers(placed: Collection[Mapping[str, list[str]]]) -> dict[str, Contract]:
    """Return what the files of a layer may reach outside of their service, given the modules of each by layer."""
    everywhere = {layer: [module for modules in placed for module in modules[layer]] for layer in LAYERS}

    def all_of(*names: str) -> list[str]:
        return [module for name in names for module in everywhere[name]]

    return {
        "Domain is pure": _forbidden(all_of("domain"), [*AWS, *HTTP, *FACTS]),
        "Domain reads no environment": _directly(all_of("domain"), ["os"]),
        "Only app speaks HTTP": _directly(all_of("views", "service", "table", "events"), HTTP),
        "Tables know nothing but DynamoDB": _directly(
            all_of("table"), [*FACTS, "functions.shared.idempotency"]
        ),
        "App, views and events call no AWS": _directly(all_of("app", "views", "events"), AWS),
    }


def layers(service: str) -> dict[str, list[str]]:
    """Return the modules of a service by layer; a package that is of one layer as a whole counts as one.

    Raises
    ------
    ToolError
        A file bears no name that has a layer.
    """
    folder = FUNCTIONS / service
    found: dict[str, list[str]] = {layer: [] for layer in LAYERS}
    for path in _entries(folder):
        layer = _layer(path.stem)
        if layer is not None:
            found[layer].append(_module(path))
        elif path.is_dir():
            for inner in _entries(path):
                found[_layer_of(inner)].append(_module(inner))
        else:
            _layer_of(path)
    return found


def packages(service: str) -> tuple[str, ...]:
    """Return a service's packages, what may use others above them; ToolError where its list is not of what is there."""
    source = FUNCTIONS / service / "__init__.py"
    named: tuple[str, ...] = ()
    for node in ast.parse(source.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == PACKAGES:
            named = ast.literal_eval(node.value)
    there = {path.name for path in _entries(source.parent) if path.is_dir()}
    if set(named) != there:
        raise ToolError(
            f"{source.relative_to(ROOT)}: {PACKAGES} names {sorted(named)}, there are {sorted(there)}"
        )
    return named


def _entries(folder: Path) -> list[Path]:
    """Return the files and packages of a folder, sorted."""
    return sorted(
        path
        for path in folder.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    )


def _layer(name: str) -> str | None:
    return next((layer for layer, more in LAYERS.items() if name == layer or name in more), None)


def _layer_of(path: Path) -> str:
    layer = _layer(path.stem)
    if layer is None:
        raise ToolError(
            f"{path.relative_to(ROOT)} bears none of the names {', '.join(LAYERS)}: "
            "give it one of them, or its name a layer in tools/import_contracts.py"
        )
    return layer


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _contract(kind: str, **fields: str | Iterable[str]) -> Contract:
    return {"type": kind, **fields}


def _forbidden(sources: Iterable[str], targets: Iterable[str]) -> Contract:
    return _contract("forbidden", source_modules=sources, forbidden_modules=targets)


def _directly(sources: Iterable[str], targets: Iterable[str]) -> Contract:
    """Forbid an import that stands in the sources themselves, not what others bring with them."""
    return {**_forbidden(sources, targets), "allow_indirect_imports": "True"}


def _lines(values: Iterable[str]) -> str:
    return "\n" + "\n".join(values)
