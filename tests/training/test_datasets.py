"""Every data set in its published form: identities, boxes, masks, attributes, splits."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import ConfigError, InputError
from matcher.taxonomy import TYPE_IDS, TYPES
from training.datasets.masks import decode
from training.datasets.pixels import moments, read_pixels
from training.datasets.records import GALLERY, QUERY, SHOP, STREET, TEST, TRAIN, VALIDATION, VIDEO, Picture
from training.datasets.registry import SETS, open_set
from training.datasets.report import Report
from training.datasets.taxonomy import packaged

from . import published
from .published import HEIGHT, PANTS, TOP, WIDTH


def read(name: str, root: Path, split: str = TRAIN) -> tuple[list[Picture], Report]:
    report = Report()
    return list(open_set(name, root).pictures(split, report)), report


def clean(name: str, root: Path, split: str = TRAIN) -> list[Picture]:
    pictures, report = read(name, root, split)
    assert not report.problems, report.problems
    return pictures


def types(picture: Picture) -> list[str | None]:
    return [None if i.type_id is None else TYPES[i.type_id] for i in picture.instances]


def drawn(picture: Picture, row: int) -> np.ndarray:
    return decode(picture.instances[row].segmentation, HEIGHT, WIDTH)


def filled(box: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[box[1] : box[3], box[0] : box[2]] = 1
    return mask


@pytest.mark.parametrize("name", SETS)
def test_names_are_unique_and_pixels_can_be_read(name: str, tmp_path: Path) -> None:
    root = published.WRITERS[name](tmp_path / "set")
    found = open_set(name, root)
    names = [p.name for split in found.splits for p in found.pictures(split, Report())]
    assert names and len(names) == len(set(names))
    for picture in found.pictures(found.splits[0], Report()):
        image = read_pixels(picture)
        assert image.dtype == np.uint8 and image.ndim == 3
        if picture.size is not None:
            assert image.shape[:2] == picture.size[::-1]


@pytest.mark.parametrize("name", SETS)
def test_a_folder_without_the_set_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no|has no folders") as error:
        open_set(name, tmp_path)
    assert "\n" not in str(error.value)


def test_a_set_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose one of deepfashion2"):
        open_set("deepfashion3", tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        open_set("coco", tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["deepfashion2", "street2shop", "fashionpedia", "imaterialist2019", "ccp", "fashion_mnist"]
)
def test_every_category_of_a_set_has_a_type_or_is_ignored(name: str) -> None:
    taxonomy = packaged(name)
    known = [taxonomy.type_id(category) for category in taxonomy.categories]
    assert len(taxonomy.categories) == len(set(taxonomy.categories))
    assert any(type_id is not None for type_id in known)


def test_types_agree_between_the_two_forms_of_clothing_co_parsing() -> None:
    assert packaged("ccp").type_id("jumper") == TYPE_IDS["dresses"]
    assert packaged("ccp").type_id("skin") is None


def test_deepfashion2(tmp_path: Path) -> None:
    pictures = clean("deepfashion2", published.deepfashion2(tmp_path))
    assert [p.role for p in pictures[:3]] == [STREET, STREET, SHOP]
    assert [i.identity for p in pictures[:3] for i in p.instances] == ["df2-1-1", "", "df2-1-1", "", "df2-1-1", ""]
    first = pictures[0].instances[0]
    assert types(pictures[0]) == ["tops", "pants"] and first.box == TOP
    assert len(first.landmarks) == 25 and first.landmarks[2] == (17.0, 12.0, 2)
    assert first.conditions == {"scale": 2, "occlusion": 1, "zoom_in": 1, "viewpoint": 2}
    assert np.array_equal(drawn(pictures[0], 0), filled(TOP))
    assert len(clean("deepfashion2", tmp_path, VALIDATION)) == 6
    (test,) = clean("deepfashion2", tmp_path, TEST)
    assert test.instances == ()


def test_styles_of_a_pair_are_products_of_their_own_and_style_0_is_none(tmp_path: Path) -> None:
    published.deepfashion2(tmp_path, pairs=1)
    for stem, style in (("000002", 2), ("000003", 0)):
        published.write_json(tmp_path / "train" / "annos" / f"{stem}.json", published.df2_note(1, "shop", style))
    assert [p.instances[0].identity for p in clean("deepfashion2", tmp_path)] == ["df2-1-1", "df2-1-2", ""]


def test_street2shop(tmp_path: Path) -> None:
    pictures, report = read("street2shop", published.street2shop(tmp_path))
    street, *shop = pictures
    assert street.role == STREET and types(street) == ["pants", "tops"]
    assert sorted(i.identity for i in street.instances) == ["s2s-100", "s2s-200"]
    assert {i.identity: i.box for i in street.instances} == {"s2s-100": TOP, "s2s-200": PANTS}
    assert [(p.role, p.instances[0].identity, p.instances[0].box) for p in shop] == [
        (SHOP, "s2s-200", None),
        (SHOP, "s2s-100", None),
        (SHOP, "s2s-100", None),
    ]
    assert dict(report.reasons) == {"photo not downloaded": 1, "box without area": 1}
    assert any("http://shop.example/5.jpg" in str(problem) for problem in report.problems)


def test_the_gallery_of_street2shop_is_every_shop_photo(tmp_path: Path) -> None:
    pictures = clean("street2shop", published.street2shop(tmp_path), TEST)
    assert [(p.part, p.instances[0].identity) for p in pictures] == [
        (QUERY, "s2s-102"),
        (GALLERY, "s2s-200"),
        (GALLERY, "s2s-100"),
        (GALLERY, "s2s-102"),
        (GALLERY, "s2s-100"),
    ]


def test_consumer_to_shop(tmp_path: Path) -> None:
    published.consumer2shop(tmp_path)
    consumer, shop = clean("deepfashion-consumer", tmp_path)
    assert (consumer.role, shop.role) == (STREET, SHOP)
    assert consumer.instances[0].identity == shop.instances[0].identity == "consumer2shop-id_1"
    assert types(consumer) == ["tops"] and consumer.instances[0].box == TOP
    query, gallery = clean("deepfashion-consumer", tmp_path, VALIDATION)
    assert (query.part, gallery.part, types(query)) == (QUERY, GALLERY, ["leggings"])
    # The shop photos of validation are in the gallery of the test; a folder that is not listed has its group's type.
    test = clean("deepfashion-consumer", tmp_path, TEST)
    assert [(p.part, *types(p)) for p in test] == [(GALLERY, "leggings"), (QUERY, "dresses"), (GALLERY, "dresses")]


def test_in_shop(tmp_path: Path) -> None:
    published.inshop(tmp_path)
    (train,) = clean("deepfashion-inshop", tmp_path)
    assert types(train) == ["dresses"] and train.instances[0].attributes == (0,)
    assert len(train.instances[0].landmarks) == 8 and train.instances[0].landmarks[0] == (20.0, 30.0, 2)
    query, gallery = clean("deepfashion-inshop", tmp_path, TEST)
    assert (query.part, gallery.part) == (QUERY, GALLERY)
    assert query.instances[0].identity == gallery.instances[0].identity
    assert query.instances[0].attributes == (1, 2)


def test_fashionpedia(tmp_path: Path) -> None:
    pictures = clean("fashionpedia", published.fashionpedia(tmp_path))
    assert len(pictures) == 3 and len(clean("fashionpedia", tmp_path, VALIDATION)) == 2
    assert types(pictures[0]) == ["tops", None]  # a sleeve is no garment
    assert [i.attributes for i in pictures[0].instances] == [(3, 5), ()]
    assert np.array_equal(drawn(pictures[0], 0), filled(TOP))
    assert np.array_equal(drawn(pictures[0], 1), filled(PANTS))
    data = open_set("fashionpedia", tmp_path)
    next(data.pictures(TRAIN, Report()))
    assert data.attributes == {3: "attribute 3", 5: "attribute 5", 8: "attribute 8"}


def test_imaterialist(tmp_path: Path) -> None:
    pictures = clean("imaterialist2019", published.imaterialist(tmp_path))
    assert len(pictures) == 3 and types(pictures[0]) == ["tops", "pants"]
    assert pictures[0].instances[0].attributes == (11, 91) and pictures[0].instances[1].attributes == ()
    assert pictures[0].instances[0].box == TOP and pictures[0].instances[1].box == PANTS
    assert np.array_equal(drawn(pictures[0], 0), filled(TOP))
    assert pictures[0].size == (WIDTH, HEIGHT)


def test_movingfashion(tmp_path: Path) -> None:
    pictures = clean("movingfashion", published.movingfashion(tmp_path))
    shop, *video = [p for p in pictures if p.instances[0].identity == "mf-1"]
    assert shop.role == SHOP and len(video) == 10 and {p.role for p in video} == {VIDEO}
    assert [p.time for p in video] == [Fraction(i, 5) for i in range(10)]
    # Frame i of the clip is of the grey 10 + 12 i, at 10 frames a second.
    greys = [read_pixels(p).mean() for p in video]
    assert greys == pytest.approx([10 + 24 * i for i in range(10)], abs=4)
    assert {p.instances[0].conditions["source"] for p in pictures} == {1, 2}


def test_moments_past_the_end_are_the_last_frame(tmp_path: Path) -> None:
    published.write_clip(tmp_path / "clip.mp4", 1, frames=3)
    frames = moments(tmp_path / "clip.mp4", [Fraction(0), Fraction(1, 10), Fraction(9)])
    assert [f.mean() for f in frames] == pytest.approx([10, 22, 34], abs=4)


def test_clothing_co_parsing(tmp_path: Path) -> None:
    pictures = clean("ccp", published.ccp(tmp_path))
    assert [p.name for p in pictures] == ["0002", "0003"]
    assert sorted(types(pictures[0])) == ["pants", "tops"]
    rows = {i.category: (i.box, decode(i.segmentation, HEIGHT, WIDTH)) for i in pictures[0].instances}
    assert rows["t-shirt"][0] == TOP and np.array_equal(rows["t-shirt"][1], filled(TOP))
    assert [p.name for p in clean("ccp", tmp_path, VALIDATION)] == ["0011"]


@pytest.mark.parametrize("npz", [False, True])
def test_fashion_mnist(tmp_path: Path, npz: bool) -> None:
    pictures = clean("fashion-mnist", published.fashion_mnist(tmp_path, npz=npz))
    assert len(pictures) == 30 and len(clean("fashion-mnist", tmp_path, TEST)) == 10
    assert types(pictures[4]) == ["outerwear"] and types(pictures[9]) == ["footwear"]
    assert pictures[0].pixels.shape == (28, 28, 3)


def test_plain_coco_and_folders(tmp_path: Path) -> None:
    pictures, report = read("coco", published.plain_coco(tmp_path / "coco"))
    assert len(pictures) == 2 and types(pictures[0]) == ["tops", None]
    assert [str(p) for p in report.problems] == ["instances_train2017.json: the category 'sleeve' is not known"]
    pictures = clean("folders", published.folders(tmp_path / "folders"))
    assert sorted(p.instances[0].category for p in pictures) == ["Jeans", "t-shirt", "tops"]
    assert sorted(t for p in pictures for t in types(p)) == ["pants", "tops", "tops"]
    assert len(clean("folders", tmp_path / "folders", VALIDATION)) == 3


def test_a_taxonomy_of_ones_own(tmp_path: Path) -> None:
    published.write_photo(tmp_path / "set" / "Oberteile" / "1.jpg", 1)
    (tmp_path / "own.toml").write_text('[types]\ntops = ["Oberteile"]\n')
    (picture,) = open_set("folders", tmp_path / "set", tmp_path / "own.toml").pictures(TRAIN, Report())
    assert types(picture) == ["tops"]
