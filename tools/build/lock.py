"""`make lock`: requirements/*.in into locks with hashes, for Python 3.11 and newer on every platform."""

from __future__ import annotations

import subprocess

from tools import ROOT
from tools.report import ToolError, step

REQUIREMENTS = ROOT / "requirements"
# Tests run against the versions that are shipped, so what is bundled follows the development lock.
_LIKE_DEV = ("--constraints", "dev.txt")
LOCKS: dict[str, tuple[str, ...]] = {
    "bootstrap": (),
    "dev": (),
    "emulator": (),
    "judges": (),
    "pictures": (),
    "layer": (*_LIKE_DEV, "--no-deps"),
    "identity": _LIKE_DEV,
}


def main() -> None:
    """Compile every lock; a version stays as it is unless its .in file or a dependency asks for another."""
    for name, more in LOCKS.items():
        command = [str(ROOT / ".local" / "uv" / "bin" / "uv"), "pip", "compile", "--quiet", "--universal"]
        command += ["--generate-hashes", "--python-version", "3.11", "--no-header", *more]
        command += [f"{name}.in", "--output-file", f"{name}.txt"]
        done = subprocess.run(command, cwd=REQUIREMENTS, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ToolError(f"could not lock {name}.in: {done.stderr.strip()}")
        step(f"requirements/{name}.txt")
