"""Which services there are follows from folders and templates, and what depends on it from them."""

from __future__ import annotations

from configparser import ConfigParser

from tools import import_contracts, services, templates
from tools.contracts.service_map import service_map

FOLDERS = {path.parent.name for path in (templates.ROOT / "functions").glob("*/app.py")}


def test_a_service_is_a_folder_with_a_template() -> None:
    assert set(services.services()) == FOLDERS


def test_each_service_has_one_first_segment_of_paths_and_shares_it_with_none() -> None:
    assert sorted(services.segments().values()) == sorted(FOLDERS)
    assert services.segments()["carts"] == "cart"


def test_each_service_is_in_every_contract_of_imports() -> None:
    written = ConfigParser()
    written.read(import_contracts.write())
    contracts = {written[section]["name"]: written[section] for section in written.sections()[1:]}
    every = {f"functions.{name}" for name in FOLDERS}
    assert set(contracts["Services are independent of each other"]["modules"].split()) == every
    assert set(contracts["Shared code knows no service"]["forbidden_modules"].split()) == every
    assert {f"{name}: app > views > service > table > events > domain" for name in FOLDERS} < set(contracts)
    pure = contracts["Domain is pure"]["source_modules"].split()
    assert {".".join(module.split(".")[:2]) for module in pure if module.endswith(".domain")} == every


def test_each_room_of_the_tools_has_its_place_in_their_order_and_says_what_it_is_for() -> None:
    rooms = {path.parent.name: path for path in (templates.ROOT / "tools").glob("*/__init__.py")}
    placed = {name.strip() for layer in import_contracts.ROOMS for name in layer.split(":")}
    assert set(rooms) < placed
    assert all(path.read_text().startswith('"""') for path in rooms.values())


def test_the_console_says_of_each_service_what_is_missing_without_it_as_its_template_does() -> None:
    told = {node["name"]: node["without"] for node in service_map()["services"]}
    assert told["payments"] == "Orders are taken and wait for it, until their deadline. No refunds meanwhile."
    assert [name for name, text in told.items() if text is None] == ["journal"]  # it cannot be switched off
