"""Make one deployable artifact: a service's function code, or the shared layer.

Called by functions/<service>/Makefile and functions/shared/Makefile, which `sam build` calls (BuildMethod:
makefile), so it needs nothing but the standard library and pip.

A function's artifact is its own package and nothing else. The layer holds functions/shared and the third-party
code every service uses, cut down to what runs in Lambda. Both carry ``.pyc`` files: SAM ships none, and compiling
at every cold start costs more than everything else in it.
"""

from __future__ import annotations

import argparse
import fcntl
import gzip
import hashlib
import importlib.util
import json
import os
import platform
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "functions"
REQUIREMENTS = ROOT / "requirements"
CACHE = ROOT / ".local" / "cache"

# Never part of an artifact: build inputs, caches and type stubs.
NOT_SHIPPED = shutil.ignore_patterns(
    "Makefile", "__pycache__", "*.pyc", "*.pyi", "py.typed", "tests", "README*"
)

# The AWS services whose API models the layer carries; a client of any other is an error when it is made.
AWS_MODELS = (
    "dynamodb",
    "events",
    "kms",
    "lambda",
    "logs",
    "s3",
    "secretsmanager",
    "sesv2",
    "sqs",
    "ssm",
)
# What the services ask of an API that has far more: a client of it is made before the first call with a token.
OPERATIONS = {"ssm": ("GetParameter", "PutParameter", "DeleteParameter")}
# Superseded versions of an API that botocore still carries.
OLD_MODELS = ("dynamodb/2011-12-05", "events/2014-02-03", "lambda/2014-11-11")
# botocore/data/*.json that a session reads for any service.
AWS_TABLES = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")

AMAZON_ROOTS = (
    *(f"Amazon Root CA {number}" for number in range(1, 5)),
    "Starfield Services Root Certificate Authority - G2",
    "Starfield Class 2 CA",
)

# In place of what composes the texts of clients for help(), which import a fifth of botocore to do so.
NO_DOCSTRINGS = """
class _None(str):
    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

ClientMethodDocstring = PaginatorDocstring = WaiterDocstring = ActionDocstring = _None
"""


def main() -> None:
    """Build what the folder of the calling Makefile holds into the artifacts directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="functions/<service>, or functions/shared for the layer")
    parser.add_argument("artifacts", type=Path, help="directory to fill, $(ARTIFACTS_DIR) under sam build")
    arguments = parser.parse_args()
    service = arguments.source.resolve().name
    if service == "shared":
        build_layer(arguments.artifacts)
    else:
        build_function(service, arguments.artifacts)


def build_function(service: str, artifacts: Path) -> None:
    """Put functions/<service>, compiled, and its own dependencies if it has any, into `artifacts`."""
    package = artifacts / "functions" / service
    shutil.copytree(FUNCTIONS / service, package, ignore=NOT_SHIPPED, dirs_exist_ok=True)
    compile_tree(package, inside=artifacts, lambda_path="/var/task")
    if (REQUIREMENTS / f"{service}.txt").exists():
        copy_fast(dependencies(service, prune_bundle), artifacts)


def build_layer(artifacts: Path) -> None:
    """Put functions/shared, compiled, and the pruned dependencies of every service into `artifacts`/python."""
    python = artifacts / "python"
    package = python / "functions" / "shared"
    shutil.copytree(FUNCTIONS / "shared", package, ignore=NOT_SHIPPED, dirs_exist_ok=True)
    compile_tree(package, inside=artifacts, lambda_path="/opt")
    copy_fast(dependencies("layer", prune_layer), python)


# --- third-party code -------------------------------------------------------------------------------------------


def dependencies(name: str, prune: Callable[[Path], None]) -> Path:
    """Return the pruned, compiled tree of requirements/<name>.txt; made once and kept in .local/cache.

    Its name holds all that decides its content: the Python version, the platform, and a hash of lock and this script.
    """
    lock = REQUIREMENTS / f"{name}.txt"
    kind = f"{name}-{python_tag()}-{target_platform()}-"
    kept = CACHE / (kind + digest([lock, Path(__file__)]))
    if kept.exists():
        return kept
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock_file, tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        fcntl.flock(lock_file, fcntl.LOCK_EX)  # builds run side by side and want the same
        if not kept.exists():
            tree = Path(scratch) / "tree"
            pip_install(lock, tree)
            prune(tree)
            lambda_path = "/opt/python" if name == "layer" else "/var/task"
            compile_tree(tree, inside=tree, lambda_path=lambda_path, keep_source=False)
            for outdated in CACHE.glob(f"{kind}*"):
                shutil.rmtree(outdated)
            tree.rename(kept)
    return kept


def pip_install(lock: Path, target: Path) -> None:
    """Install the locked wheels, hashes checked, for the Lambda platform rather than for this machine."""
    command = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    command += ["--no-compile", "--require-hashes", "--requirement", str(lock), "--target", str(target)]
    command += ["--only-binary=:all:", *(f"--platform={tag}" for tag in wheel_tags(target_platform()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"build: pip could not install {lock.relative_to(ROOT)}:\n{done.stderr.strip()}")


def target_platform() -> str:
    """Return the architecture to build for, ``x86_64`` or ``arm64``, for Lambda's Linux.

    SOUK_PLATFORM says, as `make deploy` sets it; without it, this machine's.
    """
    machine = {"aarch64": "arm64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine())
    return os.environ.get("SOUK_PLATFORM") or machine


def wheel_tags(architecture: str) -> Iterable[str]:
    """Return the wheel platforms Lambda can load: glibc 2.26 up to python3.11, 2.34 from python3.12 on.

    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
    """
    machine = {"arm64": "aarch64"}.get(architecture, architecture)
    newest = 34 if sys.version_info >= (3, 12) else 26
    return [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 16, -1)] + [
        f"manylinux2014_{machine}"
    ]


def prune_bundle(tree: Path) -> None:
    """Drop what a function's own dependencies bring that is never imported."""
    drop(tree, "*.dist-info", "bin", "**/*.pyi", "**/py.typed", "**/tests")
    drop(
        tree, "pycparser", "cffi/_cffi_include.h", "cffi/_embedding.h"
    )  # needed to compile with cffi, not to run


