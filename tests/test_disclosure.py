"""The label of a catalogue that must stand wherever its links are shown."""

from __future__ import annotations

import csv
import json
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.settings import Settings
from matcher.catalog.writer import CatalogWriter
from matcher.cli.main import main
from matcher.sinks.draw import disclosures, draw
from matcher.sinks.html import render_report
from matcher.stages.embed import Embedder
from matcher.types import EXACT, NONE, Garments, Product
from matcher.video.writer import VideoWriter
from tests.test_pipeline import walk
from tests.test_sinks_draw import canvas, garment
from tests.test_sinks_report import data_of, facts, sighting
from tests.toy_bundle import COLOURS, DIMENSION, make_bundle, paint

LABEL = "Ad: we earn <from> purchases"


def write_shop(path: Path, bundle: Bundle, label: str) -> Path:
    """Products of each colour; hats have no link."""
    embedder, box = Embedder(bundle), np.array([[50, 50, 250, 250]], np.float32)
    settings = Settings("{url}?utm_source=tv", label)
    with CatalogWriter(path, DIMENSION, bundle.embedder_hash, bundle.name, settings=settings) as writer:
        for name in COLOURS:
            product = Product(
                f"p-{name}", title=name, type=name, link="" if name == "hats" else "https://shop.example/1"
            )
            writer.add(product, embedder.embed(paint((300, 300), {name: (50, 50, 250, 250)}), box))
        writer.commit()
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with bundle `toy`, catalogues `with` and `without` a label, a clip and a picture."""
    folder = tmp_path_factory.mktemp("shop")
    bundle = make_bundle(folder / "toy")
    write_shop(folder / "with", bundle, LABEL)
    write_shop(folder / "without", bundle, "")
    frames = list(islice(walk(), 12))
    with VideoWriter(folder / "walk.mp4", frames[0].size, 1 / frames[0].time_base, frames[0].time_base) as writer:
        for frame in frames:
            writer.write(frame.image, frame.pts)
    cv2.imwrite(str(folder / "look.png"), frames[0].image)
    return folder


def test_products_of_the_catalogue_have_it_with_their_links(shop: Path) -> None:
    catalog = Catalog.load(shop / "with")
    for product in catalog.products(range(len(catalog))):
        assert product.disclosure == ("" if product.type == "hats" else LABEL)
    table = catalog.snapshot().table
    assert not any(table.stored(row).disclosure for row in range(len(table)))
    without = Catalog.load(shop / "without")
    assert not any(product.disclosure for product in without.products(range(len(without))))


def test_the_report_has_it_beside_each_link() -> None:
    shown, other = Product("a", link="https://shop.example/1", disclosure=LABEL), Product("b", disclosure=LABEL)
    page = render_report([sighting(shown), sighting(other)], facts())
    assert page.count('<p class="disclosure">Ad: we earn &lt;from&gt; purchases</p>') == 1  # above all
    labels = {product["id"]: (product["link"], product["disclosure"]) for product in data_of(page)["products"]}
    assert labels["a"] == ("https://shop.example/1", LABEL)  # the page's script puts it beside each link
    assert 'disclosure">' not in render_report([sighting(other)], facts())


def test_pictures_have_it_where_a_product_is_named() -> None:
    def listing(row: int) -> Product:
        return Product("a", title="Shirt", disclosure=LABEL)

    plain = draw(canvas(), garment(tier=EXACT), lambda row: Product("a", title="Shirt"))
    labelled = draw(canvas(), garment(tier=EXACT), listing)
    changed = np.argwhere((plain != labelled).any(-1))
    height = canvas().shape[0]
    assert len(changed) and changed[:, 0].min() > 0.9 * height  # below, and nothing else
    assert disclosures(garment(tier=EXACT), listing) == [LABEL]
    assert disclosures(garment(tier=NONE), listing) == [] == disclosures(Garments.empty(), listing)
    for size in ((3, 3), (2000, 12), (12, 2000)):
        tiny = np.zeros((*size, 3), np.uint8)
        assert draw(tiny, garment(tier=EXACT), listing).shape == tiny.shape


@pytest.mark.parametrize("name", ["with", "without"])
def test_all_results_of_a_video_have_it(shop: Path, tmp_path: Path, name: str) -> None:
    said = ["--catalog", str(shop / name), "--bundle", str(shop / "toy"), "--out", str(tmp_path / "out")]
    assert main(["match", str(shop / "walk.mp4"), *said]) == 0
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    with (tmp_path / "out" / "sightings.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    label = LABEL if name == "with" else ""
    assert run["catalogue"].get("disclosure", "") == label
    assert rows and {row["disclosure"] for row in rows if row["link"]} == {label}
    assert ("Ad: we earn" in (tmp_path / "out" / "report.html").read_text()) == bool(label)


@pytest.mark.parametrize("name", ["with", "without"])
def test_pictures_and_searches_have_it(shop: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    said = [str(shop / "look.png"), "--catalog", str(shop / name), "--bundle", str(shop / "toy")]
    label = LABEL if name == "with" else ""
    assert main(["image", *said]) == 0
    assert (LABEL in capsys.readouterr().out) == bool(label)
    assert main(["image", *said, "--json"]) == 0
    assert json.loads(capsys.readouterr().out).get("disclosure", "") == label
    assert main(["catalog", "search", said[2], said[0], "--bundle", said[4], "--json"]) == 0
    products = [p for one in json.loads(capsys.readouterr().out)["garments"] for p in one["products"] if p["link"]]
    assert products and {one.get("disclosure", "") for one in products} == {label}
