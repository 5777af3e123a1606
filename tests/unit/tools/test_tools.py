"""The rest of the tools: what they refuse and how they say so, and the data they come with."""

from __future__ import annotations

import csv
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.templates import template
from tools import ROOT, templates
from tools.build import lock, sam
from tools.local.emulator import HOST, free_port, living_process, require_free_port
from tools.local.ministack import MiniStack
from tools.local.stack import Stack, edge_code, local_stack
from tools.report import ToolError

SHOPIFY_HEADER = (
    "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,"
    "Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Qty"
)


@pytest.fixture
def taken_port() -> int:
    """A port something else listens on."""
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    yield port
    listener.close()


@pytest.fixture(scope="module")
def catalog() -> list[dict[str, str]]:
    """The rows of the sample catalog."""
    with (ROOT / "data" / "catalog.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run_tool(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a tool as make does."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


# --- one clear line ---


def test_a_taken_port_is_named_with_the_option_that_changes_it(taken_port: int) -> None:
    with pytest.raises(ToolError, match=rf"port {taken_port} is taken; .*make run PORT={taken_port + 10}"):
        require_free_port(taken_port, "PORT")


def test_a_free_port_is_another_each_time_and_never_one_that_a_connection_may_be_given() -> None:
    with socket.socket() as server:
        taken = free_port() + 1
        server.bind((HOST, taken))
        server.listen()
        found = [free_port() for _ in range(1_000)]
    assert len(found) == len(set(found))
    assert taken not in found
    assert max(found) < 32_768


def test_an_emulator_does_not_mistake_another_server_for_itself(taken_port: int, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="ENDPOINT_PORT"):
        MiniStack(taken_port, tmp_path).start()


def test_an_old_python_is_told_what_to_do() -> None:
    code = (
        "import sys, runpy; sys.version_info = (3, 9, 1); "
        "runpy.run_path('tools/local/bootstrap.py', run_name='__main__')"
    )
    done = run_tool("-c", code)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"souk: Python 3\.11 or newer is needed, \S+ is 3\.9; .*PYTHON=python3\.\d+\n", done.stderr
    )


@pytest.mark.parametrize(
    ("command", "environment", "line"),
    [
        ("stop", {"PORT": "http"}, "PORT is a port number from 1024 to 65535, not 'http'"),
        ("run", {"CATALOG": "nowhere.csv"}, "CATALOG: there is no file .*nowhere.csv"),
        ("build", {"SERVICE": "warehouse"}, "there is no service warehouse; there are: platform .*"),
        *(
            (name, {"SERVICE": "orders,warehouse"}, "there is no service warehouse; there are: .* orders .*")
            for name in ("logs", "chaos", "deploy", "build", "replay")
        ),
        ("dlq", {"REDRIVE": "all"}, "say which queue: QUEUE=souk-local-orders-inbox-dlq"),
        ("run", {"STATE": "/sys/souk", "PORT": "18099"}, "cannot write /sys/souk: .*; the tools keep all .*"),
        ("logs", {"STATE": "/nonexistent"}, "the stack is not running; start it with: make run"),
        (
            "deploy",
            {"ENV": "moon"},
            "samconfig.toml has no environment 'moon'; there are: local dev prod preview",
        ),
        ("invoke", {"FUNCTION": ""}, "say which: make invoke FUNCTION=.*"),
        ("dance", {}, "no command 'dance'; there are: run .*"),
    ],
)
def test_a_mistake_gets_one_line(command: str, environment: dict[str, str], line: str) -> None:
    done = run_tool("-m", "tools", command, ENDPOINT_PORT="4619", **{"STATE": "/nonexistent", **environment})
    assert done.returncode == 1
    assert re.fullmatch(f"souk: {line}\n", done.stderr), done.stderr


def test_a_disk_that_cannot_be_written_is_said_in_one_line_by_the_setup_too() -> None:
    code = (
        "import pathlib, runpy, sys; there = pathlib.Path('/sys/souk')\n"
        "source = pathlib.Path('tools/local/bootstrap.py').read_text().replace('ROOT / \".local\"', 'there')\n"
        "exec(source, {'__name__': '__main__', '__file__': 'tools/local/bootstrap.py', 'there': there})"
    )
    done = run_tool("-c", code)
    assert done.returncode == 1
    assert re.fullmatch("(setup: .*\n)?souk: cannot write /sys/souk.*\n", done.stdout + done.stderr)