def prune_layer(tree: Path) -> None:
    """Cut the layer's dependencies down to what runs in Lambda."""
    # 1. Installer metadata and things for editors and type checkers; nothing reads them at run time.
    drop(tree, "*.dist-info", "bin", "**/*.pyi", "**/py.typed", "**/tests")

    # 2. Chalice: the routing runs in Lambda, the other 1.5 MB deploy it.
    keep_only(tree / "chalice", {"__init__.py", "app.py"})

    # 3. boto3 without the data of its resource API (the house rule is clients only).
    drop(tree, "boto3/data", "boto3/examples", "boto3/ec2", "boto3/dynamodb")

    # 4. botocore: the models of the services in use, in their current version, without examples and waiters.
    keep_only(tree / "botocore" / "data", {*AWS_TABLES, *AWS_MODELS})
    drop(tree, *(f"botocore/data/{old}" for old in OLD_MODELS))
    drop(tree, "botocore/data/**/examples-1.json", "botocore/data/**/waiters-2.json")
    trim_models(tree / "botocore" / "data")
    trim_roots(tree / "botocore" / "cacert.pem")

    # 5. What writes the texts of help(); the texts themselves are not shipped.
    keep_only(tree / "botocore" / "docs", {"__init__.py", "docstring.py", "utils.py"})
    keep_only(tree / "boto3" / "docs", {"__init__.py", "docstring.py"})
    for library in ("botocore", "boto3"):
        (tree / library / "docs" / "__init__.py").write_text("")
        (tree / library / "docs" / "docstring.py").write_text(NO_DOCSTRINGS)

    # 6. Formats and transports no service uses.
    drop(
        tree,
        "dateutil/zoneinfo",
        "urllib3/contrib/emscripten",
        "s3transfer/crt.py",
        "s3transfer/processpool.py",
    )


def trim_roots(bundle: Path) -> None:
    """Leave the roots that AWS's endpoints are signed by: reading all of Mozilla's is paid before the first call.

    https://www.amazontrust.com/repository/. Another bundle, for an endpoint of one's own: AWS_CA_BUNDLE.
    """
    # An entry: comments with the certificate's label, then the certificate.
    entries = bundle.read_text().split("\n\n")
    kept = [entry for entry in entries if any(f'# Label: "{label}"' in entry for label in AMAZON_ROOTS)]
    if len(kept) != len(AMAZON_ROOTS):
        sys.exit(f"build: {bundle.name} has not all of Amazon's roots, or has them in another form")
    bundle.write_text("\n\n".join(kept) + "\n")


def trim_models(data: Path) -> None:
    """Take out of botocore's data what nothing reads: documentation, and the endpoints of services not in use.

    It is parsed at every cold start, and unpacked as well: so it is stored unpacked, the zip packs it anyway.
    """
    for packed in sorted(data.glob("*/*/*.json.gz")):
        model = json.loads(gzip.decompress(packed.read_bytes()))
        service = packed.relative_to(data).parts[0]
        if service in OPERATIONS and packed.name == "service-2.json.gz":
            model = with_operations(model, OPERATIONS[service])
        write_json(packed.with_suffix(""), without_documentation(model))
        packed.unlink()
    models = [json.loads(path.read_text()) for path in data.glob("*/*/service-2.json")]
    prefixes = {model["metadata"]["endpointPrefix"] for model in models}
    endpoints = json.loads((data / "endpoints.json").read_text())
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in prefixes}
    write_json(data / "endpoints.json", endpoints)


