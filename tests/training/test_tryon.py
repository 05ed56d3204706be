"""Try-on: a garment lands on the person, keeps its colours, takes the wearer's light, and hides behind what hid it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from matcher.errors import InputError
from matcher.taxonomy import TYPE_IDS
from training.data.garment_crops import TRAIN, TRYON
from training.data.records import OTHER
from training.tryon.pairs import Wardrobe, tryon_crops
from training.tryon.records import ShopGarment, Wearer
from training.tryon.relight import pattern, shading
from training.tryon.sheets import write_sheet
from training.tryon.spans import measure
from training.tryon.synthesise import try_on
from training.tryon.warp import FAMILIES, GRID, grid_maps, outline_maps

TOPS, PANTS = TYPE_IDS["tops"], TYPE_IDS["pants"]


def wearer(grey: int = 120, fold: int = 0) -> Wearer:
    """A person of blocks: a top with an arm before it, and trousers."""
    image = np.full((400, 260, 3), 200, np.uint8)
    ids = np.zeros((400, 260), np.uint8)
    cv2.rectangle(ids, (80, 80), (180, 220), 1, -1)
    cv2.rectangle(ids, (85, 221), (175, 380), 2, -1)
    cv2.rectangle(ids, (80, 140), (180, 160), OTHER, -1)  # the arm
    image[ids == 1] = grey
    image[:, 80:110][ids[:, 80:110] == 1] = grey - fold
    image[ids == 2] = 60
    image[ids == OTHER] = (120, 150, 210)
    return Wearer(image, ids, (TOPS, PANTS), "someone.jpg")


def shirt(upper: tuple[int, int, int] = (30, 30, 200), lower: tuple[int, int, int] = (200, 60, 30)) -> ShopGarment:
    """A shirt with short sleeves on white, red above and blue below."""
    image = np.full((200, 200, 3), 250, np.uint8)
    mask = np.zeros((200, 200), np.uint8)
    cv2.rectangle(mask, (60, 30), (140, 170), 255, -1)
    cv2.rectangle(mask, (20, 30), (180, 70), 255, -1)
    image[mask > 0] = upper
    image[100:][mask[100:] > 0] = lower
    return ShopGarment(image, mask, TOPS, "shirt")


@pytest.mark.parametrize("family", FAMILIES)
def test_the_garment_replaces_the_worn_one_and_nothing_else(family: str) -> None:
    person = wearer()
    worn = try_on(person, 1, shirt(), np.random.default_rng(0), family)
    assert worn is not None and worn.identity == "shirt" and worn.wearer == "someone.jpg" and worn.type_id == TOPS
    assert np.array_equal(worn.mask, person.ids == 1)
    assert list(worn.box) == [80, 80, 181, 221]
    far = cv2.dilate(worn.mask, np.ones((9, 9), np.uint8)) == 0
    assert np.array_equal(worn.image[far], person.image[far])
    arm = cv2.erode((person.ids == OTHER).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert np.array_equal(worn.image[arm], person.image[arm])


@pytest.mark.parametrize("family", FAMILIES)
def test_red_stays_above_blue_and_no_ground_is_pulled_in(family: str) -> None:
    for seed in range(6):
        worn = try_on(wearer(), 1, shirt(), np.random.default_rng(seed), family)
        above, below = worn.image[95, 100:160].astype(int), worn.image[205, 100:160].astype(int)
        assert (above[:, 2] > above[:, 0] + 40).mean() > 0.9
        assert (below[:, 0] > below[:, 2] + 40).mean() > 0.9
        inner = cv2.erode(worn.mask, np.ones((7, 7), np.uint8)) > 0
        assert (worn.image[inner].min(1) < 150).mean() > 0.99  # the shop's white ground is nowhere


def test_folds_of_the_worn_garment_fall_on_the_new_one() -> None:
    plain = shirt((90, 90, 90), (90, 90, 90))
    worn = try_on(wearer(150, fold=70), 1, plain, np.random.default_rng(1))
    assert worn.image[100:130, 85:100].mean() < 0.8 * worn.image[100:130, 130:170].mean()


def test_the_pattern_of_the_worn_garment_does_not_show_through() -> None:
    person = wearer()
    stripes = person.image.copy()
    stripes[::6][person.ids[::6] == 1] = 20
    stripes[1::6][person.ids[1::6] == 1] = 20
    mask = (person.ids == 1).astype(np.uint8)
    assert pattern(stripes, mask) > 0.06 > pattern(person.image, mask)
    field = shading(stripes, mask, np.random.default_rng(0))[90:130, 100:160]
    assert field.std() < 0.05


def test_too_small_a_garment_is_refused() -> None:
    person = wearer()
    person.ids[person.ids == 1] = 0
    person.ids[100:110, 100:110] = 1
    assert try_on(person, 1, shirt(), np.random.default_rng(0)) is None


def test_spans_leave_sleeves_out() -> None:
    mask = shirt().mask
    trunk, whole = measure(mask, sleeves=True), measure(mask, sleeves=False)
    assert trunk.half.max() < 50 < whole.half[2:10].max()
    assert np.allclose(trunk.middle, 100, atol=4)
    assert (trunk.top, trunk.height) == (30, 141)


def test_both_laws_map_the_trunk_onto_the_trunk_and_differ() -> None:
    target, source = np.zeros((120, 100), np.uint8), np.zeros((90, 90), np.uint8)
    target[20:110, 30:70], source[10:80, 20:70] = 1, 1
    grid = grid_maps(target.shape, measure(target, False), measure(source, False), np.random.default_rng(0))
    outline = outline_maps(target, source, np.random.default_rng(0))
    for x, y in (grid, outline):
        assert x[65, 50] == pytest.approx(45, abs=8) and y[65, 50] == pytest.approx(45, abs=12)
        assert y[30, 50] < y[60, 50] < y[100, 50] and x[65, 35] < x[65, 65]
    assert np.abs(grid[0] - outline[0])[20:110, 30:70].mean() > 0.5


def test_crops_carry_the_garments_identity_and_split() -> None:
    crops = list(tryon_crops([shirt()], Wardrobe([wearer()]), 3, TRAIN, 7))
    assert [crop.row.identity for crop in crops] == ["shirt"] * 3
    assert {(crop.row.kind, crop.row.split, crop.row.type_id) for crop in crops} == {(TRYON, TRAIN, TOPS)}
    again = list(tryon_crops([shirt()], Wardrobe([wearer()]), 3, TRAIN, 7))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(crops, again, strict=True))
    assert not np.array_equal(crops[0].image, crops[1].image)


def test_nobody_is_dressed_in_a_type_that_nobody_wears() -> None:
    hat = ShopGarment(shirt().image, shirt().mask, TYPE_IDS["hats"], "hat")
    assert Wardrobe([wearer()]).dress(hat, np.random.default_rng(0), GRID) is None


def test_a_sheet_without_data_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give the folder with clothing/ and ccp/"):
        write_sheet(tmp_path, tmp_path / "sheet.jpg")
