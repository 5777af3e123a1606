"""`make lock`: requirements/*.in into locks with hashes, for Python 3.11 and newer on every platform.

LocalStack's is for Python 3.12 and 3.13 (one lock: both ask for the same), on the platform that locks it: there is no
version of it for Python 3.14, so none for every Python from 3.12 on.
"""

from __future__ import annotations

import subprocess

from tools import ROOT
from tools.report import ToolError, step

REQUIREMENTS = ROOT / "requirements"
# Tests run against the versions that are shipped, so what is bundled follows the development lock.
_LIKE_DEV = ("--constraints", "dev.txt")
_ANY_PYTHON = ("--universal", "--python-version", "3.11")
LOCKS: dict[str, tuple[str, ...]] = {
    "bootstrap": _ANY_PYTHON,
    "dev": _ANY_PYTHON,
    "emulator": _ANY_PYTHON,
    "localstack": ("--python-version", "3.12", "--exclude-newer", "2026-03-05"),
    "judges": _ANY_PYTHON,
    "pictures": _ANY_PYTHON,
    "layer": (*_ANY_PYTHON, *_LIKE_DEV, "--no-deps"),
    "identity": (*_ANY_PYTHON, *_LIKE_DEV),
}


def main() -> None:
    """Compile every lock; a version stays as it is unless its .in file or a dependency asks for another."""
    for name, more in LOCKS.items():
        command = [str(ROOT / ".local" / "uv" / "bin" / "uv"), "pip", "compile", "--quiet"]
        command += ["--generate-hashes", "--no-header", *more]
        command += [f"{name}.in", "--output-file", f"{name}.txt"]
        done = subprocess.run(command, cwd=REQUIREMENTS, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(f"could not lock {name}.in: {done.stderr.strip()}")
        step(f"requirements/{name}.txt")
