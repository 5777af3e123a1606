"""What `make deploy` shows, refuses and repeats: change sets, and stacks in every state an earlier deploy can leave."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from tools.operate import changes
from tools.operate.changes import Change
from tools.report import ToolError

TABLE = "AWS::DynamoDB::Table"
STACK = "souk-dev-orders"


def resource_change(action: str, logical: str, kind: str, **more: Any) -> dict[str, Any]:
    told = {"Action": action, "LogicalResourceId": logical, "ResourceType": kind, **more}
    return {"Type": "Resource", "ResourceChange": told}


def test_a_change_set_is_read_to_its_last_page_and_what_is_lost_comes_first() -> None:
    client = boto3.client(
        "cloudformation", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    name = {"Target": {"Attribute": "Properties", "Name": "TableName"}}
    pages = [
        {"Changes": [resource_change("Add", "Alarm", "AWS::CloudWatch::Alarm")], "NextToken": "more"},
        {
            "Changes": [
                resource_change("Modify", "HttpFunction", "AWS::Lambda::Function", Replacement="False"),
                resource_change("Modify", "OrdersTable", TABLE, Replacement="True", Details=[name, name]),
                {"Type": "Hook", "HookInvocationCount": 1},
            ]
        },
    ]
    with Stubber(client) as stub:
        for page in pages:
            stub.add_response("describe_change_set", page)
        found = changes.changes(client, "arn")
    assert [(one.word, one.logical) for one in found] == [
        ("replace", "OrdersTable"),
        ("change", "HttpFunction"),
        ("add", "Alarm"),
    ]
    assert changes.told("orders", found).splitlines()[:2] == [
        "orders: 3 changes",
        "    replace   OrdersTable (DynamoDB::Table): TableName",
    ]


def test_of_a_stack_that_only_grows_it_is_said_by_how_much() -> None:
    added = [Change("Add", "A", TABLE), Change("Add", "B", TABLE)]
    assert changes.told("orders", added) == "orders: 2 resources are added"


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        (Change("Remove", "OrdersTable", TABLE), True),
        (Change("Modify", "OrdersTable", TABLE, replaced="True"), True),
        (Change("Modify", "OrdersTable", TABLE, replaced="Conditional"), True),
        (Change("Modify", "InboxQueue", "AWS::SQS::Queue", replaced="True"), True),
        (Change("Modify", "OrdersTable", TABLE), False),
        (Change("Add", "OrdersTable", TABLE), False),
        (Change("Import", "OrdersTable", TABLE), False),
        (Change("Remove", "HttpFunctionVersion1", "AWS::Lambda::Version"), False),
    ],
)
def test_what_loses_data_is_refused_unless_it_is_named(change: Change, lost: bool) -> None:
    changes.refuse_losses("orders", [change], [change.logical])
    if not lost:
        changes.refuse_losses("orders", [change], [])
        return
    with pytest.raises(ToolError, match=f'nothing was changed.*REPLACE="{change.logical}"'):
        changes.refuse_losses("orders", [change], ["Another"])


class CloudFormation:
    """One stack: the states it is in from call to call, and what it was asked to do."""

    def __init__(self, *states: str | None, then: dict[str, str | None] | None = None) -> None:
        self.states = list(states)
        self.then = then or {}
        self.asked: list[str] = []
        self.events: list[dict[str, str]] = []

    def describe_stacks(self, **request: str) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            told = {
                "Code": "ValidationError",
                "Message": f"Stack with id {request['StackName']} does not exist",
            }
            raise ClientError({"Error": told}, "DescribeStacks")
        return {"Stacks": [{"StackStatus": state}]}

    def _do(self, what: str) -> None:
        self.asked.append(what)
        self.states = [self.then[what]]

    def delete_stack(self, **_: str) -> None:
        self._do("delete")

    def continue_update_rollback(self, **_: str) -> None:
        self._do("roll back")

    def execute_change_set(self, **_: str) -> None:
        if "execute" not in self.then:
            told = {"Code": "InvalidChangeSetStatus", "Message": "is in UPDATE_IN_PROGRESS state"}
            raise ClientError({"Error": told}, "ExecuteChangeSet")
        self._do("execute")

    def get_paginator(self, _: str) -> CloudFormation:
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{"StackEvents": self.events[:2]}, {"StackEvents": self.events[2:]}]

    def tell(self, *events: tuple[str, str, str]) -> None:
        """Have events, the newest first: a resource, its state and why."""
        self.events = [
            {"LogicalResourceId": who, "ResourceStatus": state, "ResourceStatusReason": why}
            for who, state, why in events
        ]


@pytest.fixture(autouse=True)
def _an_emulator_is_asked_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")


@pytest.mark.parametrize("state", [None, "CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_can_be_deployed_is_left_alone(state: str | None) -> None:
    cloud = CloudFormation(state)
    changes.settle(cloud, STACK)
    assert cloud.asked == []


@pytest.mark.parametrize("state", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_stack_whose_first_deploy_failed_is_deleted_and_made_anew(state: str) -> None:
    cloud = CloudFormation(state, then={"delete": None})
    changes.settle(cloud, STACK)
    assert cloud.asked == ["delete"]


def test_what_stands_in_the_way_of_a_deletion_is_named() -> None:
    cloud = CloudFormation("ROLLBACK_COMPLETE", then={"delete": "DELETE_FAILED"})
    cloud.tell(
        ("SiteBucket", "DELETE_FAILED", "it is not empty"), (STACK, "DELETE_IN_PROGRESS", "User Initiated")
    )
    with pytest.raises(ToolError, match=r"SiteBucket: it is not empty; .*in the way: SiteBucket"):
        changes.settle(cloud, STACK)


def test_somebody_elses_deploy_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    cloud = CloudFormation("UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE")
    changes.settle(cloud, STACK)
    assert cloud.asked == []
    assert cloud.states == ["UPDATE_COMPLETE"]
    assert "somebody else's deploy is under way" in capsys.readouterr().out


def test_a_first_deploy_of_somebody_else_that_fails_is_cleared_away_too() -> None:
    cloud = CloudFormation("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE", then={"delete": None})
    changes.settle(cloud, STACK)
    assert cloud.asked == ["delete"]


def test_a_rollback_that_stuck_is_tried_once_more() -> None:
    cloud = CloudFormation("UPDATE_ROLLBACK_FAILED", then={"roll back": "UPDATE_ROLLBACK_COMPLETE"})
    changes.settle(cloud, STACK)
    assert cloud.asked == ["roll back"]


def test_a_rollback_that_sticks_again_says_what_is_in_its_way_and_what_to_type() -> None:
    cloud = CloudFormation("UPDATE_ROLLBACK_FAILED", then={"roll back": "UPDATE_ROLLBACK_FAILED"})
    cloud.tell(
        ("HttpFunction", "UPDATE_FAILED", "the role is gone"),
        (STACK, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated"),
        ("Older", "UPDATE_FAILED", "of another day"),
    )
    with pytest.raises(ToolError, match=f"{STACK} --resources-to-skip HttpFunction$"):
        changes.settle(cloud, STACK)


def test_a_change_set_that_fails_says_what_failed_first() -> None:
    cloud = CloudFormation("UPDATE_COMPLETE", then={"execute": "UPDATE_ROLLBACK_COMPLETE"})
    cloud.tell(
        ("Route", "UPDATE_FAILED", "Resource update cancelled"),
        ("HttpFunction", "UPDATE_FAILED", "memory is too large"),
        (STACK, "UPDATE_IN_PROGRESS", "User Initiated"),
    )
    with pytest.raises(ToolError, match="ROLLBACK_COMPLETE: HttpFunction: memory is too large; mend that"):
        changes.execute(cloud, STACK, "arn")


def test_a_change_set_that_another_deploy_has_overtaken_changes_nothing() -> None:
    with pytest.raises(ToolError, match=r"somebody else deploys it too .*run it again"):
        changes.execute(CloudFormation("UPDATE_IN_PROGRESS"), STACK, "arn")
