"""WooCommerce's product CSV: what its rows, types and stock become."""

from __future__ import annotations

from tests.unit.catalog.conftest import Send, product
from tests.unit.catalog.test_imports import counted
from tests.unit.catalog.test_merchants_files import handed_in, warned

WOO = b'ID,Type,SKU,Name,Published,"In stock?",Stock,"Regular price",Parent,"Attribute 1 name","Attribute 1 value(s)"'


def test_a_shops_shared_stock_is_given_to_one_variation_and_said(desk: Send) -> None:
    rows = b'1,variable,T,Throw,1,1,10,,,Colour,"Grey, Rust"\n2,variation,T-G,,1,1,,5,T,Colour,Grey\n'
    body = handed_in(desk, WOO + b"\n" + rows + b"3,variation,T-R,,1,1,,5,T,Colour,Rust\n")
    assert (counted(), warned(body)) == ({"T-G": 10, "T-R": 0}, [(3, "stock_shared")])


def test_what_a_shop_has_none_left_of_is_not_for_sale_for_ever(desk: Send) -> None:
    handed_in(
        desk,
        WOO + b"\n1,simple,S,Soap,1,0,,5,,,\n2,simple,B,Bowl,1,backorder,,5,,,\n3,simple,C,Cup,1,1,,5,,,\n",
    )
    policies = [product(desk, slug)["variants"][0]["stockPolicy"] for slug in ("soap", "bowl", "cup")]
    assert (policies, counted()) == (["tracked", "backorder", "untracked"], {"S": 0, "B": 0})


def test_a_value_that_is_left_to_the_buyer_costs_no_product(desk: Send) -> None:
    rows = b'1,variable,T,Throw,1,1,,,,Colour,"Grey, Rust"\n2,variation,T-G,,1,1,,5,T,Colour,Grey\n'
    handed_in(desk, WOO + b"\n" + rows + b"3,variation,T-A,,1,1,,6,T,Colour,\n")
    assert [one["options"] for one in product(desk, "throw")["variants"]] == [["Grey"], ["Any"]]


def test_what_is_virtual_or_downloaded_is_not_shipped(desk: Send) -> None:
    handed_in(
        desk, WOO + b'\n1,"simple, downloadable, virtual",E,E-book,1,1,,5,,,\n2,simple,C,Cup,1,1,,5,,,\n'
    )
    assert [product(desk, slug)["variants"][0]["requiresShipping"] for slug in ("e-book", "cup")] == [
        False,
        True,
    ]


def test_a_price_list_of_woocommerce_leaves_what_it_does_not_name(desk: Send) -> None:
    head = b"ID,Type,SKU,Name,Published,Stock,Regular price,Description,Tags,Brands,Categories,Images,Meta: care\n"
    handed_in(desk, head + b"1,simple,S,Soap,1,4,5,<p>Mild.</p>,bath,Leaf,Bath,https://x.co/1,cold\n")
    before = product(desk, "soap")
    body = handed_in(desk, b"ID,Type,SKU,Name,Regular price\n1,simple,S,Soap,6\n")
    after = product(desk, "soap")
    assert (body["updated"], after["variants"][0]["price"]["amount"]) == (1, 600)
    for one in (before, after):
        del one["version"], one["updatedAt"], one["price"], one["variants"][0]["price"]
    assert after == before


def test_columns_of_a_variable_product_without_a_field_are_kept_with_its_first_variation(desk: Send) -> None:
    rows = b'1,variable,T,Throw,1,1,,,,Colour,"Grey, Rust",wool\n2,variation,T-G,,1,1,,5,T,Colour,Grey,\n'
    handed_in(desk, WOO + b",Meta: stuff\n" + rows + b"3,variation,T-R,,1,1,,6,T,Colour,Rust,\n")
    kept = [one["otherColumns"] for one in product(desk, "throw")["variants"]]
    assert kept == [{"Meta: stuff": "wool"}, None]
