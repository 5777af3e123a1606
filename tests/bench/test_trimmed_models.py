"""The AWS models we ship, trimmed, tell botocore the same as the full ones."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import botocore
import botocore.session
import pytest
from botocore.loaders import Loader
from botocore.regions import EndpointResolver

from tools.build import recipe

FULL = Path(botocore.__file__).parent / "data"


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    for name in recipe.AWS_MODELS:
        shutil.copytree(FULL / name, data / name)
    for name in recipe.AWS_TABLES:
        shutil.copy(FULL / name, data / name)
    recipe.trim_models(data)
    return data


def session(data: Path) -> Any:
    """Return a session that reads botocore's data from one place only."""
    made = botocore.session.Session()
    loader = Loader(extra_search_paths=[str(data)], include_default_search_paths=False)
    made.register_component("data_loader", loader)
    return made


@pytest.mark.parametrize("service", recipe.AWS_MODELS)
@pytest.mark.parametrize("kind", ["service-2", "paginators-1", "endpoint-rule-set-1"])
def test_a_trimmed_model_differs_by_its_texts_and_by_operations_nobody_uses(
    trimmed: Path, service: str, kind: str
) -> None:
    full, ours = (Loader([str(data)], include_default_search_paths=False) for data in (FULL, trimmed))
    expected = recipe.without_documentation(full.load_service_model(service, kind))
    if kind == "service-2" and service in recipe.OPERATIONS:
        expected = recipe.with_operations(expected, recipe.OPERATIONS[service])
    assert ours.load_service_model(service, kind) == expected


@pytest.mark.parametrize("service", recipe.AWS_MODELS)
def test_a_trimmed_client_has_the_operations_in_use_and_the_endpoint_of_the_full_one(
    trimmed: Path, service: str
) -> None:
    known = {"region_name": "eu-west-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    full, ours = (session(data).create_client(service, **known) for data in (FULL, trimmed))
    names = full.meta.method_to_api_mapping
    used = recipe.OPERATIONS.get(service, names.values())
    assert ours.meta.method_to_api_mapping == {name: api for name, api in names.items() if api in used}
    assert ours.meta.endpoint_url == full.meta.endpoint_url


def test_every_region_has_the_endpoints_it_had(trimmed: Path) -> None:
    full, ours = (EndpointResolver(session(data).get_data("endpoints")) for data in (FULL, trimmed))
    prefixes = {session(FULL).get_service_model(service).endpoint_prefix for service in recipe.AWS_MODELS}
    for partition in full.get_available_partitions():
        for prefix in prefixes:
            regions = full.get_available_endpoints(prefix, partition, allow_non_regional=True)
            assert ours.get_available_endpoints(prefix, partition, allow_non_regional=True) == regions
            for region in (*regions, "eu-west-1"):
                assert ours.construct_endpoint(prefix, region) == full.construct_endpoint(prefix, region)


def test_a_member_called_documentation_is_no_text() -> None:
    model = {"documentation": "<p>text</p>", "members": {"documentation": {"shape": "Url"}}}
    assert recipe.without_documentation(model) == {"members": {"documentation": {"shape": "Url"}}}