# --- processes ---


def test_an_edge_that_runs_is_left_alone_and_one_of_other_code_is_replaced(tmp_path: Path) -> None:
    def free() -> int:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port: int = probe.getsockname()[1]
            return port

    # Each start is a `make run` of its own, as for whoever adds a service.
    options = f"port={free()}, endpoint_port={free()}, state=pathlib.Path({str(tmp_path)!r})"
    line = f"import pathlib; from tools.local.stack import Stack; stack = Stack({options}); "

    def start() -> str:
        done = run_tool("-W", "ignore", "-c", line + "stack.start_edge(); print(stack.edge_pid())")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    try:
        first = start()
        assert start() == first
        (tmp_path / "edge.code").write_text("what it was before a service was added")
        second = start()
        assert second not in (first, "None")
        assert start() == second
    finally:
        run_tool("-c", line + "stack.stop_edge()")


def test_what_an_edge_does_is_decided_by_its_code_and_by_the_services_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = edge_code()
    assert edge_code() == before
    for folder in ("tools", "infra"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    line = "from tools.local.stack import edge_code; print(edge_code())"

    def there() -> str:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    assert there() == before
    shutil.copy(tmp_path / "infra" / "orders.yaml", tmp_path / "infra" / "returns.yaml")
    added = there()
    assert added != before
    with (tmp_path / "tools" / "local" / "edge.py").open("a") as file:
        file.write("# another route\n")
    assert there() not in (before, added)


def test_a_process_number_given_to_another_program_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(str(os.getpid()))
    assert living_process(tmp_path / "pid", "python") == os.getpid()
    assert living_process(tmp_path / "pid", "ministack") is None


def test_a_process_that_has_ended_is_not_running(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / "pid").write_text(str(ended.pid))
    assert living_process(tmp_path / "pid", "python") is None


# --- stacks ---


def test_the_platform_comes_first() -> None:
    assert sam.all_stacks()[0].name == "platform"


def test_a_parameter_is_passed_only_where_it_is_declared() -> None:
    target = sam.Target("local", common={"PublicUrl": "http://localhost:1"})
    for stack in sam.all_stacks():
        assert set(target.overrides(stack)) <= stack.parameters()
        assert target.overrides(stack)["Environment"] == "local"


def test_production_deploys_with_a_provider_that_moves_money() -> None:
    target = sam.Target("prod", common=sam.configured()["prod"])
    assert target.overrides(sam.StackTemplate("payments"))["PaymentProvider"] == "stripe"
    assert "PaymentProvider" not in target.overrides(sam.StackTemplate("orders"))
    rule = template("payments")["Rules"]["MoneyMoves"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Environment"}, "prod"]}
    assert rule["Assertions"][0]["Assert"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "PaymentProvider"}, "simulator"]}]
    }


@pytest.mark.parametrize(
    "service", [one.name for one in sam.all_stacks() if "MailSender" in one.parameters()]
)
def test_production_deploys_with_a_sender_of_its_own_only(service: str) -> None:
    (rule,) = (one for one in template(service)["Rules"].values() if "MailSender" in str(one))
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Environment"}, "prod"]}
    default = template(service)["Parameters"]["MailSender"]["Default"]
    assert rule["Assertions"][0]["Assert"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "MailSender"}, default]}]}


def test_no_environments_names_begin_as_those_of_another() -> None:
    for stack in sam.all_stacks():
        pattern = template(stack.name)["Parameters"]["Environment"]["AllowedPattern"]
        assert not re.fullmatch(pattern, "dev-eu"), f"{stack.name}: souk-dev-* would be souk-dev-eu-* too"
        assert all(re.fullmatch(pattern, name) for name in sam.configured())


def test_a_stack_whose_first_creation_failed_is_in_nobodys_way() -> None:
    sections = tomllib.loads((ROOT / "samconfig.toml").read_text())
    kept = {name: one["deploy"]["parameters"] for name, one in sections.items() if name != "version"}
    assert {name: one["on_failure"] for name, one in kept.items()} == dict.fromkeys(kept, "DELETE")


def test_every_environment_of_samconfig_is_named_in_its_values() -> None:
    assert {name: values["Environment"] for name, values in sam.configured().items()} == {
        "local": "local",
        "dev": "dev",
        "prod": "prod",
        "preview": "preview",
    }


