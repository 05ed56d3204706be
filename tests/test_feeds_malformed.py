"""Malformed feeds: each kind of damage has a reason, no crash, and no good row beside it is lost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from indexer.feeds.base import FeedContent
from indexer.feeds.open import open_feed
from matcher.errors import FeedError
from tests.feed_texts import (
    GOOGLE_TSV,
    GROUP,
    JSONL,
    PRODUCT,
    SHOPIFY_NEW,
    SHOPIFY_OLD,
    google_xml,
    item,
    jsonl,
    page,
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with three pictures (feeds look at names only)."""
    for name in "abc":
        (tmp_path / f"{name}.jpg").touch()
    return tmp_path


def read(shop: Path, data: str | bytes, name: str) -> FeedContent:
    """Read a feed of this content."""
    (shop / name).write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    return open_feed(shop / name).read()


# A broken item of a Merchant Center feed, what is wrong with it. It stands between two good ones, 1 and 3.
XML_ITEMS = [
    (
        "<item><g:id>2</g:id><title>a & b</title></item>",
        "is not well-formed XML (not well-formed (invalid token) in line 9)",
    ),
    ("<item><g:id>2</g:id><title>a < b</title></item>", "is not well-formed XML"),
    ("<item><g:id>2<g:id></item>", "mismatched tag"),
    ("<item><g:id>2</g:id><title>x</item>", "mismatched tag"),
    ("<item><g:id>2</g:id><title>&nbsp;</title></item>", "undefined entity"),
    ("<item><g:id>2</g:id><title>&lol;</title></item>", "undefined entity"),
    ("<item><g:id>2</g:id><title>&#0;</title></item>", "reference to invalid character number"),
    ("<item><g:id>2</g:id><title>\x0b</title></item>", "invalid token"),
    ('<item><g:id a="1" a="2">2</g:id></item>', "duplicate attribute"),
    ("<item><g:id>2</g:id><title><![CDATA[open</title></item>", "<![CDATA[ is not closed"),
    ("<item><g:id>2</g:id><!-- open </item>", "<!-- is not closed"),
    ("<item><g:id>2</g:id>", "is not closed before the next one begins"),
    ('<item><g:id>2</g:id><!DOCTYPE x [<!ENTITY a "b">]></item>', "is not well-formed XML"),
    (f"<item><g:id>2</g:id><title>{'x' * (1 << 20)}</title></item>", "is longer than 1 Mi characters"),
    ("<item></item>", "has no id"),
    ("<item><g:image_link>a.jpg</g:image_link></item>", "has no id"),
    ("<item><g:id>2</g:id></item>", "names no picture"),
    ("<item><g:id>2</g:id><g:image_link></g:image_link></item>", "names no picture"),
    ("<item><g:id>2</g:id><g:image_link>gone.jpg</g:image_link></item>", "there is no such picture"),
    ("<item><g:id>2</g:id><g:image_link>file:///etc/passwd</g:image_link></item>", "is a file: address"),
    ("<item><g:id>2</g:id><g:image_link>data:image/png;base64,AA</g:image_link></item>", "is a data: address"),
    ("<item><g:id>2</g:id><g:image_link>../../etc/passwd</g:image_link></item>", "outside the feed's folder"),
    (item("2", more="<g:sale_price>cheap</g:sale_price>"), "the price 'cheap' is not an amount"),
    (
        item(
            "2", more="<g:sale_price>1 EUR</g:sale_price><g:sale_price_effective_date>now</g:sale_price_effective_date>"
        ),
        "the dates 'now' of the reduced price",
    ),
    (item("2").replace("https://shop.example/2", "javascript:alert(1)"), "the link does not begin with http"),
    (item("2").replace("12.50 EUR", "1.234"), "may mean thousands or decimals"),
    (item("x" * 201), "the id is longer than 200 characters"),
    (item("1", "b.jpg").replace("Title 1", "Another"), "the id repeats row 5 with another title"),
    (item("1"), "repeats row 5 with the same picture"),
]


