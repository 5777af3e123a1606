"""A service's stack is deleted and made again, and has its table back with all that was in it."""

from __future__ import annotations

import pytest

from tools.build import sam
from tools.local.stack import Stack
from tools.operate import changes, deploy

CART = sam.StackTemplate("cart")


def test_what_a_deleted_stack_left_is_taken_up_by_the_next_deploy(
    bare: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in bare.variables.items():
        monkeypatch.setenv(name, value)
    target = sam.Target("local", variables=bare.variables)
    cloudformation, dynamodb = bare.client("cloudformation"), bare.client("dynamodb")
    sam.build_stack(CART)
    deploy.deploy_stack(cloudformation, CART, target)
    kept = {"pk": {"S": "CART#kept"}, "sk": {"S": "CART"}}
    dynamodb.put_item(TableName="souk-local-cart", Item=kept)

    changes.remove(cloudformation, "souk-local-cart")
    deploy.deploy_stack(cloudformation, CART, target)

    assert dynamodb.get_item(TableName="souk-local-cart", Key=kept)["Item"] == kept
    assert "cart: takes up souk-local-cart" in capsys.readouterr().out
    held = cloudformation.describe_stack_resource(StackName="souk-local-cart", LogicalResourceId="CartTable")
    assert held["StackResourceDetail"]["PhysicalResourceId"] == "souk-local-cart"
    capsys.readouterr()
    deploy.deploy_stack(cloudformation, CART, target)
    assert "takes up" not in capsys.readouterr().out, "it has it"
