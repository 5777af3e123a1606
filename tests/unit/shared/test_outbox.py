"""The outbox: facts as they wait in an item, and their way to the bus."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from functions.shared import aws, context, log
from functions.shared.dynamo import encode_item
from functions.shared.outbox import PublishError, fact, pack, publish, tell, unpack
from functions.shared.types import Data
from tests.support.lambda_events import Context, stream_event

AT = datetime(2026, 11, 22, 17, 5, 9, 123_000, tzinfo=UTC)


class WishGranted(Data, frozen=True):
    wish_id: str
    note: str = ""


class WishTold(Data, frozen=True):
    wish_id: str


class WishToldV2(Data, frozen=True):
    wish_id: str


@pytest.fixture
def seen(arrived: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that returns what has come through the real bus (moto's) to a queue behind a rule."""
    monkeypatch.setenv("SERVICE_NAME", "wishes")
    return arrived


def image(*facts: Any, **attributes: Any) -> dict[str, Any]:
    return encode_item({"pk": "WISH#1", "sk": "WISH", "outbox": pack(*facts), **attributes})


def granted(version: int = 1, note: str = "") -> Any:
    return fact(WishGranted("wsh_1", note), "wsh_1", version, AT)


def detail(told: Any, **attributes: Any) -> dict[str, Any]:
    """Return a fact as the bus gets it, after it waited in an item."""
    (envelope,) = unpack(image(told, **attributes))
    found: dict[str, Any] = json.loads(msgspec.json.encode(envelope))
    return found


def accept(bus: Stubber, count: int) -> None:
    bus.add_response(
        "put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}] * count}, {"Entries": ANY}
    )


# --- facts ---------------------------------------------------------------------------------------------------------


def test_a_fact_is_named_by_its_aggregate_version_and_type() -> None:
    assert detail(granted(3))["id"] == "wsh_1.3.WishGranted"


def test_the_same_change_told_twice_is_one_event() -> None:
    assert pack(granted(3)) == pack(granted(3))
    told = fact(WishTold("wsh_1"), "wsh_1", 3, AT)
    assert len({detail(one)["id"] for one in (granted(3), granted(3), granted(4), told)}) == 3


def test_a_fact_carries_the_purchase_and_what_led_to_it() -> None:
    context.begin("purchase-1", "ord_1.1.OrderPlaced")
    found = detail(granted())
    assert (found["correlationId"], found["causationId"]) == ("purchase-1", "ord_1.1.OrderPlaced")


def test_a_fact_that_no_event_led_to_has_no_cause() -> None:
    context.begin("purchase-1")
    assert "causationId" not in detail(granted())


def test_a_fact_names_the_caller_who_asked_for_it() -> None:
    context.begin("purchase-1")
    context.current.actor = "cus_1"
    assert detail(granted())["actor"] == "cus_1"
    context.begin("purchase-1", "ord_1.1.OrderPlaced")
    assert "actor" not in detail(granted())


def test_a_fact_has_the_published_shape() -> None:
    context.begin("purchase-1")
    assert detail(granted(2, "x")) == {
        "id": "wsh_1.2.WishGranted",
        "type": "WishGranted",
        "version": 1,
        "time": "2026-11-22T17:05:09.123Z",
        "correlationId": "purchase-1",
        "aggregate": {"id": "wsh_1", "version": 2},
        "data": {"wishId": "wsh_1", "note": "x"},
    }


def test_facts_come_out_in_the_order_they_went_in() -> None:
    facts = (granted(), fact(WishTold("wsh_1"), "wsh_1", 1, AT), granted(2))
    assert [(one.type, one.aggregate.version) for one in unpack(image(*facts))] == [
        ("WishGranted", 1),
        ("WishTold", 1),
        ("WishGranted", 2),
    ]


def test_data_that_is_in_the_item_already_is_not_stored_twice() -> None:
    told = fact(WishGranted("wsh_1", "long text"), "wsh_1", 1, AT, data_from="wish")
    assert "long text" not in pack(told)
    found = detail(told, wish='{"wishId":"wsh_1","note":"long text"}')
    assert found["data"] == {"wishId": "wsh_1", "note": "long text"}