@pytest.mark.parametrize(("broken", "reason"), XML_ITEMS, ids=range(len(XML_ITEMS)))
def test_broken_items(shop: Path, broken: str, reason: str) -> None:
    content = read(shop, google_xml(item("1"), broken, item("3", "c.jpg")), "feed.xml")
    assert [one.product.id for one in content.items] == ["1", "3"]
    assert [one.row for one in content.rejected] == [9]
    assert reason in content.rejected[0].reason


# Whole files: (name, content, ids of the good rows, (row, reason) of each other)
SHOP_OLD_LINES = SHOPIFY_OLD.splitlines(keepends=True)
FILES = [
    (
        "cut.xml",
        google_xml(item("1"), item("2")).partition("</item>\n<item>")[0] + "</item>\n<item><g:id>2",
        ["1"],
        [(9, "is cut off")],
    ),
    (
        "bytes.xml",
        google_xml(item("1"), item("QQ"), item("3")).encode().replace(b"QQ", b"\xe9"),
        ["1", "3"],
        [(9, "is not UTF-8")],
    ),
    ("none.xml", google_xml(), [], []),
    ("empty.xml", google_xml("<item/>"), [], []),
    (
        "broken.jsonl",
        '{"id": 1, "image": "a.jpg"}\n{"id": 2,\n{"id": 3, "image": "b.jpg"}\n',
        ["1", "3"],
        [(2, "is not JSON")],
    ),
    (
        "list.jsonl",
        '{"id": 1, "image": "a.jpg"}\n[1]\n"x"\nnull\n',
        ["1"],
        [(2, "not a JSON object"), (3, "not a JSON object"), (4, "not a JSON object")],
    ),
    (
        "nan.jsonl",
        '{"id": 1, "image": "a.jpg"}\n{"id": 2, "image": "a.jpg", "price": NaN}\n',
        ["1"],
        [(2, "NaN is no number")],
    ),
    (
        "infinity.jsonl",
        '{"id": 1, "image": "a.jpg"}\n{"id": 2, "image": "a.jpg", "price": -Infinity}\n',
        ["1"],
        [(2, "Infinity is no number")],
    ),
    (
        "deep.jsonl",
        '{"id": 1, "image": "a.jpg"}\n' + '{"a":' * 50000 + "1" + "}" * 50000 + "\n",
        ["1"],
        [(2, "is nested too deeply")],
    ),
    ("digits.jsonl", '{"id": 1, "image": "a.jpg"}\n{"id": ' + "9" * 5000 + "}\n", ["1"], [(2, "is not JSON")]),
    (
        "long.jsonl",
        '{"id": 1, "image": "a.jpg"}\n{"id": 2, "x": "' + "x" * (3 << 20) + '"}\n{"id": 3, "image": "b.jpg"}\n',
        ["1", "3"],
        [(2, "is longer than 1 Mi")],
    ),
    (
        "things.jsonl",
        jsonl({"id": "1", "image": "a.jpg"}, {"id": "2", "image": {"src": 7}}),
        ["1"],
        [(2, "a picture is not named by a text")],
    ),
    (
        "title.jsonl",
        jsonl({"id": "1", "image": "a.jpg"}, {"id": "2", "image": "a.jpg", "title": {"en": "x"}}),
        ["1"],
        [(2, "the title is not a text")],
    ),
    (
        "price.jsonl",
        jsonl({"id": "1", "image": "a.jpg"}, {"id": "2", "image": "a.jpg", "price": [[1]]}),
        ["1"],
        [(2, "the price is not a text")],
    ),
    (
        "bytes.jsonl",
        b'{"id": "1", "image": "a.jpg"}\n{"id": "2\xff", "image": "a.jpg"}\n',
        ["1"],
        [(2, "is not UTF-8")],
    ),
    (
        "surrogate.jsonl",
        b'{"id": "1", "image": "a.jpg"}\n{"id": "2", "image": "a.jpg", "title": "\\ud800"}\n',
        ["1"],
        [(2, "is not UTF-8")],
    ),
    (
        "blank.jsonl",
        jsonl({"id": "1", "image": "a.jpg"}, {"id": "", "image": "a.jpg"}, {}),
        ["1"],
        [(2, "has no id"), (3, "has no id")],
    ),
    ("none.html", page(), [], [(1, "the page has no schema.org Product")]),
    ("broken.html", page("{oops", json.dumps(PRODUCT)), ["1"], [(3, "the script is not JSON")]),
    ("open.html", "<html><script type='application/ld+json'>" + json.dumps(PRODUCT), ["1"], []),
    ("empty.html", "<html>", [], [(1, "the page has no schema.org Product")]),
    ("bare.json", json.dumps([{"@type": "Product"}, PRODUCT]), ["1"], [(1, "has no id")]),
    (
        "image.json",
        json.dumps([PRODUCT | {"sku": "2", "image": 7}, PRODUCT]),
        ["1"],
        [(1, "a picture is not named by a text")],
    ),
    (
        "offer.json",
        json.dumps([PRODUCT | {"sku": "2", "offers": {"price": {"a": 1}}}, PRODUCT]),
        ["1"],
        [(1, "the price is not a text")],
    ),
    (
        "brand.json",
        json.dumps([PRODUCT | {"sku": "2", "brand": {"name": {"x": 1}}}, PRODUCT]),
        ["1"],
        [(1, "the brand is not a text")],
    ),
    (
        "old.csv",
        "".join([*SHOP_OLD_LINES[:5], 'hat,"Ha"t\n', *SHOP_OLD_LINES[5:]]),
        ["shirt:Red", "shirt:Blue", "hat"],
        None,
    ),
    (
        "handle.csv",
        SHOPIFY_NEW.replace("Hat,hat,", "Hat,,").replace(",hat,,", ",,,"),
        ["shirt:Red", "shirt:Blue"],
        None,
    ),
    ("price.csv", SHOPIFY_NEW.replace("9.99", "free", 1), ["shirt:Red", "shirt:Blue"], None),
    (
        "merchant.tsv",
        GOOGLE_TSV + "2\tonly\n" + GOOGLE_TSV.splitlines()[1].replace("1\t", "3\t", 1),
        ["1", "3"],
        [(3, "names no picture")],
    ),
    (
        "dates.csv",
        "id,image,sale_price,sale_price_effective_date\n1,a.jpg,,\n2,a.jpg,1,2026-13-01/2026-14-01\n",
        ["1"],
        [(3, "the dates")],
    ),
    ("nul.csv", b"id,image\n1,a.jpg\n2,\0\0.jpg\n3,b.jpg\n", ["1", "3"], [(3, "path is not valid")]),
    ("many.csv", "id,image,images\n1,a.jpg," + "|".join(f"{i}.jpg" for i in range(60)) + "\n", ["1"], None),
]


