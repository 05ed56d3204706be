"""Colours, patterns and cuts of garments that were drawn with them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from matcher.attributes.colours import colour_shares
from matcher.attributes.describe import LOOK, Attributes, describe, keywords, matches, measure
from matcher.attributes.palette import COLOURS, SHOWN
from matcher.boxes import crop_square, mask_on_crop
from matcher.wardrobe.packshot import render_packshot
from matcher.wardrobe.product import Product, make_product
from training.attributes.examples import PATTERN_OF, length_of, sleeves_of

FULL = np.ones((128, 128), np.float32)


def crop_of(product: Product, view: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A product's photo as the pipeline cuts it."""
    image, mask = render_packshot(product, 256, view)
    ys, xs = np.nonzero(mask)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)
    part = mask[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].astype(np.float32)
    coarse = cv2.resize(part, (28, 28), interpolation=cv2.INTER_AREA)
    return crop_square(image, box, 128, 0.0), mask_on_crop(coarse, box, 128, 0.0)


def sheet(name: str) -> NDArray[np.uint8]:
    """Cloth of a colour: a sixth darker than the colour's own swatch, as cloth is in pictures."""
    colour = cv2.cvtColor(np.full((128, 128, 3), SHOWN[name], np.float32) / 255, cv2.COLOR_BGR2LAB)
    colour[..., 0] *= 0.87
    return (cv2.cvtColor(colour, cv2.COLOR_LAB2BGR) * 255).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("name", COLOURS)
def test_a_sheet_of_a_colour_is_called_so(name: str) -> None:
    found = describe(sheet(name), FULL)
    assert found.colours == (name,)
    assert found.pattern == "plain"


@pytest.mark.parametrize("name", ["red", "blue", "green", "grey", "pink"])
def test_a_fold_is_no_second_colour(name: str) -> None:
    light = np.linspace(0.72, 1.0, 128)[None, :, None] * np.ones((128, 1, 1))
    assert describe((sheet(name) * light).astype(np.uint8), FULL).colours[0] == name
    assert len(describe((sheet(name) * light).astype(np.uint8), FULL).colours) == 1


def test_shares_follow_the_areas_and_sum_to_one() -> None:
    picture = sheet("white")
    picture[:32] = SHOWN["navy"]
    shares = colour_shares(picture.reshape(-1, 3))
    assert shares.sum() == pytest.approx(1, abs=1e-5)
    assert shares[COLOURS.index("navy")] == pytest.approx(0.25, abs=0.03)
    assert describe(picture, FULL).colours == ("white", "navy")


def test_what_is_outside_the_mask_is_not_seen() -> None:
    picture, mask = sheet("red"), np.zeros((128, 128), np.float32)
    picture[:, 64:] = SHOWN["green"]
    mask[:, :64] = 1
    assert describe(picture, mask).colours == ("red",)


def test_nothing_is_said_of_nothing() -> None:
    nothing = describe(sheet("red"), np.zeros((128, 128), np.float32), "tops")
    assert nothing == Attributes()
    assert keywords("", nothing) == []
    assert measure(sheet("red"), np.zeros((128, 128), np.float32)).shape == (LOOK,)


def test_the_same_picture_is_described_alike_every_time() -> None:
    picture = np.random.default_rng(4).integers(0, 255, (128, 128, 3), np.uint8)
    assert np.array_equal(measure(picture, FULL, "tops"), measure(picture, FULL, "tops"))


@pytest.mark.parametrize(("width", "words"), [(9, "striped"), (14, "striped")], ids=["narrow", "wide"])
def test_stripes(width: int, words: str) -> None:
    picture = sheet("white")
    for y in range(0, 128, 2 * width):
        picture[y : y + width] = SHOWN["navy"]
    assert describe(picture, FULL).pattern == words
    assert describe(np.ascontiguousarray(picture.transpose(1, 0, 2)), FULL).pattern == words


def test_words_agree_with_what_was_drawn() -> None:
    """Products that the models were not fitted to; most must be right, and what is said must be more often right."""
    right, said, cuts, cut_right = 0, 0, 0, 0
    products = [
        make_product(f"{kind}-{n}", kind, "held out", n) for n in range(14) for kind in ("tops", "skirts", "pants")
    ]
    for n, product in enumerate(products):
        found = describe(*crop_of(product, n % 3), product.type)
        if not product.emblem[0]:
            said += bool(found.pattern)
            right += found.pattern == PATTERN_OF[product.fabric.pattern]
        for word, truth in ((found.sleeves, sleeves_of(product.cut)), (found.length, length_of(product.cut))):
            cuts, cut_right = cuts + bool(word and truth), cut_right + bool(word and word == truth)
    assert said >= 30 and right >= 0.8 * said
    assert cuts >= 30 and cut_right >= 0.85 * cuts


def test_keywords_and_what_they_match() -> None:
    look = Attributes(("red", "white"), (0.6, 0.3), "striped", "long sleeves", "")
    words = keywords("tops", look)
    assert words == ["tops", "red", "white", "striped", "long sleeves"]
    assert matches(words, ["Red", " striped "]) and matches(words, [])
    assert not matches(words, ["red", "dotted"])


def test_types_without_sleeves_have_none() -> None:
    picture = sheet("blue")
    assert describe(picture, FULL, "bags").sleeves == "" and describe(picture, FULL, "bags").length == ""
    assert describe(picture, FULL, "footwear").pattern == ""
