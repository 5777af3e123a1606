"""Make the virtual environments from the locked requirements; `make setup`, and before every other target.

.local/venv holds the tools and tests, .local/emulator holds MiniStack, which pins another boto3; `judges` on the
command line makes .local/judges, which `make judges` needs, `pictures` .local/pictures, with which `make growth` draws,
`localstack` .local/localstack, which EMULATOR=localstack needs and for which a Python of its own is looked for.
uv, itself installed by pip with its hash checked, does the rest. Nothing happens when they are up to date. Runs on any
Python 3, so that an old one can be told so; the code below the version check may use all of 3.11.
"""

import errno
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
REQUIREMENTS = ROOT / "requirements"
OLDEST = (3, 11)
# Virtual environment -> lock file.
ENVIRONMENTS = {
    "venv": "dev.txt",
    "emulator": "emulator.txt",
    "localstack": "localstack.txt",
    "judges": "judges.txt",
    "pictures": "pictures.txt",
}
ALWAYS = ("venv", "emulator")
# What LocalStack 4.14.0 runs on: it has the syntax of 3.12, and its dependencies end before 3.14.
LOCALSTACK_PYTHONS = ("3.13", "3.12")


def main() -> None:
    """Bring every environment up to date with its lock, side by side."""
    require_python()
    stale = [name for name in sys.argv[1:] or ALWAYS if current(name) != wanted(name)]
    if not stale:
        return
    uv = installer()
    print(f"setup: installing {' and '.join(stale)} into .local/ (once, about 20 seconds)", flush=True)
    running = [(name, install(uv, name)) for name in stale]
    for name, process in running:
        _, errors = process.communicate()
        if process.returncode:
            fail(f"could not install requirements/{ENVIRONMENTS[name]}: {last_line(errors)}")
        mark(name).write_text(wanted(name))
    print("setup: done", flush=True)


def require_python() -> None:
    """Leave with one line unless this Python is recent enough and complete."""
    if sys.version_info < OLDEST:
        newer = [
            name for name in ("python3.14", "python3.13", "python3.12", "python3.11") if shutil.which(name)
        ]
        advice = (
            f"try: make run PYTHON={newer[0]}" if newer else "install one, then: make run PYTHON=python3.12"
        )
        mine = f"{sys.version_info[0]}.{sys.version_info[1]}"
        fail(f"Python 3.11 or newer is needed, {sys.executable} is {mine}; {advice}")
    try:
        import ensurepip  # noqa: F401  Debian leaves it out
        import venv  # noqa: F401
    except ImportError:
        fail("this Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv")


def installer() -> Path:
    """Return uv, installed into an environment of its own at the version and the hashes in its lock."""
    lock = REQUIREMENTS / "bootstrap.txt"
    home = LOCAL / "uv"
    uv = home / "bin" / "uv"
    if uv.exists() and current("uv") == wanted("uv"):
        return uv
    print("setup: installing uv", flush=True)
    LOCAL.mkdir(exist_ok=True)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(home)],
        [
            str(home / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            str(lock),
        ],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            fail(f"could not install uv (is PyPI reachable?): {last_line(done.stderr or done.stdout)}")
    mark("uv").write_text(wanted("uv"))
    return uv


def install(uv: Path, name: str) -> "subprocess.Popen[str]":
    """Start bringing an environment up to its lock, made afresh if its Python is another; returns at once."""
    home = LOCAL / name
    base = {**os.environ, "UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    if not (home / "bin" / "python").exists() or python_of(current(name)) != python_of(wanted(name)):
        made = subprocess.run(
            [str(uv), "venv", "--quiet", "--clear", "--python", python_for(name)[0], str(home)],
            env=base,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            fail(f"could not make .local/{name}: {last_line(made.stderr)}")
    return subprocess.Popen(
        [str(uv), "pip", "sync", "--quiet", "--require-hashes", str(REQUIREMENTS / ENVIRONMENTS[name])],
        env={**base, "VIRTUAL_ENV": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wanted(name: str) -> str:
    """Return what an environment is made from: its lock and its Python."""
    lock = (REQUIREMENTS / ENVIRONMENTS.get(name, "bootstrap.txt")).read_bytes()
    path, version = python_for(name)
    return f"{version} at {path}\n{hashlib.sha256(lock).hexdigest()}\n"


def python_for(name: str) -> "tuple[str, str]":
    """Return the path and the version of an environment's Python: that which runs this, but for LocalStack's."""
    if name == "localstack":
        return python_of_localstack() or fail(
            "LocalStack needs Python 3.12 or 3.13 and there is none in PATH (or pyenv); install one, and run it again"
        )
    return os.path.realpath(sys.executable), ".".join(map(str, sys.version_info[:3]))


@functools.cache
def python_of_localstack() -> "tuple[str, str] | None":
    """Return the path and the version of a Python for LocalStack, None where there is none.

    It is the one that runs this, where that will do, or is looked for in PATH and among pyenv's. Each is run before it
    is believed: pyenv has commands in PATH for versions that are switched off.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    named = [shutil.which(f"python{version}") for version in LOCALSTACK_PYTHONS]
    there = [
        found for version in LOCALSTACK_PYTHONS for found in pyenv.glob(f"{version}*/bin/python{version}")
    ]
    asked = "import os, sys, venv; print(os.path.realpath(sys.executable), *sys.version_info[:3], sep='\\n')"
    for path in map(str, filter(None, (sys.executable, *named, *there))):
        done = subprocess.run([path, "-c", asked], capture_output=True, text=True, check=False)
        place, *version = done.stdout.split("\n")[:4] if done.returncode == 0 else ["", ""]
        if ".".join(version[:2]) in LOCALSTACK_PYTHONS:
            return place, ".".join(version)
    return None


def python_of(origin: str) -> str:
    """Return the part of a note about an environment's origin that names its Python."""
    return origin.partition("\n")[0]


def current(name: str) -> str:
    """Return what an environment was made from, nothing if it was not finished."""
    return mark(name).read_text() if mark(name).exists() else ""


def mark(name: str) -> Path:
    """Return the file that says what an environment was made from; it goes when the environment goes."""
    return LOCAL / name / "made-from"


def last_line(text: str) -> str:
    """Return the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def fail(message: str) -> NoReturn:
    """Print one line and leave with status 1."""
    sys.exit("souk: " + message)


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC):
            raise
        fail("cannot write " + str(error.filename or LOCAL) + ": " + str(error.strerror))
