"""What a bill depends on is read from templates: a small one by hand, and those of this repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.bench.stacks import Behaviour, Size, Source, Stacks, add, gateway, stacks
from tools.templates import read

TEMPLATE = """
Parameters:
  Environment: {Type: String, Default: local}
  Gateway: {Type: String, Default: http}
Conditions:
  Kept: !Not [!Equals [!Ref Environment, local]]
  Rest: !Equals [!Ref Gateway, rest]
  Http: !Not [!Condition Rest]
Globals:
  Function: {MemorySize: 512, Architectures: [arm64]}
Resources:
  Api: {Type: AWS::Serverless::Api, Condition: Rest}
  Integration: {Type: AWS::ApiGatewayV2::Integration, Condition: Http}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupClass: INFREQUENT_ACCESS}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties: {PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: !If [Kept, true, false]}}
  Key: {Type: AWS::SecretsManager::Secret, Condition: Kept}
  Archive: {Type: AWS::Events::Archive, Properties: {RetentionDays: 30}}
  InboxQueue: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "souk-${Environment}-offers-inbox"}}
  HttpFunction: {Type: AWS::Serverless::Function, Properties: {FunctionName: !Sub "souk-${Environment}-offers-http"}}
  InboxFunction:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub souk-${Environment}-offers-inbox
      MemorySize: 256
      Architectures: [x86_64]
      Events:
        Queue:
          Type: SQS
          Properties: {Queue: !GetAtt InboxQueue.Arn, BatchSize: 5, MaximumBatchingWindowInSeconds: 20}
"""


@pytest.fixture
def template(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "offers.yaml"
    file.write_text(TEMPLATE)
    return read(file)


@pytest.fixture
def found(template: dict[str, Any]) -> Stacks:
    made = Stacks()
    add(made, "offers", template)
    return made


def test_a_function_has_the_memory_and_processor_of_its_own_or_of_all(found: Stacks) -> None:
    assert found.sizes["offers", "offers-http"] == found.sizes["offers", "HttpFunction"] == Size(512, "arm64")
    assert found.sizes["offers", "offers-inbox"] == Size(256, "x86_64")


def test_a_queue_has_the_batch_and_the_window_of_its_source(found: Stacks) -> None:
    assert found.sources == {"offers-inbox": Source(5, 20)}


def test_log_class_secrets_and_archive_are_read(found: Stacks) -> None:
    assert found.log_classes == {"offers": "INFREQUENT_ACCESS"}
    assert (found.secrets, found.fact_days) == (1, 30)


def test_what_holds_is_what_holds_in_prod(found: Stacks) -> None:
    assert found.backed_up == {"offers"}


@pytest.mark.parametrize("kind", ["http", "rest"])
def test_the_gateway_is_the_one_whose_resources_are_made(template: dict[str, Any], kind: str) -> None:
    template["Parameters"]["Gateway"]["Default"] = kind
    found = Stacks()
    add(found, "offers", template)
    assert found.gateways == {"offers": kind}


def test_http_apis_are_known_by_either_form() -> None:
    assert gateway({"AWS::Serverless::HttpApi"}) == gateway({"AWS::ApiGatewayV2::Api"}) == "http"
    assert gateway({"AWS::Serverless::Api"}) == "rest"


def test_the_edge_keeps_what_a_service_says_within_what_its_behaviour_allows() -> None:
    found = Stacks(behaviours=[Behaviour("/catalog/*", 60), Behaviour("/carts/*", 0)])
    kept = [found.kept_seconds("/catalog/products", said) for said in (0, 15, 300)]
    assert kept == [0, 15, 60]
    assert found.kept_seconds("/carts/countries", 300) == 0
    assert found.kept_seconds("/elsewhere", 300) == 0


def test_every_function_and_queue_of_this_repository_has_its_figures() -> None:
    found = stacks()
    assert {"orders-http", "payments-inbox"} <= {name for _, name in found.sizes}
    assert {"orders-inbox", "payments-inbox"} <= set(found.sources)
    assert found.fact_days > 0
    assert found.kept_seconds("/catalog/products", 15) == 15
    assert found.kept_seconds("/orders", 0) == 0
    assert found.runs_function("/orders/ord_1")
    assert found.runs_function("/products.html")
    assert not found.runs_function("/js/pages/products.js")
