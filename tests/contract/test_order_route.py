"""An order's route in the templates: who may send to whose inbox, and what each of them has from the bus."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from functions.orders.domain import PARTICIPANTS
from functions.orders.saga import ROUTE
from tests.simulation.deployment import compiled
from tests.support import templates
from tests.support.contracts import Event, rule_patterns

BY_ROUTE = {
    **{name: [("souk.orders", "OrderPlaced")] for name in PARTICIPANTS},
    "orders": [(f"souk.{name}", kind) for name, who in PARTICIPANTS.items() for kind in (who.yes, who.no)],
}
"""By service, what it has by the route: the order, or the answers to it."""


def inboxes_sent_to(service: str) -> Iterator[str]:
    """Yield the services to whose inboxes functions of a service may send."""
    for function in templates.resources(service, "AWS::Serverless::Function").values():
        for statement in (one for policy in function["Policies"] for one in policy["Statement"]):
            given = statement["Resource"]
            for resource in given if isinstance(given, list) else [given]:
                name = resource if isinstance(resource, str) else str(resource.get("Fn::Sub"))
                if "sqs:SendMessage" in statement["Action"] and name.endswith("-inbox"):
                    yield name.rpartition("souk-${Environment}-")[2].removesuffix("-inbox")


@pytest.mark.parametrize(
    ("service", "to"),
    [("orders", {ROUTE[0]}), *((one, {after, ROUTE[-1]}) for one, after in pairwise(ROUTE))],
)
def test_each_on_the_route_may_send_to_the_next_and_home_and_to_nobody_else(
    service: str, to: set[str]
) -> None:
    assert set(inboxes_sent_to(service)) == to


@pytest.mark.parametrize("service", BY_ROUTE)
@pytest.mark.parametrize("sent_again", [False, True])
def test_what_has_no_slip_comes_from_the_bus_once(service: str, sent_again: bool) -> None:
    assert {handed(service, fact, {}, sent_again) for fact in BY_ROUTE[service]} == {1}


@pytest.mark.parametrize("service", BY_ROUTE)
@pytest.mark.parametrize("sent_again", [False, True])
def test_what_comes_by_the_route_comes_from_the_bus_only_where_the_archive_sends_it_again(
    service: str, sent_again: bool
) -> None:
    assert {handed(service, fact, {"routed": True}, sent_again) for fact in BY_ROUTE[service]} == {
        int(sent_again)
    }


def handed(service: str, fact: tuple[str, str], detail: Event, sent_again: bool) -> int:
    """Return by how many of a service's rules the bus hands it a fact."""
    event: dict[str, Any] = {"source": fact[0], "detail-type": fact[1], "detail": detail}
    if sent_again:
        event["replay-name"] = "replay-1"
    return sum(compiled(pattern)(event) for pattern in rule_patterns(service))
