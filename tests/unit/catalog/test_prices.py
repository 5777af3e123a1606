"""What a reduction may be reckoned from: the rule, and products whose prices change, fail to, or change at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as some

from functions.catalog import service
from functions.catalog.api import catalog
from functions.catalog.domain import Price, Product, Stored, Variant
from functions.catalog.prices import MAX_PERIODS, Period, PriceHistory, prior_price
from functions.shared import aws
from functions.shared.clock import rfc3339
from functions.shared.errors import ConflictError, PreconditionFailedError
from functions.shared.ids import new_id
from tests.unit.catalog.conftest import CrashError, Send, crashing, euro, meanwhile, product, read

START = datetime(2026, 1, 1, 8, tzinfo=UTC)
PRICES = "/catalog/products/{id}/prices"
STAFF = {"subject": "cus_s", "roles": "staff"}
Steps = list[tuple[float, int | None]]
"""Days after the step before, and what a variant costs from then on; None where it is not on sale."""


# --- the rule -----------------------------------------------------------------------------------------------------


def claimed(steps: Steps, most: int = MAX_PERIODS) -> int | None:
    """Return what may be claimed after the steps, kept as the service keeps them: without what is too old each time."""
    history, at = PriceHistory("EUR"), START
    for days, amount in steps:
        at += timedelta(days=days)
        history = history.pruned(at).shortened(most)
        history = history.followed_by(rfc3339(at), {} if amount is None else {"A": amount})
    return prior_price(history.variants["A"]) if "A" in history.variants else None


@pytest.mark.parametrize(
    ("steps", "prior"),
    [
        ([(0, 100)], None),
        ([(0, 100), (40, 80)], 100),
        ([(0, 100), (30, 80)], 100),
        ([(0, 100), (29.9, 80)], None),  # not on sale for 30 days yet
        ([(0, 100), (40, 120)], None),  # a rise
        ([(0, 100), (40, 120), (10, 90)], 100),  # raised before it is reduced
        ([(0, 100), (40, 120), (10, 100)], None),  # no lower than it was
        ([(0, 100), (40, 120), (10, 110)], None),
        ([(0, 100), (40, 120), (30, 110)], 120),  # 100 ended 30 days before
        ([(0, 100), (40, 80), (200, 80)], 100),  # it stands on, said again or not
        ([(0, 100), (40, 80), (10, 70)], 80),  # a further reduction is reckoned afresh
        ([(0, 100), (40, 80), (10, 120), (1, 90)], None),  # 80 was among the 30 days
        ([(0, 100), (40, 80), (10, 90)], None),  # less of a reduction is a rise
        ([(0, 100), (20, None), (1, 100), (20, 80)], None),  # not on sale through the 30 days
        ([(0, 100), (20, None), (1, 100), (30, 80)], 100),
        ([(0, 100), (40, None), (1, 80)], None),
        ([(0, 100), (40, 80), (1, None), (1, 80)], None),
        ([(0, 100), (40, 80), (1, None)], None),
        ([(0, 5), (40, 0)], 5),
    ],
)
def test_a_reduction_is_reckoned_from_the_lowest_price_of_the_30_days_before(
    steps: Steps, prior: int | None
) -> None:
    assert claimed(steps) == prior


def by_the_law(steps: Steps) -> int | None:
    """Return the same by looking at each moment at which a price of the 30 days applied."""
    times, at = list[tuple[datetime, int | None]](), START
    for days, amount in steps:
        at += timedelta(days=days)
        times.append((at, amount))

    def applied(moment: datetime) -> int | None:
        return next((amount for since, amount in reversed(times) if since <= moment), None)

    now = times[-1][1]
    before, begun = next(
        (
            (applied(since - timedelta(milliseconds=1)), since)
            for since, amount in reversed(times)
            if amount != applied(since - timedelta(milliseconds=1))
        ),
        (None, START),
    )
    if now is None or before is None or before <= now:
        return None
    first = begun - timedelta(days=30)
    window = [applied(moment) for moment in (first, *(since for since, _ in times if first < since < begun))]
    known = [amount for amount in window if amount is not None]
    return min(known) if len(known) == len(window) and min(known) > now else None


steps_ = some.lists(
    some.tuples(
        some.sampled_from([0.5, 1, 3, 10, 29, 30, 31, 60]), some.none() | some.sampled_from([50, 60, 70, 80])
    ),
    min_size=1,
    max_size=30,
)


@given(steps_)
@settings(max_examples=400, deadline=None)
def test_what_is_claimed_is_what_looking_at_each_moment_finds(steps: Steps) -> None:
    assert claimed(steps) == by_the_law(steps)


@given(steps_, some.integers(2, 5))
@example([(0, 80), (40, None), (1, 80), (1, 70), (1, 80), (1, 60)], 3)
@settings(max_examples=400, deadline=None)
def test_too_many_prices_may_cost_a_claim_and_never_make_one_or_raise_it(steps: Steps, most: int) -> None:
    exact, kept = by_the_law(steps), claimed(steps, most)
    assert kept is None or (exact is not None and steps[-1][1] is not None and steps[-1][1] < kept <= exact)


@given(steps_)
@settings(max_examples=100, deadline=None)
def test_what_is_there_already_is_not_kept_twice(steps: Steps) -> None:
    history, at = PriceHistory("EUR"), START
    for days, amount in steps:
        at += timedelta(days=days)
        told = rfc3339(at), {} if amount is None else {"A": amount}
        history = history.followed_by(*told)
        assert history.followed_by(*told) == history


def test_only_what_a_claim_can_rest_on_is_kept() -> None:
    history = PriceHistory("EUR")
    for day in range(400):
        history = history.followed_by(rfc3339(START + timedelta(days=day)), {"A": 100 + day, "B": 5})
        history = history.pruned(START + timedelta(days=day))
    assert len(history.variants["A"]) == 31  # what applied 30 days ago at this hour has ended at it
    gone = history.followed_by(rfc3339(START + timedelta(days=400)), {"B": 5})
    assert list(gone.pruned(START + timedelta(days=440)).variants) == ["B"]


# --- products -----------------------------------------------------------------------------------------------------


class Shop:
    """A product with a variant or more, whose prices change at given days."""

    def __init__(self) -> None:
        self.id = new_id("prd", START)
        self.days = 0.0

    def day(self, days: float) -> datetime:
        """Go on to a day and return its time."""
        self.days = days
        return START + timedelta(days=days)

    def pot(self, amounts: tuple[int, ...], currency: str = "EUR", **changes: Any) -> Product:
        sizes = ("S", "M", "L")[: len(amounts)]
        variants = tuple(
            Variant(Price(amount, currency), f"POT-{size}", (size,), Price(9999, currency))
            for size, amount in zip(sizes, amounts, strict=True)
        )
        told = {"slug": "pot", "status": "published", "options": ("Size",), **changes}
        return Product("A pot", variants, **told)

    def create(self, *amounts: int, **changes: Any) -> Stored:
        made = self.pot(amounts, **changes)
        return service.create(catalog(), made, self.id, currency="EUR", at=self.day(0))

    def sell(self, days: float, *amounts: int, currency: str = "EUR", **changes: Any) -> Stored:
        now = self.stored()
        return service.change(
            catalog(),
            self.id,
            self.pot(amounts, currency, **changes),
            version=now.version,
            currency=currency,
            at=self.day(days),
        )

    def withdraw(self, days: float) -> None:
        service.withdraw(catalog(), self.id, version=self.stored().version, at=self.day(days))

    def stored(self) -> Stored:
        return service.product(catalog(), self.id)

    def item(self) -> dict[str, Any] | None:
        """Return the item of the prices that ended."""
        return catalog().get({"pk": f"PRODUCT#{self.id}", "sk": "PRICES"})


@pytest.fixture
def shop(send: Send) -> Shop:
    return Shop()


def prices(send: Send, id_or_slug: str, **query: str) -> Any:
    return send("GET", PRICES, path={"id": id_or_slug}, query=query or None, **STAFF)


def history(send: Send, shop: Shop) -> dict[str, list[tuple[float | None, float | None, int]]]:
    """Return what staff are told of each variant: from which day until which it cost what, the oldest first."""

    def days(text: str | None) -> float | None:
        return round((datetime.fromisoformat(text) - START) / timedelta(days=1), 3) if text else None

    return {
        one["sku"]: [
            (days(each["since"]), days(each["until"]), each["price"]["amount"])
            for each in one["prices"][::-1]
        ]
        for one in prices(send, shop.id, limit="100").body["items"]
    }


def test_buyers_see_what_a_price_is_reduced_from_and_nothing_that_was_typed(send: Send, shop: Shop) -> None:
    shop.create(2000, 3000)
    (card,) = send("GET", "/catalog/products").body["items"]
    assert (card["priorPrice"], card["compareAt"]) == (None, None)
    shop.sell(40, 1500, 3000)
    small, large = read(send, "pot").body["variants"]
    assert (small["priorPrice"], large["priorPrice"]) == (euro(2000), None)
    assert "compareAt" not in small
    assert product(send, "pot")["variants"][0]["compareAt"] == euro(9999)
    (card,) = send("GET", "/catalog/products").body["items"]
    assert (card["priorPrice"], card["compareAt"]) == (euro(2000), None)


def test_staff_see_what_each_variant_cost_and_when(send: Send, shop: Shop) -> None:
    shop.create(2000, 3000)
    shop.sell(40, 1500, 3000)
    shop.sell(41, 1400, 3000)
    assert history(send, shop) == {
        "POT-S": [(0, 40, 2000), (40, 41, 1500), (41, None, 1400)],
        "POT-M": [(0, None, 3000)],
    }
    small = prices(send, "pot").body["items"][1]
    assert (small["title"], small["priorPrice"]) == ("A pot, S", euro(1500))


def test_a_variant_that_is_gone_has_its_prices_still(send: Send, shop: Shop) -> None:
    shop.create(2000, 3000)
    shop.sell(40, 2000)
    assert history(send, shop) == {"POT-S": [(0, None, 2000)], "POT-M": [(0, 40, 3000)]}
    gone = prices(send, shop.id).body["items"][0]
    assert (gone["sku"], gone["title"], gone["priorPrice"]) == ("POT-M", None, None)
    shop.sell(50, 2000, 2500)
    assert shop.stored().prior == {}


def test_prices_come_in_pages(send: Send, shop: Shop) -> None:
    shop.create(1, 2, 3)
    first = prices(send, shop.id, limit="2").body
    rest = prices(send, shop.id, limit="2", cursor=first["nextCursor"]).body
    assert [one["sku"] for one in (*first["items"], *rest["items"])] == ["POT-L", "POT-M", "POT-S"]
    assert rest["nextCursor"] is None
    answer = prices(send, shop.id, cursor="x")
    assert (answer.status, answer.body["code"]) == (400, "invalid_cursor")


def test_prices_of_before_are_for_staff(send: Send, shop: Shop) -> None:
    shop.create(2000, status="draft")
    assert send("GET", PRICES, path={"id": "pot"}, subject="cus_1", roles="customer").status == 403
    assert prices(send, "pot").body == {"items": [], "nextCursor": None}
    assert prices(send, "no-such-pot").status == 404


def test_a_claim_stands_until_the_price_rises(shop: Shop) -> None:
    shop.create(2000, 3000)
    shop.sell(40, 1500, 3000)
    assert shop.sell(50, 1500, 3000, vendor="Clay Co").prior == {"POT-S": 2000}
    assert shop.sell(300, 1500, 2900).prior == {"POT-S": 2000, "POT-M": 3000}
    assert shop.sell(301, 1600, 2900).prior == {"POT-M": 3000}


def test_time_off_sale_does_not_count(send: Send, shop: Shop) -> None:
    shop.create(2000)
    shop.withdraw(40)
    assert history(send, shop) == {"POT-S": [(0, 40, 2000)]}
    assert shop.sell(50, 1900).prior == {}
    assert shop.sell(60, 1500).prior == {}
    assert history(send, shop) == {"POT-S": [(0, 40, 2000), (50, 60, 1900), (60, None, 1500)]}
    assert shop.sell(90, 1000).prior == {"POT-S": 1500}


def test_a_draft_has_no_price_that_applied(send: Send, shop: Shop) -> None:
    shop.create(2000, status="draft")
    shop.sell(10, 2500, status="draft")
    assert (shop.stored().since, shop.item()) == ("", None)
    shop.sell(40, 2000)
    assert shop.sell(69, 1500).prior == {}
    assert history(send, shop) == {"POT-S": [(40, 69, 2000), (69, None, 1500)]}


def test_what_leaves_prices_as_they_are_writes_no_history(shop: Shop) -> None:
    shop.create(2000)
    shop.sell(40, 2000, vendor="Clay Co")
    assert shop.item() is None
    shop.sell(41, 1500)
    kept = shop.item()
    assert kept
    shop.sell(42, 1500, vendor="Other")
    shop.sell(42, 1500, vendor="Other")
    assert shop.item() == kept


def test_prices_in_another_currency_are_not_compared(send: Send, shop: Shop) -> None:
    shop.create(2000)
    assert shop.sell(40, 1500, currency="USD").prior == {}
    assert history(send, shop) == {"POT-S": [(40, None, 1500)]}
    assert shop.sell(80, 1000, currency="USD").prior == {"POT-S": 1500}


def test_a_draft_that_was_on_sale_takes_its_prices_with_it(shop: Shop) -> None:
    shop.create(2000)
    shop.sell(40, 2000, status="draft")
    assert shop.item()
    shop.withdraw(41)
    assert shop.item() is None


@pytest.mark.parametrize("dies_before", ["PutItem", "TransactWriteItems"])
def test_a_change_that_dies_is_kept_once_when_it_comes_again(
    send: Send, shop: Shop, dies_before: str
) -> None:
    shop.create(2000)
    with crashing(0, dies_before), pytest.raises(CrashError):
        shop.sell(40, 1500)
    assert history(send, shop) == {"POT-S": [(0, None, 2000)]}
    assert shop.sell(41, 1500).prior == {"POT-S": 2000}
    assert shop.sell(41, 1500).version == 2
    assert history(send, shop) == {"POT-S": [(0, 41, 2000), (41, None, 1500)]}


def test_a_change_that_is_refused_changes_no_prices(send: Send, shop: Shop) -> None:
    shop.create(2000)
    with pytest.raises(ConflictError):
        Shop().create(100)
    cup = Product("Cup", (Variant(Price(1, "EUR"), "CUP"),), slug="cup")
    service.create(catalog(), cup, new_id("prd", START), currency="EUR", at=START)
    with pytest.raises(ConflictError):
        shop.sell(40, 1500, slug="cup")
    assert history(send, shop) == {"POT-S": [(0, None, 2000)]}


@pytest.mark.parametrize("after", range(5))
def test_of_changes_at_once_every_price_is_kept(send: Send, shop: Shop, after: int) -> None:
    shop.create(2000)
    shop.sell(40, 1800)

    def others() -> None:
        shop.sell(41, 1700)
        shop.sell(42, 1600)

    with meanwhile(after, others):
        found = shop.stored()
        try:
            service.change(
                catalog(),
                shop.id,
                shop.pot((1500,)),
                version=found.version,
                currency="EUR",
                at=START + timedelta(days=43),
            )
        except PreconditionFailedError:
            shop.sell(43, 1500)
    whole = [(0, 40, 2000), (40, 41, 1800), (41, 42, 1700), (42, 43, 1600), (43, None, 1500)]
    assert history(send, shop) == {"POT-S": whole}


def test_a_clock_that_goes_behind_loses_no_price(send: Send, shop: Shop) -> None:
    shop.create(2000)
    shop.sell(40, 1500)
    shop.sell(39.9, 1600)
    shop.sell(39.9, 1400)
    assert [amount for _, _, amount in history(send, shop)["POT-S"]] == [2000, 1500, 1600, 1400]


# --- products of before -------------------------------------------------------------------------------------------


def forget(shop: Shop) -> None:
    """Have the product written as code wrote it that did not tell since when prices apply."""
    aws.dynamodb().update_item(
        TableName=os.environ["TABLE_NAME"],
        Key={"pk": {"S": f"PRODUCT#{shop.id}"}, "sk": {"S": "PRODUCT"}},
        UpdateExpression="REMOVE since, ended, #prior",
        ExpressionAttributeNames={"#prior": "prior"},
    )


def test_the_history_of_a_product_of_before_begins_when_it_was_last_written(send: Send, shop: Shop) -> None:
    shop.create(2000)
    forget(shop)
    assert history(send, shop) == {"POT-S": [(0, None, 2000)]}
    shop.sell(20, 2000, vendor="Clay Co")
    assert (shop.stored().since, shop.item()) == (rfc3339(START), None)
    assert shop.sell(29, 1500).prior == {}
    assert history(send, shop) == {"POT-S": [(0, 29, 2000), (29, None, 1500)]}


@pytest.mark.parametrize("change", ["price", "title", "published again"])
def test_a_history_with_a_hole_is_not_counted_on(send: Send, shop: Shop, change: str) -> None:
    """An older version of the code writes in the middle, and keeps no history: what it sold at is unknown."""
    shop.create(2000)
    shop.sell(40, 1900)
    if change == "published again":
        shop.withdraw(45)
    else:
        shop.sell(45, 2500)
    forget(shop)
    shop.sell(50, 1800 if change == "price" else 2500, vendor="Clay Co")
    shop.sell(70, 1700)
    assert shop.stored().prior == {}
    first = history(send, shop)["POT-S"][0]
    assert first == {"price": (45, 50, 2500), "title": (45, 70, 2500)}.get(change, (50, 70, 2500))


# --- size ---------------------------------------------------------------------------------------------------------


def test_the_prices_of_2048_variants_that_change_each_day_fit_into_an_item(
    deploy: Callable[[str], str], shop: Shop
) -> None:
    skus = [f"{number:04d}-{os.urandom(29).hex()}" for number in range(2048)]
    periods = [
        Period(rfc3339(START + timedelta(days=day)), int.from_bytes(os.urandom(4)) % 100_000)
        for day in range(70)
    ]
    many = PriceHistory("EUR", 1, {sku: tuple(periods[number % 5 :]) for number, sku in enumerate(skus)})
    assert catalog().keep_prices(shop.id, many)
    item = shop.item()
    assert item
    assert len(item["ended"]) < 300_000
    kept = catalog().price_history(shop.id)
    assert kept
    assert {len(each) for each in kept.variants.values()} <= {2, 4, 16}
    assert all(each[-1] == many.variants[sku][-1] for sku, each in kept.variants.items())


def test_an_older_version_of_a_product_keeps_no_prices_over_a_newer_one(shop: Shop) -> None:
    newer = PriceHistory("EUR", 7, {"A": (Period(rfc3339(START), 5),)})
    assert catalog().keep_prices(shop.id, newer)
    assert not catalog().keep_prices(shop.id, PriceHistory("EUR", 6))
    assert catalog().price_history(shop.id) == newer