@pytest.mark.parametrize(("name", "data", "good", "bad"), FILES, ids=[name for name, *_ in FILES])
def test_damaged_files(
    shop: Path, name: str, data: str | bytes, good: list[str], bad: list[tuple[int, str]] | None
) -> None:
    content = read(shop, data, name)
    assert [one.product.id for one in content.items] == good
    if bad is None:
        assert content.rejected and all(one.reason for one in content.rejected)
    else:
        assert [one.row for one in content.rejected] == [row for row, _ in bad]
        assert all(reason in one.reason for one, (_, reason) in zip(content.rejected, bad, strict=True))


# Feeds of which nothing can be understood: (name, content, what is said)
HOPELESS = [
    (
        "bomb.xml",
        '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><rss><item/></rss>',
        "declares a document type or entities",
    ),
    (
        "outside.xml",
        '<?xml version="1.0"?><!DOCTYPE r SYSTEM "http://shop.example/x.dtd"><rss></rss>',
        "declares a document type",
    ),
    ("encoding.xml", '<?xml version="1.0" encoding="klingon"?><rss></rss>', "unknown encoding klingon"),
    ("codec.xml", '<?xml version="1.0" encoding="base64"?><rss></rss>', "unknown encoding base64"),
    ("broken.json", '{"@type": "Product"', "is not JSON"),
    ("deep.json", "[" * 100_000, "nested too deeply"),
    ("nothing.json", '{"@type": "Person"}', "has no schema.org Product"),
    ("number.json", "7", "has no schema.org Product"),
    ("header.csv", "title,price\n1,2\n", "needs the columns id and image"),
    ("empty.csv", "", "needs the columns id and image"),
    ("twice.csv", "id,image,title,Title\n", "more than one column for title"),
    ("picture.jpg", b"\xff\xd8\xff\xe0" + bytes(500), "is no text"),
    ("notes.md", "# Shop\n\nnothing here\n", "not a feed that is known"),
]


