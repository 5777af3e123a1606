"""The pure rules: text, SKUs, CSV records."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from functions.catalog.domain import (
    STATUSES,
    Image,
    Price,
    Product,
    Seo,
    Variant,
    derived_sku,
    key_of,
    normalised,
    with_columns_of,
)
from functions.catalog.formats import jsonl, shopify
from functions.catalog.formats.csv_records import records
from functions.catalog.imports import applying
from functions.catalog.text import distinct_slugs, fold, is_slug, plain, slug_of, slug_of_handle, words
from functions.shared.errors import InvalidError, json_pointer

SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@pytest.mark.parametrize(
    ("text", "folded"),
    [("Café", "cafe"), ("STRASSE", "strasse"), ("Straße", "strasse"), ("Øl  Łódź", "ol lodz")],
)
def test_case_accents_and_double_spaces_do_not_count(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_words_are_told_apart_by_anything_but_an_apostrophe() -> None:
    assert words("Men's T-Shirt, 2 l", "t_shirt") == ["mens", "t", "shirt", "2", "l"]


MARKED = {
    "กระถางดินเผา": "กระถางดินเผา",  # Thai: a vowel above, none of a width of its own
    "ต้นไม้ ใหญ่": "ต้นไม้-ใหญ่",
    "मिट्टी का घड़ा": "मिट्टी-का-घड\u093cा",  # Hindi: vowels, a virama, a nukta
    "Чай й": "чай-й",  # Russian: short i is another letter than i
    "ガラス": "ガラス",  # Japanese: voiced marks
    "화분": "화분",
}


@pytest.mark.parametrize(("title", "slug"), MARKED.items())
def test_marks_of_scripts_that_write_vowels_with_them_stay_in_slugs(title: str, slug: str) -> None:
    assert slug_of(title) == slug
    assert is_slug(slug_of(title))


@pytest.mark.parametrize(("one", "other"), [("ดี", "ดู"), ("कि", "की"), ("か", "が"), ("มา", "ม้า"), ("и", "й")])
def test_words_that_differ_in_a_mark_are_two_words(one: str, other: str) -> None:
    assert words(one, other) == words(one) + words(other)
    assert len(words(one, other)) == 2
    assert slug_of(one) != slug_of(other)


@pytest.mark.parametrize(
    ("written", "typed"),
    [("Ёлка", "елка"), ("Ἀθῆναι", "Αθηναι"), ("شَاي", "شاي"), ("שָׁלוֹם", "שלום"), ("می\u200cخواهم", "میخواهم")],
)
def test_marks_that_people_leave_out_do_not_count(written: str, typed: str) -> None:
    assert words(written) == words(typed)


def test_a_word_begins_with_a_letter_or_a_digit() -> None:
    assert words("❤\ufe0f 1\ufe0f\u20e3 ◌\u0e31", "\u0e31กก") == ["1", "กก"]


HANDLES = {
    "clay_pot-2": "clay_pot-2",
    "Clay Pot 2.5 L": "clay-pot-2-5-l",
    "café-crème": "café-crème",
    "ต้นไม้": "ต้นไม้",
    "--a//b--": "a-b",
    "ก" * 300: "ก" * 255,
    "!?": "",
}


@pytest.mark.parametrize(("handle", "slug"), HANDLES.items())
def test_a_handle_of_another_shop_becomes_a_slug_letter_by_letter(handle: str, slug: str) -> None:
    assert slug_of_handle(handle) == slug


@given(some.text(max_size=300))
def test_whatever_a_title_or_a_handle_becomes_is_a_slug(text: str) -> None:
    assert all(is_slug(slug) for slug in (slug_of(text), slug_of_handle(text)) if slug)


def test_slugs_that_clash_get_the_first_free_number() -> None:
    assert distinct_slugs(["Pot", "pot", "cup", "pot-2", "pot"]) == ["pot", "pot-3", "cup", "pot-2", "pot-4"]
    assert distinct_slugs(["pot", "cup"], taken=["pot", "pot-2"]) == ["pot-3", "cup"]


def test_a_numbered_slug_is_no_longer_than_a_slug_may_be() -> None:
    assert distinct_slugs(["p" * 255, "p" * 255])[1] == f"{'p' * 253}-2"


def test_a_slug_is_made_of_the_words_of_a_title() -> None:
    assert slug_of("Café Crème: 2 × 250 g!") == "cafe-creme-2-250-g"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain  text\nof two lines ", "plain text\nof two lines"),
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("bo<b>l</b>d", "bold"),
        ("1 &lt; 2 &amp;&nbsp;3", "1 < 2 & 3"),
        ("x<script>evil()</script>y<style>p{}</style>z", "x y z"),
        ("x<script>never closed", "x"),
        ("x<!-- hidden -- still -->y", "x y"),
        ('<img alt="a>b">c', "c"),
        ("2 < 3 and <b", "2 < 3 and <b"),
        ("<![broken <p>x", "<![broken\nx"),
    ],
)
def test_html_becomes_the_text_a_reader_would_see(html: str, text: str) -> None:
    assert plain(html) == text


@given(some.text(max_size=200))
def test_any_text_at_all_has_a_plain_form(html: str) -> None:
    assert plain(html) == plain(html).strip()


@given(some.text(min_size=1, max_size=300), some.lists(some.text(min_size=1, max_size=80), max_size=3))
def test_a_derived_sku_always_is_a_sku(slug: str, options: list[str]) -> None:
    assert SKU.fullmatch(derived_sku(slug, tuple(options)))


slugs = some.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True).filter(lambda slug: len(slug) <= 255)


@given(slugs, slugs, some.lists(slugs, max_size=2), some.lists(slugs, max_size=2))
def test_derived_skus_of_two_products_never_meet(one: str, other: str, a: list[str], b: list[str]) -> None:
    same = one == other and a == b
    assert (derived_sku(one, tuple(a)) == derived_sku(other, tuple(b))) is same


@pytest.mark.parametrize("slug", ["A" * 254 + "\u0130", "pot\u00ab", "\u0e31"])
def test_a_slug_that_is_none_in_lower_case_is_refused(slug: str) -> None:
    with pytest.raises(InvalidError) as refused:
        normalised(Product("Pot", (Variant(Price(1, "EUR")),), slug=slug), "EUR")
    assert (refused.value.code, json_pointer(refused.value.field)) == ("invalid_slug", "/slug")


def test_values_that_only_differ_in_their_signs_get_skus_of_their_own() -> None:
    variants = tuple(Variant(Price(1, "EUR"), options=(value,)) for value in ("1+", "1-", "1"))
    made = normalised(Product("Pot", variants, options=("Size",)), "EUR")
    assert len({variant.sku for variant in made.variants}) == 3
    assert made.variants[0].sku == "POT.1"


def test_default_title_means_no_options() -> None:
    product = Product("Pot", (Variant(Price(1, "EUR"), options=("Default Title",)),), options=("Title",))
    made = normalised(product, "EUR")
    assert (made.options, made.variants[0].options, made.variants[0].sku) == ((), (), "POT")


def test_tags_and_images_that_repeat_are_kept_once_in_their_first_place() -> None:
    images = tuple(Image(f"https://x.co/{name}", name) for name in ("a", "b", "a"))
    variants = (Variant(Price(1, "EUR"), image="https://x.co/c"),)
    made = normalised(Product("Pot", variants, tags=("Red", " blue", "RED"), images=images), "EUR")
    assert made.tags == ("Red", "blue")
    assert [image.src[-1] for image in made.images] == ["a", "b", "c"]


# --- any product goes through both formats unchanged --------------------------------------------------------------

texts = some.text(some.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
names = texts.filter(lambda text: text.strip() and not text.isspace())
prices = some.builds(Price, some.integers(0, 10**9), some.just("EUR"))
variants = some.builds(
    Variant,
    price=prices,
    compare_at=some.none() | prices,
    grams=some.integers(0, 10**6),
    barcode=some.from_regex(r"[A-Z0-9]{0,9}", fullmatch=True),
    requires_shipping=some.booleans(),
    tax_class=some.sampled_from(["standard", "exempt", "reduced"]),
    stock_policy=some.sampled_from(["tracked", "backorder", "untracked"]),
    merchant_sku=some.none() | some.sampled_from(["=A/1", "'=A", "KIT 24/25", "-1", "@x", "+"]),
    image=some.none() | some.sampled_from(["https://x.co/1", "https://x.co/9"]),
)
products = some.builds(
    Product,
    title=names,
    variants=some.tuples(variants),
    slug=slugs,
    vendor=texts,
    category=texts,
    status=some.sampled_from(STATUSES),
    product_category=texts,
    body_html=some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50),
    tags=some.lists(names.filter(lambda text: "," not in text), max_size=3).map(tuple),
    images=some.lists(some.builds(Image, some.sampled_from(["https://x.co/1", "https://x.co/2"]), texts)).map(
        tuple
    ),
    seo=some.builds(Seo, texts, texts),
)


@settings(max_examples=150, deadline=None)
@given(products)
def test_what_is_written_is_read_as_the_same_product(product: Product) -> None:
    stored = normalised(product, "EUR")
    texts = (shopify.header() + shopify.write(stored), jsonl.write(stored))
    for entries in (shopify.read(texts[0], "EUR"), jsonl.read([(1, texts[1])])):
        (entry,) = entries
        assert entry.problems == ()
        again = normalised(applying.merge(None, entry, "EUR").product, "EUR")
        same = normalised(applying.merge(stored, entry, "EUR").product, "EUR")
        assert with_columns_of(again, None) == with_columns_of(same, stored) == stored


def test_2048_variants_are_read_written_and_read_as_the_same_product() -> None:
    head = "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Status\n"
    first = "ral,RAL,No,0,R-0,1,active\n"
    (entry,) = shopify.read(head + first + "".join(f"ral,,,{at},R-{at},1,\n" for at in range(1, 2048)), "EUR")
    made = normalised(applying.merge(None, entry, "EUR").product, "EUR")
    assert [variant.sku for variant in made.variants] == [f"R-{at}" for at in range(2048)]
    (again,) = shopify.read(shopify.header() + shopify.write(made), "EUR")
    assert normalised(applying.merge(made, again, "EUR").product, "EUR") == made


# --- CSV records --------------------------------------------------------------------------------------------------


def test_records_after_a_broken_one_are_read() -> None:
    read = [
        (record.row, record.cells, bool(record.broken)) for record in records(["a,b\n", '1,"x"y\n', "2,z\n"])
    ]
    assert read == [(1, ["a", "b"], False), (2, ["1"], True), (3, ["2", "z"], False)]


def test_a_file_of_broken_records_is_given_up() -> None:
    read = list(records(["a,b\n", *['1,"x\n'] * 200]))
    assert len(read) < 60
    assert "the rest of the file is not read" in read[-1].broken


@given(some.text(max_size=300))
def test_any_text_at_all_is_read_to_its_end(text: str) -> None:
    read = list(records(io.StringIO(text, newline="")))
    assert [record.row for record in read] == list(range(1, len(read) + 1))


# --- what merchants call a variant --------------------------------------------------------------------------------


def test_a_key_is_what_the_merchant_wrote_where_that_can_be_one() -> None:
    assert [key_of(given) for given in ("TT-100", " a.b_c ", "9")] == ["TT-100", "a.b_c", "9"]


def test_any_other_sku_has_a_key_that_is_the_same_every_time_and_no_other_sku_has() -> None:
    written = ("KIT 24/25-M", "KIT-24-25-M", "kit 24/25-m", "CORAÇÃO-1", "中文", "/", "x" * 200)
    keys = [key_of(one) for one in written]
    assert keys[0] == "KIT-24-25-M_181CAF16"
    assert len(set(keys)) == len(keys)
    assert all(len(key) <= 64 and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", key) for key in keys)


def test_what_the_merchant_wrote_is_kept_beside_the_key_where_it_differs() -> None:
    variants = tuple(
        Variant(Price(1, "EUR"), options=(str(at),), merchant_sku=sku)
        for at, sku in enumerate(("A/1", "A-1", "A/1"))
    )
    made = normalised(Product("Pot", variants, options=("Size",)), "EUR")
    assert [one.merchant_sku for one in made.variants] == ["A/1", None, "A/1"]
    assert [one.sku for one in made.variants] == [key_of("A/1"), "A-1", "POT.2"]
    assert normalised(made, "EUR") == made
