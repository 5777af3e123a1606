"""Products over HTTP: what people may write, who sees what, and what leaves nothing changed."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from functions.catalog.domain import key_of
from functions.shared import aws
from tests.unit.catalog.conftest import ADMIN, Send, a_product, create, euro, facts, listed, read

PRODUCT = "/catalog/products/{id}"


def put(send: Send, product_id: str, version: int | None, **changes: Any) -> Any:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    return send("PUT", PRODUCT, a_product(**changes), path={"id": product_id}, headers=headers, **ADMIN)


def delete(send: Send, product_id: str, version: int | None) -> Any:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    return send("DELETE", PRODUCT, path={"id": product_id}, headers=headers, **ADMIN)


def test_a_created_product_can_be_read_by_id_and_by_slug(send: Send) -> None:
    made = create(send)
    assert (made.status, made.headers["ETag"]) == (201, '"1"')
    shown = read(send, "clay-pot").body
    assert read(send, made.body["id"]).body == shown
    for variant in made.body["variants"]:
        assert variant.pop("otherColumns") is None
        assert variant.pop("compareAt") is None
        variant["stock"] = None  # inventory has not told yet
        variant["priorPrice"] = None
    assert shown == made.body


def test_a_public_read_may_be_cached_and_revalidated(send: Send) -> None:
    create(send)
    first = read(send, "clay-pot")
    assert first.headers["Cache-Control"].startswith("public")
    for tag in (first.headers["ETag"], f"W/{first.headers['ETag']}"):  # a proxy that compresses makes it weak
        again = send("GET", PRODUCT, path={"id": "clay-pot"}, headers={"If-None-Match": tag})
        assert (again.status, again.body) == (304, "")


def test_a_product_is_a_draft_unless_it_says_otherwise(send: Send) -> None:
    body = a_product()
    del body["status"]
    assert send("POST", "/catalog/products", body, **ADMIN).body["status"] == "draft"


@pytest.mark.parametrize("status", ["draft", "withdrawn"])
def test_guests_see_only_what_is_on_sale(send: Send, status: str) -> None:
    create(send, status=status)
    assert read(send, "clay-pot").status == 404
    assert listed(send) == []


def test_staff_see_drafts(send: Send) -> None:
    create(send, status="draft")
    staff = {"subject": "cus_s", "roles": "staff"}
    one = send("GET", "/catalog/admin/products/{id}", path={"id": "clay-pot"}, **staff)
    many = send("GET", "/catalog/admin/products", query={"status": "draft"}, **staff)
    assert (one.status, one.headers["ETag"]) == (200, '"1"')
    assert [item["slug"] for item in many.body["items"]] == ["clay-pot"]


def test_staff_list_all_statuses_unless_they_ask_for_one(send: Send) -> None:
    for status in ("draft", "published", "withdrawn"):
        create(send, f"a-{status}", status=status)
    answer = send("GET", "/catalog/admin/products", query={"sort": "title"}, **ADMIN)
    assert [item["status"] for item in answer.body["items"]] == ["draft", "published", "withdrawn"]


@pytest.mark.parametrize("roles", ["customer", "staff"])
def test_only_an_admin_may_write(send: Send, roles: str) -> None:
    answer = send("POST", "/catalog/products", a_product(), subject="cus_1", roles=roles)
    assert answer.status == 403
    assert read(send, "clay-pot").status == 404


def test_customers_do_not_see_the_admin_list(send: Send) -> None:
    assert send("GET", "/catalog/admin/products", subject="cus_1").status == 403


def test_a_slug_belongs_to_one_product(send: Send) -> None:
    create(send)
    answer = create(send)
    assert (answer.status, answer.body["code"], answer.body["pointer"]) == (409, "slug_taken", "/slug")


def test_a_sku_belongs_to_one_product(send: Send) -> None:
    create(send, "one", variants=[{"sku": "POT", "price": euro(1)}])
    answer = create(send, "two", variants=[{"sku": "POT", "price": euro(1)}])
    assert (answer.status, answer.body["code"]) == (409, "sku_taken")
    assert answer.body["pointer"] == "/variants/0/sku"
    assert read(send, "two").status == 404


def test_slug_and_sku_of_a_deleted_draft_are_free_again(send: Send) -> None:
    made = create(send, status="draft", variants=[{"sku": "POT", "price": euro(1)}]).body
    assert delete(send, made["id"], 1).status == 204
    assert create(send, variants=[{"sku": "POT", "price": euro(1)}]).status == 201


def test_a_sku_that_a_product_gave_up_is_free_again(send: Send) -> None:
    made = create(send, variants=[{"sku": "POT", "price": euro(1)}]).body
    put(send, made["id"], 1, variants=[{"sku": "POT-2", "price": euro(1)}])
    assert create(send, "other", variants=[{"sku": "POT", "price": euro(1)}]).status == 201


def test_a_changed_slug_leads_to_the_product_and_the_old_one_to_none(send: Send) -> None:
    made = create(send).body
    assert put(send, made["id"], 1, slug="new-pot").status == 200
    assert read(send, "new-pot").body["id"] == made["id"]
    assert read(send, "clay-pot").status == 404


def test_a_change_raises_the_version(send: Send) -> None:
    made = create(send).body
    answer = put(send, made["id"], 1, title="Pot of clay")
    assert (answer.status, answer.body["version"], answer.headers["ETag"]) == (200, 2, '"2"')


def test_the_same_content_again_is_no_change(send: Send) -> None:
    made = create(send).body
    assert put(send, made["id"], 1).headers["ETag"] == '"1"'
    assert [fact["type"] for fact in facts()] == ["ProductPublished"]


def test_a_change_of_an_old_version_is_refused(send: Send) -> None:
    made = create(send).body
    put(send, made["id"], 1, title="Pot of clay")
    assert put(send, made["id"], 1, title="Pot of gold").status == 412
    assert read(send, "clay-pot").body["title"] == "Pot of clay"


@pytest.mark.parametrize("write", [put, delete])
def test_a_change_needs_if_match(send: Send, write: Any) -> None:
    made = create(send).body
    assert write(send, made["id"], None).body["code"] == "if_match_required"


@pytest.mark.parametrize("write", [put, delete])
def test_a_product_that_is_not_there_cannot_be_changed(send: Send, write: Any) -> None:
    assert write(send, "prd_none", 1).body["code"] == "unknown_product"


def test_deleting_what_is_on_sale_withdraws_it(send: Send) -> None:
    made = create(send).body
    assert delete(send, made["id"], 1).status == 204
    assert (read(send, "clay-pot").status, listed(send)) == (404, [])
    seen = send("GET", "/catalog/admin/products/{id}", path={"id": made["id"]}, **ADMIN).body
    assert (seen["status"], seen["version"]) == ("withdrawn", 2)


def test_withdrawing_twice_changes_nothing(send: Send) -> None:
    made = create(send).body
    delete(send, made["id"], 1)
    assert delete(send, made["id"], 2).status == 204
    seen = send("GET", "/catalog/admin/products/{id}", path={"id": made["id"]}, **ADMIN)
    assert seen.headers["ETag"] == '"2"'


def test_deleting_a_draft_removes_it_and_all_that_points_to_it(send: Send) -> None:
    made = create(send, status="draft").body
    assert delete(send, made["id"], 1).status == 204
    answer = send("GET", "/catalog/admin/products", **ADMIN)
    assert answer.body["items"] == []


def test_the_same_key_creates_one_product(send: Send) -> None:
    options = {**ADMIN, "headers": {"Idempotency-Key": "k1"}}
    first, second = (send("POST", "/catalog/products", a_product(), **options) for _ in range(2))
    assert (first.status, first.body) == (second.status, second.body)


def test_a_request_that_died_after_its_write_is_answered_with_what_it_made(send: Send) -> None:
    options = {**ADMIN, "headers": {"Idempotency-Key": "k1"}}
    first = send("POST", "/catalog/products", a_product(), **options)
    table = "souk-local-catalog"
    for item in aws.dynamodb().scan(TableName=table)["Items"]:
        if item["pk"]["S"].startswith("IDEM#"):
            aws.dynamodb().delete_item(TableName=table, Key={k: item[k] for k in ("pk", "sk")})
    assert send("POST", "/catalog/products", a_product(), **options).body == first.body


def test_html_is_kept_as_given_and_not_trusted(send: Send) -> None:
    html = "<p>Hand&nbsp;made</p><script>alert(1)</script><ul><li>clay</li><li>glaze &lt;3</li></ul>"
    made = create(send, bodyHtml=html).body
    assert (made["bodyHtml"], made["bodyTrusted"]) == (html, False)
    assert made["description"] == "Hand made\nclay\nglaze <3"


def test_a_variant_without_sku_gets_one_that_tells_what_it_is(send: Send) -> None:
    variants = [{"options": [size], "price": euro(1)} for size in ("Small", "Extra Large")]
    made = create(send, options=["Size"], variants=variants).body
    assert [variant["sku"] for variant in made["variants"]] == ["CLAY-POT.SMALL", "CLAY-POT.EXTRA-LARGE"]
    assert [variant["title"] for variant in made["variants"]] == ["Clay Pot, Small", "Clay Pot, Extra Large"]


def test_a_slug_is_made_from_the_title_where_none_is_given(send: Send) -> None:
    body = a_product(title="Café Crème, 2 l")
    del body["slug"]
    assert send("POST", "/catalog/products", body, **ADMIN).body["slug"] == "cafe-creme-2-l"


@pytest.mark.parametrize("slug", ["ต้นไม้", "मिट्टी-का-घड़ा", "café", "pot_2"])
def test_a_slug_in_any_script_leads_to_its_product(send: Send, slug: str) -> None:
    made = create(send, slug, title="Pot")
    assert made.status == 201, made.body
    assert made.body["slug"] == unicodedata.normalize("NFC", slug)
    assert read(send, slug).body["id"] == made.body["id"]


@pytest.mark.parametrize(
    "src", ["/images/pot.jpg", "https://cdn.example.com/p%C3%B6t.jpg?v=1", "http://x.co/a"]
)
def test_a_picture_is_a_path_of_ours_or_another_origin_by_its_name(send: Send, src: str) -> None:
    assert create(send, images=[{"src": src}]).body["images"] == [{"src": src, "alt": ""}]


def test_a_change_without_slug_keeps_it(send: Send) -> None:
    made = create(send).body
    body = a_product(title="Another")
    del body["slug"]
    path, headers = {"id": made["id"]}, {"If-Match": '"1"'}
    assert send("PUT", PRODUCT, body, path=path, headers=headers, **ADMIN).body["slug"] == "clay-pot"


def test_the_card_of_a_product_tells_its_price_range_and_no_reduction_that_was_typed(send: Send) -> None:
    variants = [
        {"options": ["S"], "price": euro(900), "compareAt": euro(1200)},
        {"options": ["L"], "price": euro(1500)},
    ]
    image = {"src": "https://cdn.example.com/pot.jpg", "alt": "A pot"}
    create(
        send,
        options=["Size"],
        variants=variants,
        images=[image],
        vendor="Clay Co",
        category="Pots",
        tags=["Red"],
    )
    (card,) = send("GET", "/catalog/products").body["items"]
    del card["id"]
    assert card == {
        "slug": "clay-pot",
        "title": "Clay Pot",
        "vendor": "Clay Co",
        "category": "Pots",
        "tags": ["Red"],
        "status": "published",
        "image": image,
        "price": {"min": euro(900), "max": euro(1500)},
        "compareAt": None,
        "variantCount": 2,
        "priorPrice": None,
    }


# What browsers take for another origin though it looks like a path, and what is no address at all.
FOREIGN = [
    "//evil.example/x",
    "/\\evil.example/x",
    "\\\\evil.example/x",
    "/\t/evil.example/x",
    "/\n/evil.example/x",
    "/a\\..\\..\\x",
    "https:\\\\evil.example/x",
    "https:///evil.example/x",
    "https://evil.example\\@shop.example/x",
    "http:evil.example",
    "data:image/svg+xml,<svg/>",
    "https://",
    "/",
]

REFUSED = [
    ({"title": ""}, "/title"),
    ({"title": " "}, "/title"),
    ({"price": 3}, "/price"),
    ({"status": "gone"}, "/status"),
    ({"slug": "no slashes/here"}, "/slug"),
    ({"slug": "prd_01kaqz5r7b8v0w3m2x4y6t9n1e"}, "/slug"),
    ({"slug": "pot\n"}, "/slug"),
    ({"tags": ["a,b"]}, "/tags/0"),
    ({"variants": []}, "/variants"),
    ({"variants": [{"price": euro(1)}] * 2_049}, "/variants"),
    ({"variants": [{"price": euro(-1)}]}, "/variants/0/price/amount"),
    ({"variants": [{"price": {"amount": 1.5, "currency": "EUR"}}]}, "/variants/0/price/amount"),
    ({"variants": [{"price": {"amount": "1", "currency": "EUR"}}]}, "/variants/0/price/amount"),
    ({"variants": [{"price": {"amount": 1, "currency": "USD"}}]}, "/variants/0/price/currency"),
    (
        {"variants": [{"price": euro(1), "compareAt": euro(2) | {"currency": "JPY"}}]},
        "/variants/0/compareAt/currency",
    ),
    ({"variants": [{"price": euro(1), "sku": "no spaces"}]}, "/variants/0/sku"),
    ({"variants": [{"price": euro(1), "sku": "LINE\n"}]}, "/variants/0/sku"),
    ({"variants": [{"price": euro(1), "grams": -1}]}, "/variants/0/grams"),
    ({"variants": [{"price": euro(1), "quantity": 3}]}, "/variants/0/quantity"),
    ({"variants": [{"price": euro(1)}, {"price": euro(2)}]}, "/variants/1/options"),
    ({"options": ["Size"]}, "/variants/0/options"),
    ({"options": ["Size", "size "], "variants": [{"price": euro(1), "options": ["S", "M"]}]}, "/options"),
    ({"options": list("abcd")}, "/options"),
    ({"images": [{"src": "javascript:alert(1)"}]}, "/images/0/src"),
    *(({"images": [{"src": src}]}, "/images/0/src") for src in FOREIGN),
    *(({"variants": [{"price": euro(1), "image": src}]}, "/variants/0/image") for src in FOREIGN),
    ({"bodyHtml": "x" * 100_001}, "/bodyHtml"),
]


def test_a_product_that_does_not_fit_is_refused_with_the_field(send: Send) -> None:
    for changes, pointer in REFUSED:
        answer = create(send, **changes)
        assert (answer.status, answer.body["pointer"]) == (400, pointer), changes
    assert send("GET", "/catalog/admin/products", **ADMIN).body["items"] == []


def test_two_variants_with_one_sku_are_refused(send: Send) -> None:
    variants = [{"sku": "POT", "options": [size], "price": euro(1)} for size in "SM"]
    answer = create(send, options=["Size"], variants=variants)
    assert (answer.body["code"], answer.body["pointer"]) == ("sku_repeated", "/variants/1/sku")


def test_a_body_that_is_no_product_is_refused(send: Send) -> None:
    for body in (None, "", "{", "[]", '"x"', "null"):
        assert send("POST", "/catalog/products", body, **ADMIN).status == 400


def test_a_body_above_the_limit_is_refused(send: Send) -> None:
    assert create(send, bodyHtml="x" * 1_000_001).status == 413


# --- facts --------------------------------------------------------------------------------------------------------


def test_publishing_tells_the_whole_state(send: Send) -> None:
    variant = {"sku": "POT", "price": euro(1999), "grams": 1200, "taxClass": "reduced"}
    made = create(
        send, vendor="Clay Co", variants=[variant], images=[{"src": "https://cdn.example.com/p.jpg"}]
    ).body
    (fact,) = facts()
    assert (fact["type"], fact["version"]) == ("ProductPublished", 1)
    assert fact["data"] == {
        "productId": made["id"],
        "slug": "clay-pot",
        "title": "Clay Pot",
        "vendor": "Clay Co",
        "status": "published",
        "imageUrl": "https://cdn.example.com/p.jpg",
        "variants": [
            {"sku": "POT", "title": "Clay Pot", "price": euro(1999), "taxClass": "reduced", "grams": 1200}
        ],
    }


def test_a_draft_tells_only_who_follows_the_acts_of_staff(send: Send) -> None:
    made = create(send, status="draft").body
    (fact,) = facts()
    assert (fact["type"], fact["version"]) == ("ProductSaved", 1)
    assert fact["data"] == {
        "productId": made["id"],
        "slug": "clay-pot",
        "title": "Clay Pot",
        "status": "draft",
    }


LIVES = [
    (["published", "published"], "ProductChanged", 2),
    (["draft", "published"], "ProductPublished", 2),
    (["published", "draft"], "ProductWithdrawn", 2),
    (["published", "withdrawn"], "ProductWithdrawn", 2),
    (["published", "withdrawn", "published"], "ProductPublished", 3),
]


@pytest.mark.parametrize(("statuses", "told", "version"), LIVES)
def test_each_step_of_a_life_tells_its_fact(send: Send, statuses: list[str], told: str, version: int) -> None:
    made = create(send, status=statuses[0]).body
    for number, status in enumerate(statuses[1:], 1):
        assert put(send, made["id"], number, status=status, title=f"Pot {number}").status == 200
    (fact,) = facts()
    assert (fact["type"], fact["version"]) == (told, version)


def test_a_draft_changed_tells_nothing_of_what_it_was_before(send: Send) -> None:
    made = create(send).body
    put(send, made["id"], 1, status="draft")
    put(send, made["id"], 2, status="draft", title="Other")
    assert [fact["type"] for fact in facts()] == ["ProductSaved"]


def test_a_draft_deleted_tells_which_it_was(send: Send) -> None:
    made = create(send, status="draft").body
    options = {"path": {"id": made["id"]}, "headers": {"If-Match": '"1"'}}
    assert send("DELETE", "/catalog/products/{id}", **options, **ADMIN).status == 204
    (fact,) = facts()
    assert (fact["type"], fact["version"]) == ("ProductDeleted", 2)
    assert fact["data"] == {"productId": made["id"], "slug": "clay-pot"}


def test_a_withdrawal_names_the_skus_it_was_sold_under(send: Send) -> None:
    made = create(send, variants=[{"sku": "POT", "price": euro(1)}]).body
    delete(send, made["id"], 1)
    assert [fact["data"] for fact in facts()] == [{"productId": made["id"], "skus": ["POT"]}]


def test_a_name_longer_than_any_slug_is_no_product(send: Send) -> None:
    assert read(send, "a" * 3000).status == 404


def test_how_a_variant_is_sold_is_told_with_it(send: Send) -> None:
    variants = [
        {
            "price": euro(900),
            "stockPolicy": "backorder",
            "requiresShipping": False,
            "merchantSku": "POT 24/25",
        }
    ]
    shown = create(send, variants=variants).body["variants"][0]
    (fact,) = [fact for fact in facts() if fact["type"] == "ProductPublished"]
    told = fact["data"]["variants"][0]
    for one in (shown, told):
        assert (one["stockPolicy"], one["requiresShipping"], one["merchantSku"]) == (
            "backorder",
            False,
            "POT 24/25",
        )
    assert shown["sku"] == told["sku"] == key_of("POT 24/25")
