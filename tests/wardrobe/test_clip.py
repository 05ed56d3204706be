"""Clips, their truth and their files."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from matcher.wardrobe.clip import Clip, write_clip
from matcher.wardrobe.product import Product, make_wardrobe
from matcher.wardrobe.truth import Appearance, Sight, appearances, run_lengths, sight

SIZE, FPS = (256, 144), Fraction(15000, 1001)


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return make_wardrobe(seed=2, per_type=3)


@pytest.fixture(scope="module")
def clip(products: list[Product]) -> Clip:
    return Clip(3, products, size=SIZE, fps=FPS, seconds=2.4)


@pytest.fixture(scope="module")
def played(clip: Clip) -> list[tuple[np.ndarray, list[Sight]]]:
    return list(clip)


def test_frames_have_the_size_asked_for_and_sights_lie_in_them(clip: Clip, played: list) -> None:
    assert len(played) == len(clip) == 36
    for image, sights in played:
        assert image.shape == (144, 256, 3) and image.dtype == np.uint8
        for one in sights:
            x0, y0, x1, y1 = one.box
            assert one.mask[y0:y1, x0:x1].sum() == one.pixels == one.mask.sum() > 0
            assert 0 < one.share <= 1


def test_every_type_is_worn_and_only_the_shops_products(clip: Clip, products: list[Product]) -> None:
    known = {product.id: product.type for product in products}
    assert {known[product_id] for product_id in clip.worn()} == set(known.values())


def test_equal_seeds_play_equal_frames(products: list[Product], played: list) -> None:
    again = Clip(3, products, size=SIZE, fps=FPS, seconds=2.4)
    other = Clip(4, products, size=SIZE, fps=FPS, seconds=2.4)
    for (image, _), (expected, _), _ in zip(again, played, range(2), strict=False):
        assert np.array_equal(image, expected)
    assert not np.array_equal(next(iter(other))[0], played[0][0])


def test_cuts_change_the_picture_more_than_movement_does(clip: Clip, played: list) -> None:
    small = [image[::8, ::8].astype(float) for image, _ in played]
    change = [float(np.abs(a - b).mean()) for a, b in zip(small, small[1:], strict=False)]
    at_cuts = [change[cut - 1] for cut in clip.cuts()]
    others = [value for frame, value in enumerate(change, 1) if frame not in clip.cuts()]
    assert len(at_cuts) == 3 and min(at_cuts) > 1.5 * max(others)


def test_somebody_is_hidden_while_two_people_cross(clip: Clip, played: list) -> None:
    crossing = played[: min(clip.cuts())]
    shares = {}
    for _, sights in crossing:
        for one in sights:
            shares.setdefault(one.product_id, []).append(one.share)
    assert any(min(values) < 0.5 * max(values) for values in shares.values() if len(values) > 6)


def test_truth_agrees_with_every_frame(clip: Clip, played: list) -> None:
    rows = clip.truth()
    assert rows
    for row in rows:
        first, last = round(row.t_start * FPS), round(row.t_end * FPS) - 1
        ends = [{one.product_id for one in played[frame][1] if one.clear} for frame in (first, last)]
        assert row.product_id in ends[0] & ends[1]
        assert not any(first < cut <= last for cut in clip.cuts())
        if first > 0 and first not in clip.cuts():
            assert row.product_id not in {one.product_id for one in played[first - 1][1] if one.clear}


def test_intervals_by_hand() -> None:
    clear = [{"a"}] * 10 + [set()] * 2 + [{"a", "b"}] * 3 + [{"a"}] * 10
    assert appearances(clear, set(), Fraction(10)) == [
        Appearance("a", Fraction(0), Fraction(5, 2)),
        Appearance("b", Fraction(6, 5), Fraction(3, 2)),
    ]
    cut = appearances(clear, {15}, Fraction(10))
    assert [(row.t_start, row.t_end) for row in cut if row.product_id == "a"] == [
        (Fraction(0), Fraction(3, 2)),
        (Fraction(3, 2), Fraction(5, 2)),
    ]
    assert appearances([{"a"}] * 2, set(), Fraction(10)) == []


def test_a_sliver_is_not_on_screen() -> None:
    mask = np.zeros((100, 100), bool)
    mask[10:20, 10:20] = True
    assert sight("a", "tops", mask, 150.0).clear and not sight("a", "tops", mask, 1000.0).clear
    assert sight("a", "tops", np.zeros((9, 9), bool), 10.0) is None


@pytest.mark.parametrize("seed", range(3))
def test_run_lengths_give_the_mask_back(seed: int) -> None:
    mask = np.random.default_rng(seed).random((7, 5)) < 0.4
    coded = run_lengths(mask)
    values = np.repeat(np.arange(len(coded["counts"])) % 2, coded["counts"])
    assert np.array_equal(values.reshape(mask.shape, order="F").astype(bool), mask)


def test_the_file_holds_every_frame_at_its_own_time(tmp_path: Path, products: list[Product]) -> None:
    clip = Clip(5, products, size=SIZE, fps=FPS, seconds=0.7)
    path = write_clip(tmp_path / "clip.mp4", clip)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.pts * frame.time_base for frame in container.decode(stream)]
    assert times == [number / FPS for number in range(len(clip))]


def test_written_truth(tmp_path: Path, clip: Clip) -> None:
    clip.write_truth(tmp_path)
    with (tmp_path / "truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["product_id"] for row in rows] == [row.product_id for row in clip.truth()]
    assert all(float(row["t_start"]) < float(row["t_end"]) for row in rows)
    coco = json.loads((tmp_path / "truth.json").read_text())
    images = {image["id"] for image in coco["images"]}
    assert images == set(range(0, len(clip), 15))
    for annotation in coco["annotations"]:
        assert annotation["image_id"] in images
        assert sum(annotation["segmentation"]["counts"][1::2]) == annotation["area"]