@pytest.mark.parametrize(("name", "data", "message"), HOPELESS, ids=[name for name, *_ in HOPELESS])
def test_feeds_that_are_none(shop: Path, name: str, data: str | bytes, message: str) -> None:
    with pytest.raises(FeedError, match=message):
        read(shop, data, name)


def test_there_are_enough_of_them() -> None:
    assert len({*(text for text, _ in XML_ITEMS), *(str(data) for _, data, *_ in (*FILES, *HOPELESS))}) >= 70


FUZZED = {
    "feed.xml": google_xml(
        *(item(str(i), more="<g:color>blue</g:color><!-- c --><x><![CDATA[y]]></x>") for i in range(8))
    ),
    "feed.tsv": GOOGLE_TSV * 2,
    "old.csv": SHOPIFY_OLD,
    "new.csv": SHOPIFY_NEW,
    "feed.jsonl": JSONL * 4,
    "feed.json": json.dumps(GROUP),
    "page.html": page(json.dumps(PRODUCT), json.dumps(GROUP)),
}


@pytest.mark.parametrize("name", FUZZED)
def test_random_damage_is_never_fatal(shop: Path, name: str) -> None:
    """Bytes changed, removed, put in, pieces moved: always products and reasons, or one plain error for the whole."""
    rng = np.random.default_rng(list(name.encode()))
    good = FUZZED[name].encode()
    marks = list(b"<>&\"'[]{}!-,;\t\n\0\xff\xc3:/=")
    for _ in range(60):
        data = bytearray(good)
        for place in rng.integers(0, len(data), rng.integers(1, 6)).tolist():
            kind, length = int(rng.integers(4)), int(rng.integers(1, 12))
            piece = bytes(rng.choice(marks, length).tolist()) if kind < 2 else bytes(data[: length * 20])
            data[place : place + length * (kind in (0, 3))] = piece if kind < 3 else b""
        try:
            content = read(shop, bytes(data), name)
        except FeedError as error:
            assert str(error).startswith(str(shop / name)) and "\n" not in str(error)
            continue
        assert all(one.product.id and one.pictures for one in content.items)
        assert all(one.reason and (one.id + one.reason).encode() for one in content.rejected)


@pytest.mark.parametrize("seed", range(20))
def test_damage_to_one_item_costs_that_item_only(shop: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    items = [item(str(i)) for i in range(9)]
    victim = int(rng.integers(9))
    text = bytearray(items[victim].encode())
    for place in rng.integers(8, len(text) - 8, 3).tolist():
        text[place : place + 1] = bytes(rng.choice(list(b"<>&\xff\0;"), 2).tolist())
    whole = google_xml(*items[:victim], "BROKEN", *items[victim + 1 :]).encode().replace(b"BROKEN", bytes(text))
    found = {one.product.id for one in read(shop, whole, "feed.xml").items}
    assert {str(i) for i in range(9) if i != victim} <= found
