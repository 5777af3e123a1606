"""What functions run on here, without Docker: the interpreter at hand and AWS's own runtime client for Python."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

from tools.build import recipe
from tools.report import ToolError

# What the runtime client consists of; Lambda's own runtimes have the same.
_RUNTIME_MODULES = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")


def runtime_client() -> Path:
    """Return a folder with the Lambda runtime client and nothing else."""
    folder = recipe.CACHE / f"runtime-{recipe.python_tag()}"
    if not folder.exists():
        recipe.CACHE.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=recipe.CACHE, prefix=".runtime-"))
        for name in _RUNTIME_MODULES:
            found = importlib.util.find_spec(name)
            if found is None or found.origin is None:
                raise ToolError(
                    "the Lambda runtime client is for Linux; elsewhere use: sam local invoke (with Docker)"
                )
            source = Path(found.origin)
            source = source.parent if source.name == "__init__.py" else source
            (scratch / source.name).symlink_to(source)
        try:
            scratch.rename(folder)
        except OSError:  # another call was first
            shutil.rmtree(scratch)
    return folder


def plain_python() -> str:
    """Return the interpreter itself: that of the virtual environment would bring its packages along."""
    return str(Path(sys.executable).resolve())
