"""A service that `make service` writes passes its checks, is deployed with the others, and answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.patience import eventually
from tools import ROOT
from tools.local import seed
from tools.local.emulator import free_port
from tools.local.shop import Shop, bearer

MADE = ("venv", "emulator", "localstack", "uv", "cache")
"""What a copy need not make again: environments, and builds by the hash of what they are made from."""
TYPES_FOUND = ROOT / ".mypy_cache"
"""What mypy knows of the files that the copy has unchanged."""
OF_THE_WHOLE_TREE = ("docs", "events", "journal_fields", "openapi", "problems", "web")
"""Contract tests that no service has to itself; of the others those of the new service are run."""
PORT, ENDPOINT_PORT = free_port(), free_port()
Make = Callable[..., str]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Return a function that calls make in a copy of this repository, and returns what it prints."""
    copy = tmp_path / "souk"
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    (copy / ".local").mkdir()
    for name in MADE:
        (copy / ".local" / name).symlink_to(ROOT / ".local" / name)
    if TYPES_FOUND.is_dir():
        shutil.copytree(TYPES_FOUND, copy / TYPES_FOUND.name)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["make", *arguments],
            cwd=copy,
            env={**os.environ, "PORT": str(PORT), "ENDPOINT_PORT": str(ENDPOINT_PORT), "STATE": ".local"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    yield run
    run("reset")


def test_a_service_is_written_checked_deployed_and_answers_by_command_alone(make: Make) -> None:
    make("service", "NAME=wishlist")
    make("lint")
    make("unit", "SERVICE=wishlist")
    of_it = " or ".join((*(f"test_{name}.py" for name in OF_THE_WHOLE_TREE), "wishlist"))
    make("unit", "tests=tests/contract", f"PYTEST_ADDOPTS=-k '{of_it}'")
    said = make("run")  # which buys something
    assert "wishlist" in said.partition("deployed: ")[2].partition("\n")[0]
    assert "is confirmed" in said

    shop = Shop(f"http://localhost:{PORT}")
    token = seed.access_token(shop, seed.Accounts().customer)
    kept = shop.must(200, "PUT", "/wishlist/items/MUG", {"quantity": 2}, headers=bearer(token))
    assert kept == {"items": [{"sku": "MUG", "quantity": 2}]}
    staff = seed.access_token(shop, seed.Accounts().admin)
    mira = shop.must(200, "GET", "/identity/me", headers=bearer(token))["customerId"]
    told = eventually(
        lambda: shop.must(200, "GET", f"/journal/subjects/{mira}.wishlist", headers=bearer(staff))["items"]
    )
    assert [(entry["type"], entry["data"]["sku"]) for entry in told] == [("WishlistChanged", "MUG")]