def test_a_fact_whose_data_is_all_in_the_item_is_told_by_the_publisher() -> None:
    told: list[Any] = []

    def tell(kind: str, item: dict[str, Any]) -> Data:
        told.append(kind)
        return WishGranted(item["wish_id"], item["note"])

    only_type = fact(WishGranted, "wsh_1", 2, AT)
    (envelope,) = unpack(image(only_type, wish_id="wsh_1", note="é"), tell)
    assert told == ["WishGranted"]
    assert (envelope.id, envelope.type) == ("wsh_1.2.WishGranted", "WishGranted")
    assert json.loads(bytes(envelope.data)) == {"wishId": "wsh_1", "note": "é"}


def test_a_fact_that_nobody_tells_is_an_error_and_not_an_empty_event() -> None:
    with pytest.raises(TypeError, match="nobody tells"):
        unpack(image(fact(WishGranted, "wsh_1", 2, AT)))


def test_what_waited_in_an_item_while_the_service_was_deployed_is_still_read() -> None:
    waiting = '[["WishTold",1,"wsh_1",3,"2026-11-22T17:05:09.123Z","purchase-1",null,"cus_1",{"wishId":"wsh_1"},null]]'
    (envelope,) = unpack(encode_item({"outbox": waiting}))
    assert json.loads(msgspec.json.encode(envelope)) == {
        "id": "wsh_1.3.WishTold",
        "type": "WishTold",
        "version": 1,
        "time": "2026-11-22T17:05:09.123Z",
        "correlationId": "purchase-1",
        "actor": "cus_1",
        "aggregate": {"id": "wsh_1", "version": 3},
        "data": {"wishId": "wsh_1"},
    }


# --- telling ------------------------------------------------------------------------------------------------------


def test_what_a_handler_tells_reaches_the_bus_as_the_publisher_would_put_it(seen: Any) -> None:
    assert tell([granted(1), granted(2)]) == []
    told = [event["detail"] for event in seen()]
    publish(stream_event(image(granted(1), granted(2))))
    assert told == [event["detail"] for event in seen()]


def test_nothing_to_tell_asks_nothing_of_the_bus(bus: Stubber) -> None:
    assert tell([]) == []


def test_what_the_bus_refuses_is_returned(bus: Stubber, capsys: pytest.CaptureFixture[str]) -> None:
    refused = {"ErrorCode": "ThrottlingException", "ErrorMessage": "…"}
    accept(bus, 10)
    bus.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"EventId": "e"}, refused]})
    facts = [granted(version) for version in range(12)]
    log.logged("inbox", lambda event, _: print(len(tell(event))))(facts, Context())
    count, line = capsys.readouterr().out.splitlines()
    assert (count, json.loads(line)["refused"]) == ("1", ["ThrottlingException"])
    bus.add_response("put_events", {"FailedEntryCount": 1, "Entries": [refused, {"EventId": "e"}]})
    assert tell(facts[:2]) == facts[:1]


def test_what_is_told_in_two_versions_names_the_other(seen: Any) -> None:
    assert tell([fact(WishTold("wsh_1"), "wsh_1", 1, AT), fact(WishToldV2("wsh_1"), "wsh_1", 1, AT)]) == []
    assert [(event["detail"]["version"], event["detail"]["also"]) for event in seen()] == [(1, [2]), (2, [1])]


# --- publishing ----------------------------------------------------------------------------------------------------


def test_facts_reach_the_bus_under_the_services_own_source(seen: Any) -> None:
    publish(stream_event(image(granted(1), granted(2)), image(granted(3))))
    events = seen()
    assert {(event["source"], event["detail-type"]) for event in events} == {("souk.wishes", "WishGranted")}
    assert [event["detail"]["aggregate"]["version"] for event in events] == [1, 2, 3]
    assert events[0]["detail"]["data"] == {"wishId": "wsh_1"}


def test_data_from_the_item_reaches_the_bus(seen: Any) -> None:
    told = fact(WishGranted("wsh_1"), "wsh_1", 1, AT, data_from="wish")
    publish(stream_event(image(told, wish='{"wishId":"wsh_1","note":"é"}')))
    assert seen()[0]["detail"]["data"] == {"wishId": "wsh_1", "note": "é"}


