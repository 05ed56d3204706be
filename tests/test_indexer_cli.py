"""`asworn index` and `asworn catalog search` as a user runs them, on real ONNX files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from indexer.cli import index
from matcher.bundle import bundled
from matcher.catalog.catalog import Catalog
from matcher.catalog.check import check
from matcher.cli.catalog import app as catalog_app
from matcher.errors import CatalogError, FeedError, InputError
from tests.picture_server import picture, serving
from tests.test_indexer_build import BOX, SIZE, write_picture
from tests.toy_bundle import make_bundle, paint


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of the hand-written bundle."""
    return str(make_bundle(tmp_path_factory.mktemp("toy")).folder)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder feed: sub-folders that name types, one that does not, and a file that is no picture."""
    for folder, name in (("tops", "tops"), ("Jeans", "pants"), ("new", "bags")):
        write_picture(tmp_path / "photos" / folder / f"{name}1.png", paint(SIZE, {name: BOX}))
    (tmp_path / "photos" / "new" / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    return tmp_path / "photos"


def run(*arguments: str | Path) -> Result:
    """Run `asworn index`."""
    app = typer.Typer()
    app.command()(index)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_folder_becomes_a_catalogue(photos: Path, tmp_path: Path, toy: str) -> None:
    done = run(photos, "--out", tmp_path / "c", "--bundle", toy)
    assert done.exit_code == 0, done.output
    assert "3 products, 3 vectors" in done.output and "1 rejected" in done.output and "broken" in done.output
    catalog = Catalog.load(tmp_path / "c")
    assert {product.id: product.type for product in catalog.products(range(3))} == {
        "tops1": "tops",
        "pants1": "pants",
        "bags1": "bags",
    }
    again = run(photos, "--out", tmp_path / "c", "--bundle", toy)
    assert "gen-000002" in again.output and "3 kept from before" in again.output
    fresh = run(photos, "--out", tmp_path / "c", "--bundle", toy, "--no-reuse")
    assert "gen-000003" in fresh.output and "kept" not in fresh.output


def test_a_long_list_is_cut_short_and_written_in_full(photos: Path, tmp_path: Path, toy: str) -> None:
    rows = "".join(f"[red]{i},missing{i}.jpg\n" for i in range(30))
    (photos / "products.csv").write_text(f"id,image\ngood,tops/tops1.png\n{rows}")
    done = run(photos, "--out", tmp_path / "c", "--bundle", toy)
    assert done.exit_code == 0 and "... and 20 more; all of them are in" in done.output
    assert "[red]9" in done.output and "[red]10" not in done.output
    with (tmp_path / "c" / "gen-000001" / "rejected.csv").open(newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == [f"[red]{i}" for i in range(30)]


def test_dry_run_writes_nothing(photos: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = run(photos, "--dry-run", "--out", tmp_path / "c")
    assert done.exit_code == 0
    assert "3 products would be" in done.output and "broken.jpg" in done.output and "the picture decides" in done.output
    assert sorted(tmp_path.rglob("*")) == before


def test_columns_currency_and_settings(photos: Path, tmp_path: Path, toy: str) -> None:
    (photos / "list.csv").write_text("ArtNr;Bild;VK;URL\n7;tops/tops1.png;12,50;https://shop.example/7?v=1\n")
    said = ["--column", "id=ArtNr", "--column", "image=Bild", "--column", "price=VK", "--currency", "eur"]
    template = ["--link-template", "{url}?utm_source=tv"]
    done = run(photos / "list.csv", "--out", tmp_path / "c", "--bundle", toy, *said, *template)
    assert done.exit_code == 0, done.output
    product = Catalog.load(tmp_path / "c").product(0)
    assert (product.id, product.price, product.currency) == ("7", 12.5, "EUR")
    assert product.link == "https://shop.example/7?v=1&utm_source=tv"
    done = run(photos / "list.csv", "--out", tmp_path / "c", "--bundle", toy, *said, "--disclosure", "Ad")
    catalog = Catalog.load(tmp_path / "c")
    assert catalog.settings.disclosure == "Ad" and catalog.product(0).link.endswith("utm_source=tv")


def test_a_feed_of_the_web(photos: Path, tmp_path: Path, toy: str) -> None:
    with serving() as server:
        server.answers["/all.csv"] = picture(b"id,image,link\n1,i/tops.png,/p/1\n2,i/gone.png,\n3,file:///x,\n")
        server.answers["/i/tops.png"] = picture((photos / "tops" / "tops1.png").read_bytes(), etag='"1"')
        said = [server.url("/all.csv"), "--out", tmp_path / "c", "--bundle", toy, "--cache", tmp_path / "cache"]
        refused = run(*said)
        assert isinstance(refused.exception, FeedError) and "not a public address" in str(refused.exception)
        done = run(*said, "--allow-private")
        assert done.exit_code == 0, done.output
        assert "1 product, 1 vector" in done.output and "2 rejected" in done.output
        assert "file: address" in done.output and "404 Not Found" in done.output
        product = Catalog.load(tmp_path / "c").product(0)
        assert (product.image, product.link) == ("i/tops.png", server.url("/p/1"))
        assert "1 kept from before" in run(*said, "--allow-private").output
        before = len(list((tmp_path / "cache").rglob("*.fetched")))
        plan = run(server.url("/all.csv"), "--dry-run", "--allow-private", "--cache", tmp_path / "other")
        assert "1 product would be" in plan.output and "404 Not Found" in plan.output
        assert before == 1 and not (tmp_path / "other").exists()


def test_dry_run_says_what_it_understood(photos: Path, tmp_path: Path) -> None:
    rows = "".join(f"{i},missing{i}.jpg,,\n" for i in range(15))
    (photos / "products.csv").write_text(f"id,image,price,gender\n{rows}good,tops/tops1.png,12 EUR,Female\n")
    lines = run(photos, "--dry-run").stdout.splitlines()
    assert lines[0] == "CSV feed: 1 product would be indexed, 1 picture"
    said = {
        cells[0]: cells[1:] for cells in ([cell.strip() for cell in line.split("│")[1:-1]] for line in lines) if cells
    }
    assert said["gender"] == ["1", "17", "women"] and said["price"] == ["1", "17", "12.0"]
    assert said["brand"] == ["0", "", ""]
    # Every rejected row, with its number.
    assert [said[str(row)][0] for row in range(2, 17)] == [str(i) for i in range(15)]


def test_nothing_indexed_is_the_users_mistake(tmp_path: Path, toy: str) -> None:
    (tmp_path / "shop.csv").write_text("id,image\na,missing.jpg\n")
    failed = run(tmp_path / "shop.csv", "--out", tmp_path / "c", "--bundle", toy)
    assert isinstance(failed.exception, FeedError) and failed.exception.exit_status == 2
    assert "nothing could be indexed" in str(failed.exception) and "no such picture" in failed.output
    assert not (tmp_path / "c").exists()


MISTAKES = [
    # (arguments, error, what it says)
    (("missing.csv", "--out", "c"), FeedError, "there is no feed at missing.csv"),
    (("photos",), InputError, "--out CATALOG"),
    (("photos", "--out", "photos", "--bundle", "TOY"), CatalogError, "holds other files"),
    (("photos", "--out", "c", "--format", "xls"), FeedError, "the formats are google-xml"),
    (("photos", "--out", "c", "--column", "id"), InputError, "is not OURS=THEIRS"),
    (("photos", "--out", "c", "--column", "ident=x"), InputError, "is not OURS=THEIRS"),
    (("photos", "--out", "c", "--column", "id=x", "--column", "id=y"), InputError, "names id twice"),
    (("photos", "--out", "c", "--currency", "euros"), InputError, "three-letter code"),
    (("photos", "--out", "c", "--bundle", "TOY", "--link-template", "{price}"), InputError, "may have {url}"),
]


@pytest.mark.parametrize(("arguments", "kind", "message"), MISTAKES)
def test_mistakes_are_told(
    photos: Path,
    tmp_path: Path,
    toy: str,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    kind: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    failed = run(*(toy if argument == "TOY" else argument for argument in arguments))
    assert isinstance(failed.exception, kind) and message in str(failed.exception)


def test_catalog_search(photos: Path, tmp_path: Path, toy: str) -> None:
    (photos / "products.csv").write_text(
        "id,image,type,brand,price\n"
        "red,tops/tops1.png,tops,Ada,10\n"
        "dear,tops/tops1.png,tops,Bo,99\n"
        "blue,Jeans/pants1.png,pants,Ada,20\n"
    )
    run(photos, "--out", tmp_path / "c", "--bundle", toy)
    write_picture(
        tmp_path / "street.png", paint((320, 240), {"tops": (100, 20, 180, 110), "pants": (100, 120, 170, 230)})
    )

    def search(*options: str) -> dict[str, list[str]]:
        arguments = ["search", str(tmp_path / "c"), str(tmp_path / "street.png"), "--bundle", toy, "--json", *options]
        found = CliRunner().invoke(catalog_app, arguments)
        assert found.exit_code == 0, found.exception
        garments = json.loads(found.stdout)["garments"]
        return {garment["type"]: [product["id"] for product in garment["products"]] for garment in garments}

    assert search() == {"tops": ["red", "dear"], "pants": ["blue"]}
    assert search("--brand", "ada") == {"tops": ["red"], "pants": ["blue"]}
    assert search("--price-min", "50") == {"tops": ["dear"], "pants": []}
    assert search("-k", "1") == {"tops": ["red"], "pants": ["blue"]}
    table = CliRunner().invoke(
        catalog_app, ["search", str(tmp_path / "c"), str(tmp_path / "street.png"), "--bundle", toy]
    )
    assert "2 garments" in table.stdout and "dear" in table.stdout


@pytest.mark.skipif(not (bundled() / "card.json").exists(), reason="the packaged bundle is not there")
def test_a_drawn_shop_with_the_packaged_bundle(tmp_path: Path) -> None:
    from matcher.wardrobe.packshot import render_packshot
    from matcher.wardrobe.product import make_wardrobe
    from matcher.wardrobe.shop import write_shop

    types = ("dresses", "footwear", "pants", "tops")
    products = [product for product in make_wardrobe(seed=5, per_type=2) if product.type in types]
    feed = write_shop(tmp_path / "shop", products, size=256)
    done = run(feed, "--out", tmp_path / "c")
    assert done.exit_code == 0 and f"{len(products)} products" in done.output
    assert not check(tmp_path / "c").problems
    catalog = Catalog.load(tmp_path / "c")
    assert catalog.info()["localised"]["detector"] >= 0.5 * len(products)
    # Another photo of the same product finds it again, among the two of its type, far more often than by chance.
    found = 0
    for product in products:
        image, _ = render_packshot(product, size=256, view=1)
        found += product.id == _best_match(tmp_path, image, product.type)
    assert found >= 0.75 * len(products)


def _best_match(folder: Path, image: np.ndarray, type_name: str) -> str:
    from indexer.describe import BundleDescriber
    from matcher.bundle import Bundle

    found = BundleDescriber(Bundle.open()).describe(image, type_name)
    catalog = Catalog.load(folder / "c")
    rows, _ = catalog.search(found.embedding[None], found.type_probs[None], k=1)
    return catalog.product(rows[0, 0]).id


def test_odd_pictures_are_indexed_or_listed(tmp_path: Path, toy: str) -> None:
    folder = tmp_path / "shop"
    colour = paint(SIZE, {"tops": BOX})
    for name, image in {
        "grey.png": cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY),
        "clear.png": np.dstack([colour, np.full(SIZE[::-1], 0, np.uint8)]),
        "deep.png": colour.astype(np.uint16) * 257,
        "dot.png": colour[:1, :1],
        "line.png": colour[:1],
    }.items():
        write_picture(folder / name, image)
    (folder / "bomb.png").write_bytes(_png_header(60_000, 60_000))
    (folder / "text.jpg").write_text("<html>404</html>")
    (folder / "empty.webp").touch()
    done = run(folder, "--out", tmp_path / "c", "--bundle", toy)
    assert done.exit_code == 0, done.exception
    catalog = Catalog.load(tmp_path / "c")
    assert {product.id for product in catalog.products(range(len(catalog)))} == {"grey", "clear", "deep", "dot", "line"}
    assert "3 rejected" in done.output


def _png_header(width: int, height: int) -> bytes:
    """A PNG file that says it is this large."""
    import struct
    import zlib

    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def test_the_kind_is_said_and_stays(photos: Path, tmp_path: Path, toy: str) -> None:
    done = run(photos, "--out", tmp_path / "c", "--bundle", toy)
    assert "kind flat: the largest type has 1 vectors, few enough to compare each" in done.output
    asked = run(photos, "--out", tmp_path / "c", "--bundle", toy, "--kind", "hnsw", "--memory", "0.5")
    assert "kind flat: every type has fewer than the 1000 vectors that hnsw needs (asked for)" in asked.output
    again = run(photos, "--out", tmp_path / "c", "--bundle", toy)
    info = Catalog.load(tmp_path / "c").info()
    assert "that hnsw needs" in again.output and (info["asked"], info["kind"]) == ("hnsw", "flat")
    assert Catalog.load(tmp_path / "c").snapshot().manifest.memory == 1 << 29
    assert "kind flat" in run(photos, "--out", tmp_path / "c", "--bundle", toy, "--kind", "auto").output


@pytest.mark.parametrize("option", [("--kind", "telepathy"), ("--memory", "-1")])
def test_a_senseless_kind_is_refused(photos: Path, tmp_path: Path, toy: str, option: tuple[str, str]) -> None:
    refused = run(photos, "--out", tmp_path / "c", "--bundle", toy, *option)
    assert isinstance(refused.exception, CatalogError) and not (tmp_path / "c").exists()
