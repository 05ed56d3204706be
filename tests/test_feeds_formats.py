"""Every format of feeds: what it says is understood alike, and it is recognised by its content."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from indexer.feeds.base import FeedContent, FeedOptions, Row
from indexer.feeds.google_xml import GoogleXmlFeed
from indexer.feeds.normalise import Feed
from indexer.feeds.open import FORMATS, open_feed
from matcher.errors import FeedError
from matcher.types import Product
from tests.feed_texts import (
    ATOM,
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


def read(shop: Path, text: str, name: str = "feed.txt", **options: object) -> FeedContent:
    """Read a feed of this text, whose kind is told from the content."""
    (shop / name).write_text(text, encoding="utf-8", newline="")
    return open_feed(shop / name, options=FeedOptions(**options)).read()


def pictures(content: FeedContent) -> dict[str, list[str]]:
    """Pictures of each product."""
    return {one.product.id: [picture.name for picture in one.pictures] for one in content.items}


SHIRT = Product("1", title="Shirt", price=12.5, currency="EUR", link="https://shop.example/1")


def test_google_xml(shop: Path) -> None:
    more = (
        "<g:additional_image_link>b.jpg</g:additional_image_link><g:additional_image_link>c.jpg</g:additional_image_link>"
        "<g:google_product_category>212</g:google_product_category><g:product_type>New &gt; Knit</g:product_type>"
        "<g:color>blue</g:color><g:gender>female</g:gender><g:age_group>adult</g:age_group>"
        "<g:availability>in_stock</g:availability><g:item_group_id>G</g:item_group_id>"
        "<g:brand><![CDATA[A & B]]></g:brand>"
        '<media:title xmlns:media="x">other</media:title><description><![CDATA[<b>an <item> here</b>]]></description>'
    )
    content = read(shop, google_xml(item("1", more=more), "<!-- <item><g:id>no</g:id></item> -->", item("2", "b.jpg")))
    assert not content.rejected
    assert content.items[0].product == replace(
        SHIRT,
        title="Title 1",
        type="tops",
        group_id="G",
        brand="A & B",
        colour="blue",
        gender="women",
        age_group="adult",
        availability="in stock",
    )
    assert pictures(content) == {"1": ["a.jpg", "b.jpg", "c.jpg"], "2": ["b.jpg"]}
    assert [one.row for one in content.items] == [5, 10]


def test_atom_with_another_prefix(shop: Path) -> None:
    content = read(shop, ATOM)
    assert not content.rejected
    assert content.items[0].product == replace(SHIRT, colour="blue")
    assert content.items[0].row == 4


def test_google_xml_in_another_encoding(shop: Path) -> None:
    text = google_xml(item("é")).replace("UTF-8", "ISO-8859-1")
    (shop / "feed.xml").write_bytes(text.encode("latin-1"))
    assert open_feed(shop / "feed.xml").read().items[0].product.id == "é"
    (shop / "feed.xml").write_bytes(google_xml(item("é")).replace("UTF-8", "UTF-16").encode("utf-16"))
    assert open_feed(shop / "feed.xml").read().items[0].product.id == "é"


def test_google_tsv(shop: Path) -> None:
    content = read(shop, GOOGLE_TSV)
    assert open_feed(shop / "feed.txt").kind == "Google Merchant Center TSV"
    assert not content.rejected
    assert content.items[0].product == replace(
        SHIRT,
        title="Shirt, blue",
        type="tops",
        group_id="G",
        brand="Ada",
        colour="blue",
        gender="women",
        age_group="adult",
        availability="in stock",
    )
    assert pictures(content) == {"1": ["a.jpg", "b.jpg", "c.jpg"]}


@pytest.mark.parametrize("text", [SHOPIFY_OLD, SHOPIFY_NEW], ids=["older headers", "newer headers"])
def test_shopify(shop: Path, text: str) -> None:
    content = read(shop, text, currency="EUR")
    assert open_feed(shop / "feed.txt").kind == "Shopify CSV"
    red = Product(
        "shirt:Red", "Shirt", "tops", "shirt", "Ada", "Red", "women", "adult", 18.0, "EUR", availability="in stock"
    )
    blue = replace(red, id="shirt:Blue", colour="Blue", price=25.0, availability="out of stock")
    hat = Product("hat", "Hat", "hats", "hat", "Bo", price=9.99, currency="EUR", availability="in stock")
    assert [one.product for one in content.items] == [red, blue, hat]
    assert pictures(content) == {"shirt:Red": ["b.jpg"], "shirt:Blue": ["c.jpg"], "hat": ["a.jpg", "b.jpg"]}
    assert [(one.id, one.reason) for one in content.rejected] == [
        ("draft", "is not published"),
        ("card", "is a gift card"),
    ]


def test_shopify_colours_without_pictures_of_their_own_are_one_product(shop: Path) -> None:
    content = read(shop, SHOPIFY_OLD.replace("adult,b.jpg,active", "adult,,active"))
    assert pictures(content)["shirt"] == ["a.jpg", "c.jpg"]
    assert content.items[0].product.price == 18 and content.items[0].product.availability == "in stock"


def test_json_ld_file_and_page(shop: Path) -> None:
    expected = replace(SHIRT, type="tops", brand="Ada", colour="blue", gender="women", availability="in stock")
    for text in (json.dumps(PRODUCT, indent=2), json.dumps(PRODUCT), page(json.dumps(PRODUCT))):
        content = read(shop, text)
        assert not content.rejected and open_feed(shop / "feed.txt").kind == "JSON-LD"
        assert content.items[0].product == expected
        assert pictures(content) == {"1": ["a.jpg", "b.jpg"]}


def test_json_ld_variants_of_a_group(shop: Path) -> None:
    content = read(shop, json.dumps(GROUP))
    first = Product(
        "1", "Shirt", group_id="G", brand="Ada", colour="red", price=11.0, currency="EUR", availability="in stock"
    )
    second = replace(first, id="2", colour="blue", price=9.0, availability="")
    assert [one.product for one in content.items] == [first, second]


def test_json_ld_of_a_page_of_the_web(shop: Path) -> None:
    head = '<link rel="canonical" href="https://shop.example/p/shirt">'
    content = read(shop, page(json.dumps(PRODUCT | {"image": ["/i/a.jpg", "//cdn.example/b.jpg", "c.jpg"]}), head=head))
    assert [picture.url for picture in content.items[0].pictures] == [
        "https://shop.example/i/a.jpg",
        "https://cdn.example/b.jpg",
        "https://shop.example/p/c.jpg",
    ]


def test_a_folder_of_pages(shop: Path) -> None:
    pages = shop / "pages"
    pages.mkdir()
    for name in "abc":
        product = PRODUCT | {"sku": name, "image": f"https://shop.example/{name}.jpg"}
        (pages / f"{name}.html").write_text(page("{broken", json.dumps(product)))
    content = open_feed(pages).read()
    assert list(pictures(content)) == ["a", "b", "c"]
    assert [one.reason[:7] for one in content.rejected] == ["a.html:", "b.html:", "c.html:"]


def test_jsonl(shop: Path) -> None:
    content = read(shop, JSONL)
    assert not content.rejected and open_feed(shop / "feed.txt").kind == "JSONL"
    first, second = (one.product for one in content.items)
    assert first == Product("1", "Shirt", "tops", price=12.5, currency="EUR")
    # A number of JSON has no thousands separator: 1.234 is clear.
    assert second == Product("2", "Hat", price=1.234, currency="EUR", availability="out of stock")
    assert pictures(content) == {"1": ["a.jpg", "b.jpg"], "2": ["c.jpg"]}


def test_a_list_of_plain_objects_is_read_too(shop: Path) -> None:
    content = read(shop, json.dumps([{"id": "1", "image": "a.jpg"}, 7, {"id": "3", "image": "b.jpg"}]))
    assert list(pictures(content)) == ["1", "3"]
    assert [(one.row, one.reason) for one in content.rejected] == [(2, "is not a JSON object")]


def test_columns_that_the_user_names(shop: Path) -> None:
    columns = {"id": "ArtNr", "image": "Bild 1", "title": "Bezeichnung", "price": "VK"}
    text = "ArtNr;ID;Bild 1;Bezeichnung;Title;VK\n7;x;a.jpg;Hemd;y;12,50\n"
    content = read(shop, text, columns=columns, currency="EUR")
    assert content.items[0].product == Product("7", "Hemd", price=12.5, currency="EUR")
    lines = jsonl({"ArtNr": "7", "Bild 1": "a.jpg", "Bezeichnung": "Hemd", "VK": "12,50 EUR"})
    assert read(shop, lines, columns=columns).items[0].product.title == "Hemd"
    with pytest.raises(FeedError, match="--column id=THEIRS"):
        read(shop, text)


def test_more_pictures_in_a_table(shop: Path) -> None:
    content = read(
        shop, 'id,image,images\n1,a.jpg,"b.jpg, c.jpg"\n2,a.jpg,b.jpg|gone.jpg\n3,,c.jpg\n4,gone.jpg,gone.jpg\n'
    )
    assert pictures(content) == {"1": ["a.jpg", "b.jpg", "c.jpg"], "2": ["a.jpg", "b.jpg"], "3": ["c.jpg"]}
    # One bad picture costs itself only.
    assert [(one.row, one.id, one.reason) for one in content.rejected] == [
        (3, "2", "there is no such picture"),
        (5, "4", "there is no such picture"),
    ]


def test_pictures_of_the_web(shop: Path) -> None:
    content = read(shop, "id,image,link\n1,https://cdn.example/a b.jpg?x=1,\n2,//cdn.example/b.jpg,\n3,a.jpg,\n")
    assert [one.pictures[0].url for one in content.items] == [
        "https://cdn.example/a%20b.jpg?x=1",
        "https://cdn.example/b.jpg",
        "",
    ]
    assert content.is_remote


def test_a_downloaded_feed_names_nothing_on_this_machine(shop: Path) -> None:
    text = (
        "id,image,link\n1,a.jpg,/p/1\n2,/etc/passwd,\n3,file:///etc/passwd,\n4,data:image/png;base64 AA,\n5,C:/a.jpg,\n"
    )
    content = read(shop, text, address="https://shop.example/feeds/all.csv")
    assert [one.pictures[0].url for one in content.items] == [
        "https://shop.example/feeds/a.jpg",
        "https://shop.example/etc/passwd",
    ]
    assert content.items[0].product.link == "https://shop.example/p/1"
    assert all(picture.path is None for one in content.items for picture in one.pictures)
    assert [one.id for one in content.rejected] == ["3", "4", "5"]
    assert "file: address" in content.rejected[0].reason


SALES = [
    # (sale price, its dates, price that holds)
    ("9.99 EUR", "", 9.99),
    ("9.99 EUR", "2020-01-01T00:00+0100/2999-01-01T00:00+0100", 9.99),
    ("9.99 EUR", "2020-01-01T00:00Z/2020-02-01T00:00Z", 12.5),
    ("", "", 12.5),
]


@pytest.mark.parametrize(("sale", "dates", "expected"), SALES)
def test_the_price_of_now(shop: Path, sale: str, dates: str, expected: float) -> None:
    text = f"id,image,price,sale price,sale price effective date\n1,a.jpg,12.50 EUR,{sale},{dates}\n"
    assert read(shop, text).items[0].product.price == expected


CATEGORIES = [
    ("Apparel & Accessories > Clothing > Shirts & Tops", "tops"),
    ("Apparel & Accessories > Clothing > Outerwear > Coats & Jackets", "outerwear"),
    ("212 - Apparel & Accessories > Clothing > Shirts & Tops", "tops"),
    ("187", "footwear"),
    ("Shirts & Skirts", ""),
    ("Home & Garden > Lamps", ""),
]


@pytest.mark.parametrize(("category", "expected"), CATEGORIES)
def test_categories(shop: Path, category: str, expected: str) -> None:
    assert read(shop, f"id,image,category\n1,a.jpg,{category}\n").items[0].product.type == expected


WORDS = [
    ("gender", {"Female": "women", "MALE": "men", "women's": "women", "Unisex": "unisex", "robots": "robots"}),
    ("age_group", {"Adult": "adult", "children": "kids", "baby": "infant"}),
    (
        "availability",
        {
            "in_stock": "in stock",
            "InStock": "in stock",
            "https://schema.org/OutOfStock": "out of stock",
            "sold out": "out of stock",
            "PreOrder": "preorder",
            "tomorrow": "tomorrow",
        },
    ),
]


@pytest.mark.parametrize(("name", "words"), WORDS)
def test_words(shop: Path, name: str, words: dict[str, str]) -> None:
    rows = "".join(f"{i},a.jpg,{word}\n" for i, word in enumerate(words))
    content = read(shop, f"id,image,{name}\n{rows}")
    assert [getattr(one.product, name) for one in content.items] == list(words.values())


def test_the_format_can_be_said(shop: Path) -> None:
    (shop / "feed.bin").write_text("id\timage\n1\ta.jpg\n")
    assert open_feed(shop / "feed.bin", "csv").read().items
    assert open_feed(shop, "folder").kind == "folder"
    with pytest.raises(FeedError, match="the formats are google-xml, jsonl"):
        open_feed(shop / "feed.bin", "xls")
    with pytest.raises(FeedError, match="is a file, which the format folder does not read"):
        open_feed(shop / "feed.bin", "folder")
    with pytest.raises(FeedError, match="is a folder, which"):
        open_feed(shop / "..", "csv")
    assert set(FORMATS) == {"google-xml", "jsonl", "jsonld", "shopify", "google-tsv", "csv", "folder"}


def test_google_xml_is_read_as_a_stream(shop: Path) -> None:
    """The memory of a long feed is that of a short one."""
    path = shop / "long.xml"
    with path.open("w") as file:
        start, end = google_xml("SPLIT").split("SPLIT")
        file.write(start)
        for i in range(4_000):
            file.write(item(str(i), more=f"<description>{'x' * 1000}</description>"))
        file.write(end)

    def peak(rows: Iterator[Row]) -> tuple[int, int]:
        tracemalloc.start()
        count = sum(1 for _ in rows)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return count, size

    count, size = peak(GoogleXmlFeed(path, FeedOptions()).rows())
    assert count == 4_000 and path.stat().st_size > 4.5e6
    assert size < 2.5e6


def test_the_interface_is_small(shop: Path) -> None:
    """A new format is a class that gives rows: the rules for values are not its business."""

    class Own:
        kind = "own"

        def rows(self) -> Iterator[Row]:
            yield Row(1, {"id": " 1 ", "gender": "F", "price": "12,50 €"}, ("a.jpg",))
            yield Row(2, {"id": "2"}, ("gone.jpg",))

    content = Feed(Own(), shop, FeedOptions()).read()
    assert content.items[0].product == Product("1", gender="women", price=12.5, currency="EUR")
    assert content.rejected[0].reason == "there is no such picture"
