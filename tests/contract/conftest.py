"""Contract tests stand on the same empty AWS account as unit tests."""

from tests.unit.conftest import call, cloud, deploy

__all__ = ["call", "cloud", "deploy"]
