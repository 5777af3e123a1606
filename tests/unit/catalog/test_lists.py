"""Lists and search: what is found, in which order, page by page, and how much is read for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import pytest

from functions.catalog.api import catalog
from functions.catalog.app import app
from functions.catalog.domain import Price, Product, Stored, Variant, card, lists, terms
from functions.catalog.lists import table as table_lists
from functions.catalog.lists.domain import ListEntry
from functions.shared import aws
from functions.shared.clock import now
from functions.shared.dynamo import to_item
from functions.shared.ids import new_id
from functions.shared.money import EXPONENTS
from tests.unit.catalog.conftest import ADMIN, Send, a_product, create, euro, listed

PRODUCTS = "/catalog/products"


@pytest.fixture
def shop(send: Send) -> Send:
    """A shop with five products."""
    for slug, price, more in (
        ("red-shirt", 3000, {"category": "Men", "tags": ["Cotton", "Red"], "vendor": "Élan"}),
        ("blue-shirt", 1000, {"category": "Men", "tags": ["Silk"], "vendor": "Élan"}),
        ("shirtdress", 9000, {"category": "Women", "tags": ["Cotton"], "vendor": "Nord"}),
        ("clay-pot", 2000, {"category": "Garden", "tags": ["Red"], "vendor": "Nord"}),
        ("cafe-creme", 1000, {"title": "Café Crème", "category": "Food"}),
    ):
        assert create(send, slug, variants=[{"price": euro(price)}], **more).status == 201
    return send


ORDERS = {
    "newest": "cafe-creme clay-pot shirtdress blue-shirt red-shirt",
    "oldest": "red-shirt blue-shirt shirtdress clay-pot cafe-creme",
    "price": "blue-shirt cafe-creme clay-pot red-shirt shirtdress",
    "-price": "shirtdress red-shirt clay-pot cafe-creme blue-shirt",
    "title": "blue-shirt cafe-creme clay-pot red-shirt shirtdress",
    "-title": "shirtdress red-shirt clay-pot cafe-creme blue-shirt",
}


@pytest.mark.parametrize("limit", ["1", "2", "100"])
def test_a_list_comes_in_the_order_asked_for_whatever_the_page(shop: Send, limit: str) -> None:
    assert {sort: listed(shop, sort=sort, limit=limit) for sort in ORDERS} == {
        sort: slugs.split() for sort, slugs in ORDERS.items()
    }


def test_the_newest_come_first_unless_asked_otherwise(shop: Send) -> None:
    assert listed(shop) == listed(shop, sort="newest")


FILTERS = [
    ({"category": "Men"}, "blue-shirt red-shirt"),
    ({"category": "men"}, "blue-shirt red-shirt"),
    ({"vendor": "elan"}, "blue-shirt red-shirt"),
    ({"tag": "cotton"}, "shirtdress red-shirt"),
    ({"category": "Men", "tag": "Cotton"}, "red-shirt"),
    ({"category": "None"}, ""),
    ({"q": "shirt"}, "shirtdress blue-shirt red-shirt"),
    ({"q": "SHI"}, "shirtdress blue-shirt red-shirt"),
    ({"q": "s"}, "shirtdress blue-shirt red-shirt"),
    ({"q": "shirt red"}, "red-shirt"),
    ({"q": "red shirt"}, "red-shirt"),
    ({"q": "cotton shirt"}, "shirtdress red-shirt"),
    ({"q": "hirt"}, ""),
    ({"q": "shirtd x"}, ""),
    ({"q": "creme"}, "cafe-creme"),
    ({"q": "CAFÉ CR"}, "cafe-creme"),
    ({"q": "nord"}, "clay-pot shirtdress"),
    ({"q": "garden"}, "clay-pot"),
    ({"q": "shirt", "category": "Men", "sort": "price"}, "blue-shirt red-shirt"),
    ({"q": "shirt", "vendor": "Nord"}, "shirtdress"),
    ({"q": "!?"}, ""),
    ({"q": " "}, "cafe-creme clay-pot shirtdress blue-shirt red-shirt"),
]


def test_a_list_holds_what_was_asked_for(shop: Send) -> None:
    found = [(query, " ".join(listed(shop, **query))) for query, _ in FILTERS]
    assert found == FILTERS


def test_a_product_is_found_by_its_sku(send: Send) -> None:
    create(send, variants=[{"sku": "AB-1234.X", "price": euro(1)}])
    assert listed(send, q="ab-1234") == listed(send, q="AB-1234.X") == ["clay-pot"]


def test_search_in_order_of_price_goes_across_words_of_one_prefix(shop: Send) -> None:
    assert listed(shop, q="shirt", sort="-price", limit="1") == ["shirtdress", "red-shirt", "blue-shirt"]


def test_a_product_with_several_words_of_a_prefix_is_found_once(send: Send) -> None:
    create(send, title="Pot for potted potatoes")
    assert listed(send, q="pot", limit="1") == ["clay-pot"]


def test_a_prefix_of_very_many_words_finds_all_of_their_products(send: Send) -> None:
    for letter in "abcdefghijkl":
        create(send, f"s{letter}-thing", title=f"S{letter}")
    assert len(listed(send, q="s", limit="5", sort="title")) == 12


def test_pages_go_on_where_they_were_when_products_come_and_go(shop: Send) -> None:
    first = shop("GET", PRODUCTS, query={"sort": "title", "limit": "2"}).body
    create(shop, "aaa-first")
    create(shop, "dragon-fruit")
    gone = shop("GET", "/catalog/products/{id}", path={"id": "clay-pot"}).body["id"]
    shop("DELETE", "/catalog/products/{id}", path={"id": gone}, headers={"If-Match": '"1"'}, **ADMIN)
    rest = listed(shop, sort="title", limit="2", cursor=first["nextCursor"])
    assert [item["slug"] for item in first["items"]] == ["blue-shirt", "cafe-creme"]
    assert rest == ["dragon-fruit", "red-shirt", "shirtdress"]


def test_a_made_up_cursor_is_refused(shop: Send) -> None:
    for cursor in ("x", "e30", "WyJuZXdlc3QiLCJ4Il0", "WyJwcmljZSIsICJ4Il0", "%00"):
        answer = shop("GET", PRODUCTS, query={"cursor": cursor})
        assert (answer.status, answer.body["code"]) == (400, "invalid_cursor")


def test_a_cursor_of_another_order_is_refused(shop: Send) -> None:
    following = shop("GET", PRODUCTS, query={"sort": "title", "limit": "1"}).body["nextCursor"]
    answer = shop("GET", PRODUCTS, query={"sort": "price", "cursor": following})
    assert answer.body["code"] == "invalid_cursor"


REFUSED = [
    ({"sort": "random"}, "invalid_sort"),
    ({"limit": "0"}, "invalid_limit"),
    ({"limit": "101"}, "invalid_limit"),
    ({"colour": "red"}, "unknown_parameter"),
    ({"q": "x" * 256}, "parameter_too_long"),
]


def test_a_list_that_cannot_be_is_refused(send: Send) -> None:
    for query, code in REFUSED:
        answer = send("GET", PRODUCTS, query=query)
        assert (answer.status, answer.body["code"]) == (400, code)


def test_a_list_may_be_cached_and_its_admin_side_may_not(shop: Send) -> None:
    assert shop("GET", PRODUCTS).headers["Cache-Control"].startswith("public")
    assert shop("GET", "/catalog/admin/products", **ADMIN).headers["Cache-Control"] == "no-store"


def change(send: Send, slug: str, **changes: Any) -> None:
    before = send("GET", "/catalog/products/{id}", path={"id": slug})
    answer = send(
        "PUT",
        "/catalog/products/{id}",
        a_product(slug, **changes),
        path={"id": before.body["id"]},
        headers={"If-Match": before.headers["ETag"]},
        **ADMIN,
    )
    assert answer.status == 200, answer.body


def test_a_changed_product_leaves_the_lists_it_does_not_belong_to_any_more(shop: Send) -> None:
    change(shop, "red-shirt", title="Red jumper", category="Women", variants=[{"price": euro(50)}])
    assert listed(shop, category="Men") == ["blue-shirt"]
    assert listed(shop, category="Women") == ["shirtdress", "red-shirt"]
    assert listed(shop, tag="red") == ["clay-pot"]
    assert listed(shop, q="jump") == ["red-shirt"]
    assert listed(shop, sort="price", limit="1")[0] == "red-shirt"


def test_every_list_shows_a_product_as_it_is_now(shop: Send) -> None:
    change(shop, "clay-pot", category="Garden", tags=["Red"], vendor="Nord", variants=[{"price": euro(4321)}])
    for query in (
        {"category": "Garden"},
        {"q": "clay"},
        {"tag": "red", "sort": "-price"},
        {"vendor": "nord"},
    ):
        items = shop("GET", PRODUCTS, query=query).body["items"]
        assert [item["price"]["min"]["amount"] for item in items if item["slug"] == "clay-pot"] == [4321]


def names(send: Send, kind: str, **query: str) -> dict[str, int]:
    found: dict[str, int] = {}
    while True:
        body = send("GET", f"/catalog/{kind}", query=query or None).body
        found |= {item["name"]: item["count"] for item in body["items"]}
        if body["nextCursor"] is None:
            return found
        query["cursor"] = body["nextCursor"]


def test_categories_are_listed_with_how_many_products_they_have(shop: Send) -> None:
    for limit in ("1", "2", "100"):
        assert names(shop, "categories", limit=limit) == {"Food": 1, "Garden": 1, "Men": 2, "Women": 1}


def test_vendors_and_tags_are_listed_too(shop: Send) -> None:
    assert names(shop, "vendors") == {"Élan": 2, "Nord": 2}
    assert names(shop, "tags") == {"Cotton": 2, "Red": 2, "Silk": 1}


def test_a_category_without_products_on_sale_is_not_listed(shop: Send) -> None:
    change(shop, "clay-pot", status="draft")
    create(shop, "a-draft", status="draft", category="Secret")
    assert set(names(shop, "categories")) == {"Food", "Men", "Women"}


def test_a_made_up_cursor_of_names_is_refused(shop: Send) -> None:
    assert shop("GET", "/catalog/tags", query={"cursor": "x"}).status == 400


# --- what it costs ------------------------------------------------------------------------------------------------


class Reads:
    """Counts the queries, and the items they read, while it is open; a scan is an error."""

    def __init__(self) -> None:
        self.items = self.calls = 0

    def __enter__(self) -> Self:
        aws.dynamodb().meta.events.register("after-call.dynamodb.Query", self.count)
        aws.dynamodb().meta.events.register("before-call.dynamodb.Scan", self.refuse)
        return self

    def __exit__(self, *_: object) -> None:
        aws.dynamodb().meta.events.unregister("after-call.dynamodb.Query", self.count)
        aws.dynamodb().meta.events.unregister("before-call.dynamodb.Scan", self.refuse)

    def count(self, parsed: dict[str, Any], **_: Any) -> None:
        self.items += parsed["ScannedCount"]
        self.calls += 1

    def refuse(self, **_: Any) -> None:
        raise AssertionError("a list is read by a scan")


@pytest.fixture
def many(send: Send) -> Send:
    """A shop whose lists hold 120 products, of which every tenth is a pot."""
    for number in range(120):
        kind = "Pot" if number % 10 == 0 else "Thing"
        variants = (Variant(Price(number, "EUR")),)
        put(Product(f"{kind} {number:03d}", variants, category=kind, status="published"))
    return send


def put(product: Product) -> None:
    """Have a product stand in its lists."""
    table, product_id = catalog(), new_id("prd", now())
    stored = Stored(product_id, 1, product, "", "", "")
    for name in lists(product):
        keys = {} if table_lists._is_short(name) else table_lists.order_keys(card(stored))
        shown = {**to_item(table_lists.entry(stored)), **keys}
        table.put({**table_lists._entry_key(name, product_id), **shown})
    table.learn(terms(product))


def test_a_page_reads_about_what_it_shows(many: Send) -> None:
    with Reads() as reads:
        page = many("GET", PRODUCTS, query={"sort": "price", "limit": "20"}).body
    assert len(page["items"]) == 20
    assert reads.items <= 2.5 * 20


def test_a_filter_that_few_pass_ends_the_page_before_it_reads_the_shop(many: Send) -> None:
    with Reads() as reads:
        page = catalog().page(["published"], "price", 20, None, lambda _: False, examine=30)
    assert (page.items, page.following is None) == ([], False)
    assert reads.items <= 2.5 * 30


def test_a_page_is_full_or_the_last_one_however_far_apart_the_hits_are(many: Send) -> None:
    pages, query = [], {"category": "Pot", "q": "pot 1", "sort": "price", "limit": "1"}
    while True:
        body = many("GET", PRODUCTS, query=query).body
        pages.append([item["title"] for item in body["items"]])
        if body["nextCursor"] is None:
            break
        query["cursor"] = body["nextCursor"]
    assert pages == [["Pot 100"], ["Pot 110"]]


def test_the_beginning_of_many_words_is_found_at_the_end_of_a_long_list(many: Send) -> None:
    for number in range(9):  # more words than have their lists read one by one
        put(Product(f"Co{number}", (Variant(Price(10_000 + number, "EUR")),), status="published"))
    with Reads() as reads:
        page = many("GET", PRODUCTS, query={"q": "co", "sort": "price"}).body
    assert ([item["title"] for item in page["items"]], page["nextCursor"]) == (
        [f"Co{number}" for number in range(9)],
        None,
    )
    assert reads.items == 120 + 9 + 9  # the list, and the words with that beginning
    assert reads.calls <= 1 + 4 * 4  # each of the four parts of the list in ever larger steps


def test_a_page_that_ends_because_enough_was_looked_at_goes_on_from_there(many: Send) -> None:
    def rare(entry: ListEntry) -> bool:
        return " 110 " in entry.terms

    first = catalog().page(["published"], "price", 20, None, rare, examine=60)
    second = catalog().page(["published"], "price", 20, first.following, rare, examine=60)
    assert (first.items, [rare(entry) for entry in second.items]) == ([], [True])


def test_names_without_products_leave_no_page_empty(many: Send) -> None:
    for letter in "abcdefgh":
        create(many, f"pot-{letter}", category=f"{letter} gone")
        change(many, f"pot-{letter}", category="kept")
    first = many("GET", "/catalog/categories", query={"limit": "1"}).body
    assert [one["name"] for one in first["items"]] == ["kept"]


def test_a_search_that_needs_several_short_pages_finds_all(many: Send) -> None:
    assert len(listed(many, category="Thing", q="thing 11", sort="price", limit="2")) == 9


def test_everyone_is_told_how_many_decimals_each_currency_has(call: Callable[..., Any]) -> None:
    answer = call(app, "GET", "/catalog/currencies")
    told = {one["currency"]: one["exponent"] for one in answer.body["items"]}
    assert (told["HUF"], told["ISK"], told["KWD"], told["CLF"]) == (2, 0, 3, 4)
    assert told == EXPONENTS


def titles(send: Send, **query: str) -> list[str]:
    """Return the titles of all pages, three products each."""
    found: list[str] = []
    while True:
        page = send("GET", PRODUCTS, query={"limit": "3", **query}).body
        found += [item["title"] for item in page["items"]]
        if page["nextCursor"] is None:
            return found
        query["cursor"] = page["nextCursor"]


@pytest.mark.parametrize("most", [1000, 7])
@pytest.mark.parametrize("sort", ["price", "-price", "title", "-title"])
def test_hits_of_a_word_and_a_tag_come_in_order_however_many_there_are(
    send: Send, monkeypatch: pytest.MonkeyPatch, sort: str, most: int
) -> None:
    monkeypatch.setattr(table_lists, "MAX_SORTED", most)
    for number in range(11):
        put(
            Product(
                f"Pot {number * 3 % 11}",
                (Variant(Price(number // 2, "EUR")),),
                tags=("Red",),
                status="published",
            )
        )
        put(Product(f"Cup {number}", (Variant(Price(number // 2, "EUR")),), status="published"))
    prices = [f"Pot {number * 3 % 11}" for number in range(11)]
    found = {"q": titles(send, q="pot", sort=sort), "tag": titles(send, tag="red", sort=sort)}
    assert found["q"] == found["tag"]
    assert sorted(found["q"]) == sorted(prices)
    if sort.endswith("title"):
        assert found["q"] == sorted(found["q"], reverse=sort == "-title")
    else:
        steps = [prices.index(title) // 2 for title in found["q"]]
        assert steps == sorted(steps, reverse=sort == "-price")


def test_a_cursor_holds_when_a_list_grows_too_long_to_be_sorted(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        put(Product(f"Pot {number}", (Variant(Price(number, "EUR")),), status="published"))
    first = send("GET", PRODUCTS, query={"q": "pot", "sort": "price", "limit": "2"}).body
    monkeypatch.setattr(table_lists, "MAX_SORTED", 3)
    assert titles(send, q="pot", sort="price", cursor=first["nextCursor"]) == [
        f"Pot {n}" for n in range(2, 6)
    ]


def test_a_single_letter_is_searched_for_without_a_list_of_its_own(send: Send) -> None:
    create(send, "shirt", title="Shirt M", tags=["x"])
    create(send, "shirt-s", title="Shirt S")
    create(send, "mug", title="Mug")
    assert listed(send, q="m") == ["mug", "shirt"]
    assert listed(send, q="m shirt") == ["shirt"]
    assert listed(send, q="shirt s") == ["shirt-s", "shirt"]
    assert listed(send, q="s sh") == ["shirt-s"]
    assert not [item for item in rows() if item["pk"]["S"].startswith("LIST#word:m#")]


def rows() -> list[dict[str, Any]]:
    return aws.dynamodb().scan(TableName=catalog().name)["Items"]