def test_a_parameter_of_a_stack_s_own_must_exist() -> None:
    target = sam.Target("local", per_stack={"inventory": {"Colour": "blue"}})
    with pytest.raises(ToolError, match="no parameter Colour"):
        target.overrides(sam.StackTemplate("inventory"))


def test_a_stack_is_built_again_when_shared_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = sam.StackTemplate("inventory")
    before = stack.inputs()
    monkeypatch.setenv("SOUK_PLATFORM", "somewhere-else")
    assert stack.inputs() != before


def test_a_failure_stops_what_comes_after_and_is_raised() -> None:
    deployed: list[str] = []

    def deploy(stack: sam.StackTemplate, inputs: str) -> None:
        if stack.name == "platform":
            raise ToolError("no")
        deployed.append(stack.name)

    with pytest.raises(ToolError, match="no"):
        sam.build_and_deploy(sam.select(["platform", "inventory"]), deploy)
    assert deployed == []


@pytest.mark.parametrize("name", [stack.name for stack in sam.all_stacks()])
def test_every_template_names_its_stack_s_environment_and_what_it_runs_on(name: str) -> None:
    parameters = templates.template(name)["Parameters"]
    assert "Environment" in parameters
    if name != sam.PLATFORM:
        assert {key: parameters[key]["Default"] for key in sam.runs_on("dev")} == sam.runs_on("dev")


def test_a_stack_beside_the_first_has_its_own_addresses(tmp_path: Path) -> None:
    stack = Stack(port=8090, endpoint_port=4590, state=tmp_path)
    assert (stack.url, stack.endpoint) == ("http://localhost:8090", "http://127.0.0.1:4590")
    assert stack.summary.parent == tmp_path


def test_options_describe_the_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PORT": "8091",
        "ENDPOINT_PORT": "4591",
        "STATE": ".local/b",
        "AUTH": "true",
        "GATEWAY": "rest",
    }.items():
        monkeypatch.setenv(name, value)
    assert local_stack() == Stack(8091, 4591, ROOT / ".local" / "b", auth=True, gateway="rest")


# --- requirements ---


@pytest.mark.parametrize("name", lock.LOCKS)
def test_every_locked_package_has_a_version_and_a_hash(name: str) -> None:
    text = (lock.REQUIREMENTS / f"{name}.txt").read_text()
    entries = re.split(r"\n(?=\S)", re.sub(r"(?m)^ *#.*\n", "", text).strip())
    assert all(
        re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry) and "--hash=sha256:" in entry for entry in entries
    )


def test_what_is_bundled_is_what_the_tests_run_with() -> None:
    def versions(name: str) -> set[tuple[str, str]]:
        return set(re.findall(r"(?m)^([\w.-]+)==(\S+)", (lock.REQUIREMENTS / f"{name}.txt").read_text()))

    for bundled in ("layer", "identity"):
        assert versions(bundled) <= versions("dev")


# --- the sample catalog ---


def test_the_catalog_has_shopify_s_columns(catalog: list[dict[str, str]]) -> None:
    assert ",".join(catalog[0]).startswith(SHOPIFY_HEADER)


def test_the_catalog_has_about_forty_products_with_one_to_three_options(
    catalog: list[dict[str, str]],
) -> None:
    named = {row["Handle"]: row for row in catalog if row["Title"]}
    assert 38 <= len(named) <= 45
    options_of = {sum(bool(row[f"Option{n} Name"]) for n in (1, 2, 3)) for row in named.values()}
    assert options_of == {1, 2, 3}


def test_every_sku_and_barcode_of_the_catalog_is_its_own(catalog: list[dict[str, str]]) -> None:
    for column in ("Variant SKU", "Variant Barcode"):
        assert len({row[column] for row in catalog} - {""}) == len(catalog)


def test_every_barcode_of_the_catalog_has_a_right_check_digit(catalog: list[dict[str, str]]) -> None:
    for row in catalog:
        digits = [int(digit) for digit in row["Variant Barcode"]]
        assert len(digits) == 13
        assert sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def test_every_product_of_the_catalog_has_its_picture(catalog: list[dict[str, str]]) -> None:
    for row in catalog:
        if row["Title"]:
            picture = ROOT / "web" / row["Image Src"].lstrip("/")
            assert picture.stat().st_size < 2048
