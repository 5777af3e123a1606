"""What the build ships: code and .pyc that Lambda can load, and no more."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shutil
import ssl
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.build import recipe, sam

SERVICES = sorted(
    path.parent.name for path in recipe.FUNCTIONS.glob("*/Makefile") if path.parent.name != "shared"
)


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared layer, built."""
    folder = tmp_path_factory.mktemp("layer")
    recipe.build_layer(folder)
    return folder


def zip_size(folder: Path) -> int:
    """Return the size of a folder as the SAM CLI would zip it."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return len(memory.getvalue())


def run_with(path: list[Path], code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that sees the standard library and `path`, nothing else."""
    line = f"import sys; sys.path[:0] = {[str(folder) for folder in path]}; {code}"
    python = str(Path(sys.executable).resolve())
    environment = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-west-1"}
    return subprocess.run(
        [python, "-S", "-s", "-E", "-c", line], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_built_by_the_same_makefile(service: str) -> None:
    shared = (recipe.FUNCTIONS / "shared" / "Makefile").read_text()
    assert (recipe.FUNCTIONS / service / "Makefile").read_text() == shared


@pytest.mark.parametrize("folder", ["plain", "with a blank", "with  two, it's 'quoted'"])
def test_a_function_is_built_whatever_the_folder_of_the_repository_is_called(
    folder: str, tmp_path: Path
) -> None:
    root = tmp_path / folder
    for part in ("functions/journal", "tools"):
        shutil.copytree(recipe.ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    artifacts = root / "artifacts"
    done = subprocess.run(
        ["make", "--makefile", str(root / "functions/journal/Makefile"), "build-HttpFunction"],
        cwd=tmp_path,
        env={**os.environ, "ARTIFACTS_DIR": str(artifacts)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (artifacts / "functions/journal/app.py").exists()


def test_a_function_is_its_package_with_pyc_and_no_build_files(tmp_path: Path) -> None:
    recipe.build_function("inventory", tmp_path)
    shipped = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert "functions/inventory/app.py" in shipped
    assert f"functions/inventory/__pycache__/app.{sys.implementation.cache_tag}.pyc" in shipped
    assert "functions/__init__.py" not in shipped
    assert not [name for name in shipped if Path(name).suffix not in (".py", ".pyc")]


def test_a_function_without_own_dependencies_is_below_100_kb(tmp_path: Path) -> None:
    recipe.build_function("inventory", tmp_path)
    assert zip_size(tmp_path) <= 100 * 1024


def test_a_pyc_is_taken_without_a_look_at_its_source(tmp_path: Path) -> None:
    recipe.build_function("inventory", tmp_path)
    compiled = importlib.util.cache_from_source(str(tmp_path / "functions" / "inventory" / "app.py"))
    flags = int.from_bytes(Path(compiled).read_bytes()[4:8], "little")
    assert flags == 0b01  # PEP 552: hash-based, not checked


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    recipe.build_function("inventory", tmp_path / "one")
    recipe.build_function("inventory", tmp_path / "another")
    first, second = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "one", tmp_path / "another")
    )
    assert first == second


def test_a_source_that_does_not_compile_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = 1\ny = (\n")
    with pytest.raises(SystemExit, match=r"app\.py:2 is not Python"):
        recipe.compile_tree(tmp_path, tmp_path, "/var/task")


def test_the_layer_is_at_most_3_mb(layer: Path) -> None:
    assert zip_size(layer) <= 3 * 1024 * 1024


def test_the_layer_carries_the_model_of_every_client_the_services_make(layer: Path) -> None:
    source = (recipe.FUNCTIONS / "shared" / "aws.py").read_text()
    names = re.findall(r'_client\("(\w+)"\)', source)
    assert names
    made = run_with(
        [layer / "python"], f"from functions.shared import aws; [aws._client(n) for n in {names!r}]"
    )
    assert made.returncode == 0, made.stderr


def test_an_api_that_is_cut_down_has_every_operation_that_a_service_asks_for(layer: Path) -> None:
    sources = [path.read_text() for path in recipe.FUNCTIONS.rglob("*.py")]
    asked = {name for text in sources for name in re.findall(r"ssm(?:\(\))?\.(\w+_parameters?\w*)\(", text)}
    assert asked == {"get_parameter", "put_parameter", "delete_parameter"}
    code = (
        "from functions.shared import aws; from botocore.exceptions import ClientError; ssm = aws.ssm();"
        f"assert set({asked!r}) == set(ssm.meta.method_to_api_mapping), ssm.meta.method_to_api_mapping;"
        "ssm.exceptions.ParameterNotFound; model = ssm.meta.service_model;"
        "[(model.operation_model(one).input_shape.members, model.operation_model(one).output_shape) for one in"
        " model.operation_names]"
    )
    made = run_with([layer / "python"], code)
    assert made.returncode == 0, made.stderr


def test_the_layer_trusts_amazon_s_roots_and_no_others(layer: Path) -> None:
    context = ssl.create_default_context(cafile=str(layer / "python" / "botocore" / "cacert.pem"))
    roots = [dict(part[0] for part in one["subject"])["organizationName"] for one in context.get_ca_certs()]
    assert sorted(roots) == ["Amazon"] * 4 + ["Starfield Technologies, Inc."] * 2


def test_the_layer_carries_no_writer_of_help_texts(layer: Path) -> None:
    left = {path.name for path in (layer / "python").glob("boto*/docs/*")}
    assert left == {"__init__.pyc", "docstring.pyc", "utils.pyc"}


def test_the_layer_joins_with_a_function_as_one_package(layer: Path, tmp_path: Path) -> None:
    recipe.build_function("inventory", tmp_path)
    joined = run_with([tmp_path, layer / "python"], "import functions.inventory.app")
    assert joined.returncode == 0, joined.stderr


def test_identity_brings_its_password_hashing(tmp_path: Path) -> None:
    recipe.build_function("identity", tmp_path)
    hashed = run_with([tmp_path], "import argon2; argon2.PasswordHasher().hash('x')")
    assert hashed.returncode == 0, hashed.stderr


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", 62), ("arm64", 183)])
def test_what_is_built_holds_nothing_of_another_processor(
    architecture: str, machine: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On any machine: what is built for arm64 on x86_64 is what is deployed."""
    monkeypatch.setenv("SOUK_PLATFORM", architecture)
    recipe.build_layer(tmp_path / "layer")
    recipe.build_function("identity", tmp_path / "identity")
    binaries = [
        file for file in tmp_path.rglob("*") if file.is_file() and file.read_bytes()[:4] == b"\x7fELF"
    ]
    assert {"msgspec", "_argon2_cffi_bindings"} <= {file.parent.name for file in binaries}
    # e_machine of the ELF header, EM_X86_64 or EM_AARCH64
    assert {int.from_bytes(file.read_bytes()[18:20], "little") for file in binaries} == {machine}
    strange = [file for file in tmp_path.rglob("*") if file.suffix in (".dylib", ".pyd", ".dll")]
    assert strange == []


def test_every_compiled_module_is_for_the_runtime_that_the_stack_is_given(
    layer: Path, tmp_path: Path
) -> None:
    recipe.build_function("orders", tmp_path)
    compiled = [*layer.rglob("*.pyc"), *tmp_path.rglob("*.pyc")]
    assert len(compiled) > 100
    assert {file.read_bytes()[:4] for file in compiled} == {importlib.util.MAGIC_NUMBER}
    assert sam.runs_on("local")["PythonRuntime"] == f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize(("architecture", "machine"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_wheels_are_those_lambda_can_load(architecture: str, machine: str) -> None:
    tags = list(recipe.wheel_tags(architecture))
    assert f"manylinux2014_{machine}" in tags
    assert f"manylinux_2_{34 if sys.version_info >= (3, 12) else 26}_{machine}" == tags[0]
