"""Feeds: every row is either a product or a rejected row with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from indexer.feeds import values
from indexer.feeds.base import FeedContent
from indexer.feeds.open import open_feed
from indexer.feeds.values import BadValue
from matcher.errors import FeedError
from matcher.types import Product


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with pictures a.jpg to f.jpg (feeds look at names only) and sub/g.png, and a file outside it."""
    folder = tmp_path / "shop"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg", "two  spaces.jpg", "sub/g.png"):
        (folder / name).touch()
    (tmp_path / "outside.jpg").touch()
    (folder / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    return folder


def read(shop: Path, text: str | bytes, name: str = "products.csv") -> FeedContent:
    """Read a feed of this text."""
    (shop / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_feed(shop / name).read()


def ids(content: FeedContent) -> list[str]:
    """Ids of the products."""
    return [item.product.id for item in content.items]


def reasons(content: FeedContent) -> list[tuple[int, str, str]]:
    """Row, id and reason of what was rejected."""
    return [(one.row, one.id, one.reason) for one in content.rejected]


FULL = "id,image,title,type,link,price,currency,brand,colour,gender,availability,group_id"
ROW = '1,sub/g.png,"Shirt, blue",T-Shirt,https://shop.example/1,"12,50",eur,Ada,blue,women,in stock,G'


def test_all_columns(shop: Path) -> None:
    item = read(shop, f"{FULL}\n{ROW}\n").items[0]
    assert item.product == Product(
        id="1",
        title="Shirt, blue",
        type="tops",
        group_id="G",
        brand="Ada",
        colour="blue",
        gender="women",
        price=12.5,
        currency="EUR",
        availability="in stock",
        link="https://shop.example/1",
    )
    assert item.row == 2
    assert [(picture.row, picture.name) for picture in item.pictures] == [(2, "sub/g.png")]
    assert item.pictures[0].path == (shop / "sub" / "g.png").resolve()


FORMATS = [
    # (the same table in another format, what it is)
    (b"id,image,title\r\n1,a.jpg,\xc3\xa9t\xc3\xa9\r\n2,b.jpg,x\r\n", "CRLF"),
    (b"id,image,title\r1,a.jpg,\xc3\xa9t\xc3\xa9\r2,b.jpg,x", "CR, no end"),
    (b"\xef\xbb\xbfid,image,title\n1,a.jpg,\xc3\xa9t\xc3\xa9\n2,b.jpg,x\n", "UTF-8 with a mark"),
    ("id\timage\ttitle\n1\ta.jpg\tété\n2\tb.jpg\tx\n".encode("utf-16"), "UTF-16 with tabs, as Excel writes it"),
    (b"id;image;title\n1;a.jpg;\xc3\xa9t\xc3\xa9\n2;b.jpg;x\n", "semicolons"),
    (b"id|image|title\n1|a.jpg|\xc3\xa9t\xc3\xa9\n\n2|b.jpg|x\n\n", "bars and blank lines"),
    (b'"ID", Image ,"Title"\n"1","a.jpg","\xc3\xa9t\xc3\xa9"\n"2","b.jpg","x"\n', "quotes"),
    (
        b'title,extra,image_link,SKU\n\xc3\xa9t\xc3\xa9,?,a.jpg,1\nx,"a\nlong, long text",b.jpg,2\n',
        "other names and order",
    ),
]


@pytest.mark.parametrize(("data", "what"), FORMATS, ids=[what for _, what in FORMATS])
def test_formats(shop: Path, data: bytes, what: str) -> None:
    content = read(shop, data)
    assert not content.rejected
    assert [(item.product.id, item.product.title, item.pictures[0].name) for item in content.items] == [
        ("1", "été", "a.jpg"),
        ("2", "x", "b.jpg"),
    ]


ROWS = [
    # (row below the header id,image,title,link,price,currency, reason)
    (",a.jpg,,,,", "has no id"),
    ("x,,,,,", "names no picture"),
    ("x", "names no picture"),
    ("x,missing.jpg,,,,", "no such picture"),
    ("x,sub,,,,", "no such picture"),
    ("x,../outside.jpg,,,,", "outside the feed's folder"),
    ("x,sub/../../outside.jpg,,,,", "outside the feed's folder"),
    ("x,/etc/passwd,,,,", "outside the feed's folder"),
    ("x,link.jpg,,,,", "outside the feed's folder"),
    ("x,file:///etc/passwd,,,,", "is a file: address; only http and https are fetched"),
    ("x,FTP://shop.example/a.jpg,,,,", "is a ftp: address"),
    ("x,data:image/png;base64 AAAA,,,,", "is a data: address"),
    ("x,https:///a.jpg,,,,", "address is not valid"),
    ("x,https://shop.example:99999/a.jpg,,,,", "address is not valid"),
    ("x,http://[::1/a.jpg,,,,", "address is not valid"),
    ("x,data:image/png;base64\\,AAAA,,,,", "has 7 fields, the header has 6"),
    ("x,a\x00.jpg,,,,", "path is not valid"),
    (f"x,{'a' * 4000},,,,", "path is not valid"),
    (f"x,a.jpg,{'t' * 6000},,,", "longer than 5000 characters"),
    (f"{'x' * 201},a.jpg,,,,", "id is longer than 200"),
    ("x\x07,a.jpg,,,,", "control characters"),
    ("x,a.jpg,,javascript:alert(1),,", "does not begin with http"),
    ("x,a.jpg,,//shop.example/1,,", "does not begin with http"),
    ("x,a.jpg,,http://,,", "does not begin with http"),
    ("x,a.jpg,,http://[::1,,", "does not begin with http"),
    ("x,a.jpg,,,cheap,", "not an amount"),
    ("x,a.jpg,,,12 USD,EUR", "not in the currency EUR"),
    ("x,a.jpg,,,12,euros", "not a three-letter code"),
    ("x,a.jpg,T,,,,surplus", "has 7 fields, the header has 6"),
    ('x,a.jpg,"T"T,,,', "cannot be parsed"),
]


@pytest.mark.parametrize(("row", "reason"), ROWS)
def test_a_bad_row_is_listed_and_its_neighbours_stay(shop: Path, row: str, reason: str) -> None:
    content = read(shop, f"id,image,title,link,price,currency\n1,b.jpg,,,,\n{row}\n2,c.jpg,,,,\n")
    assert ids(content) == ["1", "2"]
    assert [one.row for one in content.rejected] == [3]
    assert reason in content.rejected[0].reason


def test_bytes_that_are_not_utf8(shop: Path) -> None:
    content = read(shop, b"id,image,title\n1,a.jpg,x\n2,b.jpg,\xe9t\xe9\n\xe9,b.jpg,x\n3,c.jpg,x\n")
    assert ids(content) == ["1", "3"]
    assert [row for row, _, _ in reasons(content)] == [3, 4]
    assert all("not UTF-8" in one.reason and one.id.encode() for one in content.rejected)


STRAY_QUOTES = [
    # (rows, ids that are good, rows that are listed)
    ('1,a.jpg,"open\n2,b.jpg,x\n3,c.jpg,x\n', ["2", "3"], [2]),
    ('1,a.jpg,x\n2,b.jpg,"open\n3,c.jpg,"closed"\n4,d.jpg,x\n', ["1", "3", "4"], [3]),
    ('1,a.jpg,"open\n2,b.jpg,x\n3,c.jpg,x"\n4,d.jpg,x\n', ["2", "3", "4"], [2]),
    (
        '1,a.jpg,"open\n' + "".join(f"{i},b.jpg,{'x' * 990}\n" for i in range(2, 300)),
        [str(i) for i in range(2, 300)],
        [2],
    ),
    ('1,a.jpg,"a good\ntwo-line title"\n2,b.jpg,15" screen\n', ["1", "2"], []),
]


@pytest.mark.parametrize(("rows", "good", "listed"), STRAY_QUOTES)
def test_a_stray_quote_costs_one_row(shop: Path, rows: str, good: list[str], listed: list[int]) -> None:
    content = read(shop, f"id,image,title\n{rows}")
    assert ids(content) == good
    assert [one.row for one in content.rejected] == listed


def test_repeated_ids(shop: Path) -> None:
    content = read(
        shop,
        "id,image,title,price\n"
        "1,a.jpg,Shirt,10\n"
        "2,b.jpg,Hat,5\n"
        "1,c.jpg,Shirt,10.00\n"  # another picture
        "1,d.jpg,Shirt,11\n"
        "2,./b.jpg,Hat,5\n",
    )
    assert ids(content) == ["1", "2"]
    assert [picture.name for picture in content.items[0].pictures] == ["a.jpg", "c.jpg"]
    assert content.picture_count == 3
    assert reasons(content) == [
        (5, "1", "the id repeats row 2 with another price"),
        (6, "2", "repeats row 3 with the same picture"),
    ]


TYPES = [
    # (type, category, what it means)
    ("tops", "", "tops"),
    ("Jeans", "Apparel > Dresses", "pants"),
    ("", "Apparel > Women > Dresses", "dresses"),
    ("SKU-17", "Shoes/Sneakers", "footwear"),
    ("", "Home > Lamps", ""),
    ("", "", ""),
]


@pytest.mark.parametrize(("type_text", "category", "expected"), TYPES)
def test_types(type_text: str, category: str, expected: str) -> None:
    assert values.garment_type(type_text, category) == expected


PRICES = [
    # (text, currency column, amount and currency)
    ("12.50 EUR", "", (12.5, "EUR")),
    ("12,50 EUR", "", (12.5, "EUR")),
    ("EUR12.5", "", (12.5, "EUR")),
    ("€ 1.234,50", "", (1234.5, "EUR")),
    ("$1,234.50", "", (1234.5, "USD")),
    ("1 234,50\u00a0€", "", (1234.5, "EUR")),
    ("CHF 1'234.50", "", (1234.5, "CHF")),
    ("1,234", "", (1234, "")),
    ("1.234.567", "", (1234567, "")),
    ("1,00,000.50 INR", "", (100000.5, "INR")),
    ("1234.567", "", (1234.567, "")),
    ("0.999", "", (0.999, "")),
    ("12,- €", "", (12, "EUR")),
    ("7", "gbp", (7, "GBP")),
    ("7 €", "EUR", (7, "EUR")),
    ("0", "", (0, "")),
    ("", "EUR", (None, "EUR")),
    ("n/a", "", (None, "")),
]
BAD_PRICES = [
    "1.234",  # 1234 or 1.234?
    "-5",
    "10-20",
    "12,34.5,6",
    "1,2,3",
    "12 34",
    "12, 0",
    "12 apples",
    "1e5",
    "inf",
    "9" * 20,
    "12.50.",
    "1234,567,8",
]


@pytest.mark.parametrize(("text", "currency", "expected"), PRICES)
def test_prices(text: str, currency: str, expected: tuple[float | None, str]) -> None:
    assert values.price(text, currency) == expected


@pytest.mark.parametrize("text", BAD_PRICES)
def test_bad_prices(text: str) -> None:
    with pytest.raises(BadValue, match="price|currency"):
        values.price(text)


def test_random_damage_is_never_fatal(shop: Path) -> None:
    """Bytes are changed, removed and put in anywhere: rows may go bad, all that is left is products and reasons."""
    rng = np.random.default_rng(7)
    good = f"{FULL}\n" + "".join(ROW.replace("1,sub", f"{i},sub", 1) + "\n" for i in range(8))
    marks = list(b'",;\t\n\r\x00\xff\xc3|\\/.:=')
    for _ in range(300):
        data = bytearray(good.encode())
        for place in rng.integers(len(FULL) + 1, len(data) - 20, 4):
            change = int(rng.integers(3))
            data[place : place + int(change > 0)] = bytes(rng.choice(marks, int(change < 2)).tolist())
        content = read(shop, bytes(data))
        # Four changes cannot spoil more than eight lines: each touches its own, or joins it to the next.
        assert len(content.items) + len(content.rejected) >= 4
        assert all(item.pictures and item.product.id for item in content.items)
        assert all(one.reason and (one.id + one.reason).encode() for one in content.rejected)


def test_windows_paths_and_spaces(shop: Path) -> None:
    content = read(shop, f"id,image\n1,sub\\g.png\n2,two  spaces.jpg\n3,{shop}/a.jpg\n")
    assert [item.pictures[0].path.name for item in content.items] == ["g.png", "two  spaces.jpg", "a.jpg"]


HEADERS = [
    ("", "needs the columns id and image in its first line; it has: none"),
    ("title,price\n", "it has: title, price"),
    ("id,image,title,Title\n", "more than one column for title"),
    ("sku,product_id,image\n", None),  # the first of two other names is taken
]


@pytest.mark.parametrize(("text", "message"), HEADERS)
def test_headers(shop: Path, text: str, message: str | None) -> None:
    if message is None:
        assert not read(shop, text).items
    else:
        with pytest.raises(FeedError, match=message):
            read(shop, text)


def test_folder_feed(tmp_path: Path) -> None:
    names = [
        "loose.jpg",
        "tops/one.jpg",
        "tops/one.png",  # another picture of it
        "tops/ada/two.webp",  # the nearest folder that names a type
        "Jeans/three.jpeg",
        "misc/four.JPG",
        "vintage/one.jpg",  # an id that is taken
        "misc/notes.txt",
        ".hidden/five.jpg",
        ".DS_Store",
        "shop.catalog/CURRENT",
        "shop.catalog/six.jpg",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    os.symlink("/etc/passwd", tmp_path / "tops" / "trick.jpg")
    content = open_feed(tmp_path).read()
    products = {item.product.id: (item.product.type, [one.name for one in item.pictures]) for item in content.items}
    assert products == {
        "loose": ("", ["loose.jpg"]),
        "one": ("tops", ["tops/one.jpg", "tops/one.png"]),
        "two": ("tops", ["tops/ada/two.webp"]),
        "three": ("pants", ["Jeans/three.jpeg"]),
        "four": ("", ["misc/four.JPG"]),
    }
    assert {one.id: one.reason for one in content.rejected} == {
        "one": "vintage/one.jpg: a file in tops has the same name, which is the id; rename one",
        "notes": "misc/notes.txt is not a picture by its name",
        "trick": "the picture is outside the feed's folder",
    }


def test_folder_names_that_are_not_text(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe9.jpg")).touch()
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    rejected = open_feed(tmp_path).read().rejected
    assert len(rejected) == 1 and (rejected[0].id + rejected[0].reason).encode()


def test_open_feed_picks_by_what_is_there(shop: Path, tmp_path: Path) -> None:
    assert open_feed(shop).kind == "folder"
    (shop / "readme.txt").write_text("hello\n")
    assert open_feed(shop).kind == "folder"
    (shop / "list.tsv").write_text("id\timage\n1\ta.jpg\n")
    assert ids(open_feed(shop).read()) == ["1"]
    (shop / "more.csv").write_text("id,image\n2,b.jpg\n")
    assert open_feed(shop).kind == "folder"  # two tables: neither is meant
    (shop / "products.csv").write_text("id,image\n3,b.jpg\n")
    assert ids(open_feed(shop).read()) == ["3"]
    assert ids(open_feed(str(shop / "more.csv")).read()) == ["2"]
    with pytest.raises(FeedError, match="there is no feed at"):
        open_feed(tmp_path / "missing.csv")
    with pytest.raises(FeedError, match="not a feed that is known"):
        open_feed(shop / "a.jpg")
