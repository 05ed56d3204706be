"""Building a catalogue from pictures: with the hand-written bundle, whose garments are rectangles of pure colours."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.background import foreground, whole
from indexer.build import BuildOptions, NothingIndexed, Tally, build
from indexer.describe import DETECTOR, WHOLE, BundleDescriber, Description
from indexer.feeds.base import FeedContent, Rejected
from indexer.feeds.open import open_feed
from indexer.pictures import Source, load_ahead
from indexer.rejected import as_csv
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.catalog.changes import Changes
from matcher.catalog.check import check
from matcher.catalog.writer import CatalogWriter
from matcher.errors import CatalogError, FeedError
from matcher.stages.detect import Detector, Proposals
from matcher.taxonomy import TYPE_IDS, TYPES
from matcher.types import Product
from tests.toy_bundle import make_bundle, paint

SIZE = (200, 240)
BOX = (50, 60, 150, 200)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The hand-written bundle."""
    return make_bundle(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def describer(bundle: Bundle) -> BundleDescriber:
    """Its models."""
    return BundleDescriber(bundle)


class Counting:
    """The models, counting what they are asked; stops like a user at the n-th picture."""

    def __init__(self, real: BundleDescriber, stop_at: int | None = None) -> None:
        self._real, self._stop_at = real, stop_at
        self.dimension = real.dimension
        self.hints: list[str | None] = []

    def describe(self, image: NDArray[np.uint8], type_hint: str | None) -> Description:
        """Count and pass on."""
        self.hints.append(type_hint)
        if len(self.hints) == self._stop_at:
            raise KeyboardInterrupt
        return self._real.describe(image, type_hint)


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Write a picture file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A feed with good rows, rows that the feed refuses and pictures that cannot be read."""
    folder = tmp_path / "shop"
    for name in ("tops", "pants", "bags"):
        write_picture(folder / f"{name}.png", paint(SIZE, {name: BOX}))
    write_picture(folder / "tops-back.png", paint(SIZE, {"tops": (60, 60, 140, 210)}))
    (folder / "noise.jpg").write_bytes(b"this is no picture")
    (folder / "empty.jpg").touch()
    (folder / "cut.png").write_bytes((folder / "tops.png").read_bytes()[:-60])
    (folder / "products.csv").write_text(
        "id,image,title,type,price\n"
        "shirt,tops.png,Shirt,tops,10\n"
        "jeans,pants.png,Jeans,,20\n"
        "shirt,tops-back.png,Shirt,tops,10\n"
        "ghost,noise.jpg,,,\n"
        "void,empty.jpg,,,\n"
        "half,cut.png,,,\n"
        "bag,bags.png,Bag,bags,\n"
        "bag,noise.jpg,Bag,bags,\n"
        "far,ftp://shop.example/a.jpg,,,\n"
    )
    return folder


def run(shop: Path, out: Path, bundle: Bundle, describer: BundleDescriber | Counting) -> Tally:
    """Index a feed."""
    return build(open_feed(shop).read(), out, bundle, describer)


def test_good_rows_are_indexed_and_bad_ones_listed(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber
) -> None:
    tally = run(shop, tmp_path / "c", bundle, describer)
    catalog = Catalog.load(tmp_path / "c", bundle.embedder_hash)
    products = {product.id: product for product in catalog.products(range(len(catalog)))}
    assert {name: product.type for name, product in products.items()} == {
        "shirt": "tops",
        "jeans": "pants",  # told by the picture
        "bag": "bags",
    }
    assert products["shirt"].image == "tops.png" and products["shirt"].price == 10
    assert (tally.products, tally.vectors, tally.types_told, tally.whole, tally.reused) == (3, 4, 1, 0, 0)
    assert len(catalog.reconstruct(catalog.row_of("shirt"))) == 2
    listed = [(one.row, one.id) for one in tally.rejected]
    assert listed == [(5, "ghost"), (6, "void"), (7, "half"), (9, "bag"), (10, "far")]
    with (tmp_path / "c" / "gen-000001" / "rejected.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [(int(row["row"]), row["id"], row["reason"]) for row in written] == [
        (one.row, one.id, one.reason) for one in tally.rejected
    ]
    assert "noise.jpg" in tally.rejected[0].reason and "ftp: address" in tally.rejected[-1].reason
    assert not check(tmp_path / "c").problems


def test_where_the_garment_was_found_is_recorded(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber
) -> None:
    run(shop, tmp_path / "c", bundle, describer)
    write_picture(shop / "pants.png", paint(SIZE, {}))
    run(shop, tmp_path / "c", bundle, describer)
    catalog = Catalog.load(tmp_path / "c")
    origins = catalog.snapshot().table.origins(catalog.row_of("shirt"))
    assert [(one.image, one.localised) for one in origins] == [("tops.png", DETECTOR), ("tops-back.png", DETECTOR)]
    np.testing.assert_allclose(origins[0].xyxy, BOX, atol=3)
    assert origins[0].type_probs.argmax() == TYPE_IDS["tops"] and 0.5 < origins[0].type_probs.max() < 1
    assert catalog.info()["localised"] == {DETECTOR: 3, WHOLE: 1}


def test_unchanged_pictures_are_not_embedded_again(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber
) -> None:
    first, again, changed, typed, forced = (Counting(describer) for _ in range(5))
    run(shop, tmp_path / "c", bundle, first)
    before = Catalog.load(tmp_path / "c").snapshot()
    tally = run(shop, tmp_path / "c", bundle, again)
    after = Catalog.load(tmp_path / "c").snapshot()
    assert (len(first.hints), len(again.hints), tally.reused, tally.generation) == (4, 0, 4, 2)
    assert after.products(range(3)) == before.products(range(3))
    assert all((after.reconstruct(row) == before.reconstruct(row)).all() for row in range(3))
    write_picture(shop / "pants.png", paint(SIZE, {"pants": (20, 20, 90, 200)}))
    assert run(shop, tmp_path / "c", bundle, changed).reused == 3 and changed.hints == [None]
    # Another type asked for is another question.
    text = (shop / "products.csv").read_text()
    (shop / "products.csv").write_text(text.replace("Jeans,,20", "Jeans,leggings,20"))
    run(shop, tmp_path / "c", bundle, typed)
    assert typed.hints == ["leggings"]
    build(open_feed(shop).read(), tmp_path / "c", bundle, forced, options=BuildOptions(reuse=False))
    assert len(forced.hints) == 4


def test_other_weights_reuse_nothing(shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber) -> None:
    run(shop, tmp_path / "c", bundle, describer)
    other_detector = Bundle(bundle.folder, {**bundle.card, "files": {**bundle.card["files"], "detector.onnx": "0"}})
    counting = Counting(describer)
    assert run(shop, tmp_path / "c", other_detector, counting).reused == 0
    assert len(counting.hints) == 4


def test_a_damaged_catalogue_is_replaced(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber
) -> None:
    run(shop, tmp_path / "c", bundle, describer)
    (tmp_path / "c" / "gen-000001" / "tops.faiss").write_bytes(b"")
    assert run(shop, tmp_path / "c", bundle, describer).generation == 2
    assert not check(tmp_path / "c").problems


@pytest.mark.parametrize("stop_at", [1, 3])
def test_after_ctrl_c_a_build_goes_on(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber, stop_at: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(shop, tmp_path / "c", bundle, Counting(describer, stop_at))
    # Nothing was finished: nothing is left. Else only the work is.
    left = [path.name for path in tmp_path.glob("c/*")]
    assert left == ([] if stop_at == 1 else ["work.sqlite"])
    assert (tmp_path / "c").exists() == (stop_at > 1)
    with pytest.raises(CatalogError, match="no catalogue at"):
        Catalog.load(tmp_path / "c")
    counting = Counting(describer)
    tally = run(shop, tmp_path / "c", bundle, counting)
    assert (len(counting.hints), tally.resumed, tally.vectors) == (5 - stop_at, stop_at - 1, 4)
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["CURRENT", "gen-000001"]


def test_nothing_to_index_changes_nothing(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber
) -> None:
    run(shop, tmp_path / "c", bundle, describer)
    (shop / "products.csv").write_text("id,image\nghost,noise.jpg\nvoid,\n")
    with pytest.raises(NothingIndexed, match="2 rows or pictures were rejected; the first reason: row 2: ") as caught:
        run(shop, tmp_path / "c", bundle, describer)
    assert caught.value.exit_status == 2 and len(caught.value.rejected) == 2
    assert Catalog.load(tmp_path / "c").generation == 1
    with pytest.raises(NothingIndexed, match="no rows"):
        build(FeedContent((), ()), tmp_path / "d", bundle, describer)
    assert not (tmp_path / "d").exists()


def test_an_update_embeds_what_is_new_only(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber
) -> None:
    table = "id,image,title,type,price,availability\n"
    rows = {
        "shirt": "shirt,tops.png,Shirt,tops,10,in stock\n",
        "jeans": "jeans,pants.png,Jeans,pants,20,in stock\n",
        "bag": "bag,bags.png,Bag,bags,30,in stock\n",
    }

    def update(*lines: str, **options: bool) -> tuple[Tally, int]:
        (shop / "products.csv").write_text(table + "".join(lines))
        counting = Counting(describer)
        content = open_feed(shop).read()
        tally = build(content, tmp_path / "c", bundle, counting, options=BuildOptions(**options))
        return tally, len(counting.hints)

    def products() -> dict[str, Product]:
        catalog = Catalog.load(tmp_path / "c")
        assert not check(tmp_path / "c").problems
        return {product.id: product for product in catalog.products(range(len(catalog)))}

    tally, embedded = update(*rows.values())
    assert (tally.changes, embedded) == (Changes(added=3), 3)
    # Another price, sold out, another picture, removed, added.
    tally, embedded = update(
        "shirt,tops.png,Shirt,tops,8,out of stock\n",
        "jeans,bags.png,Jeans,pants,20,in stock\n",
        "new,tops-back.png,,,,\n",
    )
    assert (tally.changes, embedded) == (Changes(added=1, changed=2, removed=1, sold_out=1), 2)
    found = products()
    assert set(found) == {"shirt", "jeans", "new"}
    assert (found["shirt"].price, found["shirt"].availability) == (8, "out of stock")
    assert update(*rows.values())[0].changes == Changes(added=1, changed=2, removed=1)
    # A part of the shop: the others stay, and what cannot be understood stays as it was.
    tally, embedded = update("shirt,tops.png,Shirt,tops,9,in stock\n", "bag,bags.png,Bag,bags,?,\n", partial=True)
    assert (tally.changes, tally.kept, embedded) == (Changes(changed=1, unchanged=2), 2, 0)
    found = products()
    assert {name: product.price for name, product in found.items()} == {"shirt": 9, "jeans": 20, "bag": 30}


def test_a_feed_that_was_cut_off_empties_no_shop(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber
) -> None:
    lines = [f"{i},tops.png\n" for i in range(120)]
    for kept, options in ((120, {}), (61, {}), (120, {}), (10, {"allow_shrink": True})):
        (shop / "products.csv").write_text("id,image\n" + "".join(lines[:kept]))
        build(open_feed(shop).read(), tmp_path / "c", bundle, describer, options=BuildOptions(**options))
        assert len(Catalog.load(tmp_path / "c")) == kept
    (shop / "products.csv").write_text("id,image\n" + "".join(lines))
    run(shop, tmp_path / "c", bundle, describer)
    (shop / "products.csv").write_text("id,image\n" + "".join(lines[:59]))
    with pytest.raises(FeedError, match="would remove 61 of 120 products; is it whole"):
        run(shop, tmp_path / "c", bundle, describer)
    assert len(Catalog.load(tmp_path / "c")) == 120


def test_damaged_work_is_done_again(shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber) -> None:
    for damage in (b"no database", b"", b"SQLite format 3\0" + bytes(5000)):
        root = tmp_path / str(len(damage))
        with pytest.raises(KeyboardInterrupt):
            run(shop, root, bundle, Counting(describer, 4))
        (root / "work.sqlite").write_bytes(damage)
        counting = Counting(describer)
        assert run(shop, root, bundle, counting).products == 3 and len(counting.hints) == 4


def test_one_picture_of_many_listings_is_described_once(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber
) -> None:
    (shop / "products.csv").write_text("id,image\n" + "".join(f"{i},tops.png\n" for i in range(30)))
    counting = Counting(describer)
    tally = run(shop, tmp_path / "c", bundle, counting)
    assert (tally.products, len(counting.hints)) == (30, 1)


def test_a_second_build_is_told_at_once(shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber) -> None:
    counting = Counting(describer)
    with CatalogWriter(tmp_path / "c", describer.dimension, bundle.embedder_hash):
        with pytest.raises(CatalogError, match="being written by process"):
            run(shop, tmp_path / "c", bundle, counting)
    assert not counting.hints


def test_vectors_that_cannot_be_used_are_listed(
    shop: Path, tmp_path: Path, bundle: Bundle, describer: BundleDescriber
) -> None:
    class Broken(Counting):
        def describe(self, image: NDArray[np.uint8], type_hint: str | None) -> Description:
            found = super().describe(image, type_hint)
            return found._replace(embedding=found.embedding * np.nan) if type_hint == "bags" else found

    tally = run(shop, tmp_path / "c", bundle, Broken(describer))
    assert tally.products == 2
    assert Rejected(8, "bag", "bags.png: the embedder gave no usable vector for it") in tally.rejected


def test_rejected_cells_are_no_formulas() -> None:
    text = as_csv((Rejected(2, "=1+1", "@x"), Rejected(3, "a,b", 'say "no"')))
    assert text == 'row,id,reason\n2,\'=1+1,\'@x\n3,"a,b","say ""no"""\n'


class TestDescribe:
    """Which garment of a picture is the product."""

    SCENE = {"tops": (20, 20, 180, 110), "pants": (60, 120, 140, 230), "bags": (5, 190, 30, 230)}

    CASES = [
        # (type asked for, type of the box that is taken)
        ("pants", "pants"),
        ("tops", "tops"),
        ("bags", "bags"),
        ("dresses", "tops"),  # worn at the same place
        ("skirts", "pants"),
        (None, "tops"),  # the largest
    ]

    @pytest.mark.parametrize(("asked", "taken"), CASES)
    def test_the_garment_asked_for_is_taken(self, describer: BundleDescriber, asked: str | None, taken: str) -> None:
        found = describer.describe(paint(SIZE, self.SCENE), asked)
        np.testing.assert_allclose(found.xyxy, self.SCENE[taken], atol=3)
        assert found.localised == DETECTOR
        assert TYPES[int(found.type_probs.argmax())] == taken  # what it looks like, whatever was asked for
        alone = describer.describe(paint(SIZE, {taken: self.SCENE[taken]}), taken)
        np.testing.assert_allclose(found.embedding, alone.embedding, atol=0.02)

    def test_a_type_that_is_not_there_takes_the_whole(self, describer: BundleDescriber) -> None:
        found = describer.describe(paint(SIZE, self.SCENE), "eyewear")
        assert found.localised == WHOLE
        assert TYPES[int(found.type_probs.argmax())] != "eyewear"  # the shop says so, the picture does not
        assert abs(np.linalg.norm(found.embedding) - 1) < 1e-5

    def test_an_unknown_thing_on_a_plain_ground_is_cut_out(self, describer: BundleDescriber) -> None:
        image = paint(SIZE, {}, ground=235)
        image[70:190, 40:160] = (90, 100, 110)
        found = describer.describe(image, None)
        assert found.localised == WHOLE
        np.testing.assert_allclose(found.xyxy, (40, 70, 160, 190), atol=3)
        assert abs(found.type_probs.sum() - 1) < 1e-5

    def test_a_tiny_picture(self, describer: BundleDescriber) -> None:
        for size in ((1, 1), (1, 300), (300, 1)):
            found = describer.describe(paint(size, {}), None)
            assert np.isfinite(found.embedding).all() and found.localised == WHOLE


class TestBackground:
    """The thing on a plain ground."""

    def test_holes_of_the_ground_colour_belong_to_it(self) -> None:
        image = np.full((300, 400, 3), 240, np.uint8)
        image[50:250, 100:300] = 40
        image[120:160, 150:250] = 240  # a white print
        xyxy, mask = foreground(image)
        np.testing.assert_allclose(xyxy, (100, 50, 300, 250), atol=3)
        assert mask.shape == (28, 28) and mask.min() > 0.99

    def test_a_shape_is_masked(self) -> None:
        image = np.full((300, 300, 3), 240, np.uint8)
        cv2.circle(image, (150, 150), 100, (30, 30, 200), -1)
        _, mask = foreground(image)
        assert mask[14, 14] > 0.99 and mask[0, 0] == 0
        assert abs(mask.mean() - np.pi / 4) < 0.05

    def test_a_busy_picture_is_taken_whole(self) -> None:
        noise = np.random.default_rng(1).integers(0, 255, (200, 100, 3), np.uint8)
        busy = cv2.resize(noise, (50, 100), interpolation=cv2.INTER_NEAREST)
        xyxy, mask = whole(busy)
        assert foreground(busy) is None and xyxy.tolist() == [0, 0, 50, 100] and mask.min() == 1

    def test_specks_are_no_garment(self) -> None:
        image = np.full((300, 300, 3), 240, np.uint8)
        image[10:14, 10:14] = 0
        assert foreground(image) is None


def test_what_is_not_found_is_looked_for_in_a_coarser_picture(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, works, describer, real = [], set(), BundleDescriber(bundle), Detector.propose

    def propose(self: Detector, image: NDArray[np.uint8], short_side: int | None = None) -> Proposals:
        asked.append(short_side)
        found = real(self, image, short_side)
        return found if short_side in works else replace(found, scores=np.zeros_like(found.scores))

    monkeypatch.setattr(Detector, "propose", propose)
    random = np.random.default_rng(1)
    busy = np.kron(random.integers(0, 255, (20, 30, 3), np.uint8), np.ones((10, 10, 1), np.uint8))
    plain = np.full((200, 300, 3), 240, np.uint8)
    plain[50:150, 100:200] = 40
    results = {}
    for name, image, side in (("usual", busy, None), ("coarse", busy, 128), ("never", busy, 1), ("plain", plain, 1)):
        asked.clear()
        works.clear()
        works.add(side)
        results[name] = (describer.locate(image, None).localised, list(asked))
    assert results["usual"] == (DETECTOR, [None]) and results["coarse"] == (DETECTOR, [None, 128])
    assert results["never"] == (WHOLE, [None, 128])
    assert results["plain"] == (WHOLE, [None]), "what stands on a plain ground is clear enough"


def test_small_pictures_are_not_scaled_up(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = [], Detector.propose

    def propose(self: Detector, image: NDArray[np.uint8], short_side: int | None = None) -> Proposals:
        asked.append(short_side)
        return real(self, image, short_side)

    monkeypatch.setattr(Detector, "propose", propose)
    card = bundle.card["models"] | {"detector": bundle.model("detector") | {"shop_side": 200}}
    for models in (card, bundle.card["models"]):
        describer = BundleDescriber(Bundle(bundle.folder, bundle.card | {"models": models}))
        for height, width in ((300, 150), (50, 80), (400, 300)):
            box = (5, 5, width - 5, height - 5)
            assert describer.locate(paint((width, height), {"tops": box}), "tops").localised == DETECTOR
    assert asked == [150, 96, None, None, None, None]


def test_pictures_come_in_order_and_threads_end(shop: Path) -> None:
    content = open_feed(shop).read()
    items = [replace(item, row=i) for i in range(40) for item in content.items]
    wanted = [picture for item in items for picture in item.pictures]
    assert [loaded.picture for loaded in load_ahead(items, Source())] == wanted
    early: Iterator = load_ahead(items, Source())
    next(early)
    early.close()
