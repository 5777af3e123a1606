"""For all tests: a client of AWS is made once, not thousands of times; what moto holds is emptied by itself.

Nothing is asserted of time: hypothesis has no deadline, since a busy machine is not a defect. Its examples are the same
in each run, so that a change fails by itself only; HYPOTHESIS_PROFILE=explore draws others.

Processes share the tests by the module; those on one running shop stay together, and come first, as they take longest.
"""

import functools
import os
from pathlib import Path

import boto3
import botocore.loaders
import botocore.session
import hypothesis
import pytest

TESTS = Path(__file__).parent
ON_THE_SHOP = ("e2e", "integration")
"""Folders whose tests use one running shop."""
ALONE = {"integration/test_new_service.py": "a shop of its own"}

botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)
boto3.client = functools.cache(boto3.client)
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.hookimpl(tryfirst=True)  # before xdist reads it
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests one process takes, one after the other (`--dist loadgroup`), and which are started first."""
    groups = {item: _group(item.path.relative_to(TESTS)) for item in items}
    for item, group in groups.items():
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: (groups[item] != "the shop", groups[item] not in ALONE.values()))


def _group(path: Path) -> str:
    together = "the shop" if path.parts[0] in ON_THE_SHOP else str(path)
    return ALONE.get(path.as_posix(), together)
