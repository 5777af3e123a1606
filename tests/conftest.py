"""For all tests: a client of AWS is made once, not thousands of times; what moto holds is emptied by itself.

Nothing is asserted of time: hypothesis has no deadline, since a busy machine is not a defect. Its examples are the same
in each run, so that a change fails by itself only; HYPOTHESIS_PROFILE=explore draws others.

Processes share the tests by the module; those on one running shop stay together, and come first, as they take longest
(`_split_scope` is what pytest-xdist documents for that; its own `loadgroup` groups nothing with pytest 9.2).
"""

import functools
import os

import boto3
import botocore.loaders
import botocore.session
import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

SHOPS = {"tests/e2e/": "the browser's shop", "tests/integration/": "the shop"}
"""Folders whose tests share a running shop: by beginning of the path, what their group is called."""
ALONE = {
    "tests/integration/test_localstack.py": "a shop on LocalStack",
    "tests/integration/test_new_service.py": "a shop of its own",
}
"""Modules there that start their own, by what their group is called."""

botocore.session.create_loader = functools.cache(botocore.loaders.create_loader)
boto3.client = functools.cache(boto3.client)
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the long ones started first: what is left to the end is short, and no process waits for long."""
    first = (*SHOPS.values(), *ALONE.values())
    groups = {item: _group(item.nodeid) for item in items}
    items.sort(key=lambda item: first.index(groups[item]) if groups[item] in first else len(first))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return who shares the tests out."""
    config.option.loadscopereorder = False
    return ByGroup(config, log)


class ByGroup(LoadScopeScheduling):
    """Gives the tests of one group to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def _group(nodeid: str) -> str:
    module = nodeid.partition("::")[0]
    shop = next((name for folder, name in SHOPS.items() if module.startswith(folder)), module)
    return ALONE.get(module, shop)
