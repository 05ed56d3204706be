"""The detector's own masks beside the true ones: found by a real detector, kept, and shown in half of the views."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matcher.bundle import Bundle
from matcher.taxonomy import TYPE_IDS
from tests.toy_bundle import make_bundle, paint
from training.augment.finding import find
from training.data.found_masks import with_found
from training.data.garment_crops import DRAWN, FLAT, SIZE, TRAIN, WORN, Garment, GarmentStore, Row, cut
from training.embedder.views import shop_view, worn_view

from .garment_toys import toy_garment

BOX = (60, 50, 140, 150)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The hand-written bundle, whose detector knows garments by their colour."""
    return make_bundle(tmp_path_factory.mktemp("toy"))


def top(kind: str, shown: dict[str, tuple[int, int, int, int]]) -> Garment:
    """A garment said to be a top that fills `BOX`, in a picture that shows what it shows."""
    mask = np.zeros((200, 200), np.uint8)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 1
    return cut(paint((200, 200), shown), mask, np.array(BOX, np.float32), Row(kind, TRAIN, TYPE_IDS["tops"], kind))


def test_worn_rows_get_the_masks_that_the_detector_gives(bundle: Bundle, tmp_path: Path) -> None:
    larger, elsewhere = {"tops": (60, 50, 140, 180)}, {"tops": (0, 0, 40, 40)}
    rows = [top(WORN, {"tops": BOX}), top(DRAWN, larger), top(WORN, elsewhere), top(FLAT, {"tops": BOX})]
    store = with_found(GarmentStore.write(tmp_path / "s", rows), bundle)
    shares = [(garment.found > 127).sum() / (garment.mask > 127).sum() for garment in (store[i] for i in range(4))]
    assert shares[0] > 0.8 and shares[1] / shares[0] == pytest.approx(1.3, abs=0.03) and shares[2:] == [0, 0]
    assert [garment.mask.tolist() for garment in rows] == [store[i].mask.tolist() for i in range(4)]


def test_masks_are_kept_for_the_next_time(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = with_found(GarmentStore.write(tmp_path / "s", [top(WORN, {"tops": BOX})]), bundle)[0]
    monkeypatch.setattr("training.data.found_masks.Detector", None)
    np.testing.assert_array_equal(with_found(GarmentStore(tmp_path / "s"), bundle)[0].found, first.found)
    assert sorted(path.suffix for path in (tmp_path / "s").iterdir()) == [".json", ".u8", ".u8", ".u8"]


def test_a_detector_that_fails_leaves_nothing_behind(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = GarmentStore.write(tmp_path / "s", [top(WORN, {"tops": BOX})])
    before = sorted(path.name for path in store.folder.iterdir())
    monkeypatch.setattr("training.data.found_masks.found_mask", lambda garment, detector: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        with_found(store, bundle)
    assert sorted(path.name for path in store.folder.iterdir()) == before


def test_half_of_the_views_are_as_the_detector_found_them() -> None:
    garment = toy_garment(1, WORN, TRAIN)
    upper, nothing = garment.mask.copy(), np.zeros_like(garment.mask)
    upper[SIZE // 2 :] = 0

    def crop(seed: int, mask: np.ndarray, found: np.ndarray | None = None) -> list:
        return find(garment.image, mask, np.random.default_rng(seed), 96, 0.05, 0.0, found)[0].tolist()

    true, part = crop(0, garment.mask), crop(0, upper)
    crops = [crop(seed, garment.mask, upper) for seed in range(60)]
    assert all(one in (true, part) for one in crops) and 15 < crops.count(part) < 45
    assert all(crop(seed, garment.mask, nothing) == true for seed in range(10))


def test_worn_views_show_what_was_found_and_shop_views_do_not() -> None:
    garment, other = toy_garment(1, WORN, TRAIN), toy_garment(2, WORN, TRAIN)
    far = np.zeros_like(garment.mask)
    far[:40, :40] = 255
    seen = replace(garment, found=far)
    far_off = 0
    for seed in range(20):
        views = [worn_view(one, other, np.random.default_rng(seed), 96, 0.05)[0] for one in (seen, garment)]
        far_off += np.abs(views[0].astype(int) - views[1]).mean() > 10
    assert 4 <= far_off <= 16
    shown = [shop_view(one, np.random.default_rng(0), 96, 0.05)[1] for one in (seen, garment)]
    np.testing.assert_array_equal(*shown)