def test_what_the_publisher_tells_reaches_the_bus(seen: Any) -> None:
    batch = stream_event(image(fact(WishTold, "wsh_1", 1, AT), wish_id="wsh_7"))
    publish(batch, lambda kind, item: WishTold(item["wish_id"]))
    assert seen()[0]["detail"]["data"] == {"wishId": "wsh_7"}


def test_records_without_facts_are_passed_over(bus: Stubber) -> None:
    removed = stream_event(image(granted()))["Records"][0]
    del removed["dynamodb"]["NewImage"]
    bare = stream_event(encode_item({"pk": "WISH#1", "sk": "WISH"}))["Records"][0]
    publish({"Records": [removed, bare]})


def test_the_bus_takes_ten_facts_at_a_time_in_their_order(bus: Stubber) -> None:
    for first, last in ((1, 10), (11, 20), (21, 23)):
        expected = [
            {
                "Source": "souk.wishes",
                "DetailType": "WishGranted",
                "EventBusName": "souk-local",
                "Detail": msgspec.json.encode(*unpack(image(granted(version)))).decode(),
            }
            for version in range(first, last + 1)
        ]
        answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}] * len(expected)}
        bus.add_response("put_events", answer, {"Entries": expected})
    publish(stream_event(*(image(granted(version)) for version in range(1, 24))))


def test_large_facts_share_a_call_only_up_to_its_size(bus: Stubber) -> None:
    sizes: list[int] = []
    for count in (2, 2, 1):
        accept(bus, count)
    aws.eventbridge().meta.events.register_first(
        "provide-client-params.events.PutEvents", lambda params, **_: sizes.append(len(params["Entries"]))
    )
    publish(stream_event(*(image(granted(version, "é" * 50_000)) for version in range(5))))
    assert sizes == [2, 2, 1]


def test_a_fact_that_fills_a_call_goes_alone(bus: Stubber) -> None:
    accept(bus, 1)
    accept(bus, 1)
    publish(stream_event(image(granted(1, "x" * 249_400)), image(granted(2))))


@pytest.mark.parametrize("refused", [1, 2])
def test_a_refused_fact_makes_the_batch_come_again(bus: Stubber, refused: int) -> None:
    entries = [{"ErrorCode": "ThrottlingException", "ErrorMessage": "…"}] * refused + [{"EventId": "e"}] * (
        2 - refused
    )
    bus.add_response("put_events", {"FailedEntryCount": refused, "Entries": entries})
    with pytest.raises(PublishError, match=f"{refused} of 2 facts refused"):
        publish(stream_event(image(granted(1)), image(granted(2))))


def test_a_bus_that_fails_makes_the_batch_come_again(bus: Stubber) -> None:
    bus.add_client_error("put_events", "InternalException", http_status_code=400)
    with pytest.raises(ClientError):
        publish(stream_event(image(granted())))


def test_what_was_published_before_a_refusal_is_published_again(bus: Stubber) -> None:
    batch = stream_event(*(image(granted(version)) for version in range(11)))
    accept(bus, 10)
    bus.add_response("put_events", {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]})
    with pytest.raises(PublishError):
        publish(batch)
    accept(bus, 10)
    accept(bus, 1)
    publish(batch)


def of_two_purchases() -> dict[str, Any]:
    """Return a batch of three facts: two of purchase-1, and one of purchase-2 between them."""
    images = []
    for version, purchase in ((1, "purchase-1"), (2, "purchase-2"), (3, "purchase-1")):
        context.begin(purchase)
        images.append(image(granted(version)))
    context.begin("other")
    return stream_event(*images)


def told(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, int, str]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(line["correlationId"], line["facts"], line["outcome"]) for line in lines]


def test_each_purchase_of_a_batch_has_its_line_with_the_number_of_its_facts(
    bus: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = of_two_purchases()
    accept(bus, 3)
    log.logged("publish", lambda event, _: publish(event))(batch, Context())
    assert told(capsys) == [("purchase-1", 2, "ok"), ("purchase-2", 1, "ok")]


def test_each_purchase_of_a_batch_says_that_it_was_not_published(
    bus: Stubber, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = of_two_purchases()
    bus.add_client_error("put_events", "InternalException", http_status_code=400)
    with pytest.raises(ClientError):
        log.logged("publish", lambda event, _: publish(event))(batch, Context())
    assert told(capsys) == [("purchase-1", 2, "raised"), ("purchase-2", 1, "raised")]