def with_operations(model: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return a model of an API with some of its operations, and the shapes that these are made of."""
    operations = {name: model["operations"][name] for name in names}
    shapes: dict[str, Any] = {}
    found = set(references(operations))
    while missing := found - shapes.keys():
        shapes |= {name: model["shapes"][name] for name in missing}
        found |= set(references({name: shapes[name] for name in missing}))
    return {**model, "operations": operations, "shapes": shapes}


def references(model: Any) -> Iterable[str]:
    """Return the names of the shapes that a part of a model refers to."""
    if isinstance(model, list):
        for inner in model:
            yield from references(inner)
    elif isinstance(model, dict):
        for name, inner in model.items():
            if name == "shape" and isinstance(inner, str):
                yield inner
            else:
                yield from references(inner)


def without_documentation(model: Any) -> Any:
    """Return a model without its texts; a member that happens to be called so is no text and stays."""
    if isinstance(model, list):
        return [without_documentation(inner) for inner in model]
    if not isinstance(model, dict):
        return model
    kept = model.get("clientContextParams", {})  # botocore reads the texts of these, and of nothing else
    return {
        name: kept if name == "clientContextParams" else without_documentation(inner)
        for name, inner in model.items()
        if not (name == "documentation" and isinstance(inner, str))
    }


def write_json(path: Path, content: Any) -> None:
    """Write JSON without spaces, as UTF-8, in the order it is in."""
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def drop(tree: Path, *patterns: str) -> None:
    """Delete the files and folders under `tree` that match; a pattern that matches nothing is harmless."""
    for pattern in patterns:
        for path in list(tree.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def keep_only(folder: Path, names: set[str]) -> None:
    """Delete everything in `folder` but `names`; a name that is not there means the recipe is out of date."""
    present = {path.name for path in folder.iterdir()}
    if names - present:
        sys.exit(
            f"build: {folder.name} has no {', '.join(sorted(names - present))}; tools/build/recipe.py expects it"
        )
    drop(folder, *(present - names))


# --- files ------------------------------------------------------------------------------------------------------


def compile_tree(folder: Path, inside: Path, lambda_path: str, *, keep_source: bool = True) -> None:
    """Write a .pyc for every source in `folder`, valid whatever the file times are.

    Zipping changes file times, which would void ordinary .pyc files; ``unchecked-hash`` ones are taken as they are.
    The path of the build directory is replaced by the path in Lambda, so equal sources give equal bytes. Without
    `keep_source` the .pyc takes the place of the source: half the size, and tracebacks name lines but don't show them.
    With it (the source is ours) docstrings and asserts are not compiled: ours tell people and types only, while
    libraries may read theirs.
    """
    for source in sorted(folder.rglob("*.py")):
        name = source.relative_to(inside)
        compiled = (
            importlib.util.cache_from_source(str(source)) if keep_source else str(source.with_suffix(".pyc"))
        )
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        optimize = 2 if keep_source else -1
        try:
            py_compile.compile(
                str(source),
                compiled,
                f"{lambda_path}/{name}",
                doraise=True,
                optimize=optimize,
                invalidation_mode=unchecked,
            )
        except py_compile.PyCompileError as error:
            line = getattr(error.exc_value, "lineno", 0)
            sys.exit(f"build: {name}:{line} is not Python: {error.exc_value}")
        if not keep_source:
            source.unlink()


def copy_fast(source: Path, target: Path) -> None:
    """Copy a tree by hard links where the file system has them: artifacts are read, never edited in place."""

    def link(src: str, dst: str) -> None:
        Path(dst).unlink(missing_ok=True)
        try:
            os.link(src, dst)
        except OSError:
            shutil.copy2(src, dst)

    shutil.copytree(source, target, copy_function=link, dirs_exist_ok=True)


def python_tag() -> str:
    """Return the runtime this interpreter builds for, as Lambda names it: ``python3.11``."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def digest(paths: Iterable[Path], *words: str) -> str:
    """Return a short hash of the files (a folder means all it would ship) and the words."""
    seen = hashlib.sha256("\0".join(words).encode())
    for path in paths:
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        for file in files:
            if "__pycache__" not in file.parts:
                seen.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return seen.hexdigest()[:16]


if __name__ == "__main__":
    main()
