"""Composed scenes: boxes are tight on what can be seen, and what lies in front hides what is behind."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matcher.taxonomy import TYPE_IDS
from training.data.backgrounds import drawn_background, plain_background, remove_person
from training.data.clothing import segment
from training.data.cutouts import Cutout, Scene, cut_out, paste
from training.data.finish import finish
from training.data.frames import compose_frame
from training.data.garments import compose_flatlay, compose_garment, compose_mosaic
from training.data.photometric import degrade
from training.data.photos import compose_photo, view_matrix
from training.data.records import OTHER, Annotated, Sample
from training.data.rooms import furnished_room
from training.data.sources import Sources
from training.data.store import Store


def person(seed: int = 0) -> Annotated:
    """A stick person of 100x60: hat (1), top (2) with a bag (3) in front, trousers (4), skin between."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, (100, 60, 3), np.uint8)
    ids = np.zeros((100, 60), np.uint8)
    ids[8:20, 22:38] = OTHER
    ids[4:10, 20:40] = 1
    ids[20:50, 15:45] = 2
    ids[40:56, 35:50] = 3
    ids[50:95, 20:35] = 4
    return Annotated(image, ids, (5, 10, 0, 8))


def single(seed: int = 0) -> Annotated:
    rng = np.random.default_rng(seed)
    ids = np.zeros((80, 60), np.uint8)
    ids[15:70, 10:50] = 1
    return Annotated(rng.integers(0, 255, (80, 60, 3), np.uint8), ids, (2,))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    folder = tmp_path_factory.mktemp("stores")
    grounds = [(f"g{i}", Annotated(person(i).image, np.zeros((100, 60), np.uint8), ())) for i in range(2)]
    return Sources(
        Store.write(folder / "photos", [(f"p{i}", person(i)) for i in range(3)]),
        Store.write(folder / "backgrounds", grounds),
        Store.write(folder / "garments", [(f"s{i}", single(i)) for i in range(3)]),
    )


def check(sample: Sample, canvas: tuple[int, int]) -> None:
    assert sample.image.shape == (*canvas, 3) and sample.image.dtype == np.uint8
    assert len(sample.boxes) == len(sample.type_ids) == len(sample.instances)
    for box, value in zip(sample.boxes.astype(int), sample.instances, strict=True):
        x0, y0, x1, y1 = box
        mask = sample.ids == value
        assert mask[y0:y1, x0:x1].sum() == mask.sum() > 0, "the box leaves pixels of its garment out"
        for edge in (mask[y0, x0:x1], mask[y1 - 1, x0:x1], mask[y0:y1, x0], mask[y0:y1, x1 - 1]):
            assert edge.any(), "the box is not tight"


@pytest.mark.parametrize("kind", ["photo", "frame", "garment", "flatlay", "mosaic"])
def test_every_kind_gives_boxes_tight_on_their_masks(sources: Sources, kind: str) -> None:
    canvas = (96, 160)
    total = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        if kind == "photo":
            sample = compose_photo(sources.photos[0], canvas, rng)
        elif kind == "frame":
            sample = compose_frame(sources.photos, sources.backgrounds, canvas, rng)
        else:
            make = {"garment": compose_garment, "flatlay": compose_flatlay, "mosaic": compose_mosaic}[kind]
            sample = make(sources, canvas, rng)
        check(sample, canvas)
        total += len(sample.boxes)
    assert total >= 8, "hardly any garment survives composing"


def test_a_picture_follows_from_its_seed(sources: Sources) -> None:
    a, b = (compose_frame(sources.photos, sources.backgrounds, (96, 160), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(a.image, b.image)
    np.testing.assert_array_equal(a.boxes, b.boxes)


def block(value: int, type_id: int) -> Cutout:
    return Cutout(np.full((20, 20, 3), value, np.uint8), np.ones((20, 20), np.uint8), (type_id,))


def test_what_is_pasted_later_hides_what_is_behind() -> None:
    scene = Scene.on(np.zeros((60, 80, 3), np.uint8))
    rng = np.random.default_rng(0)
    paste(scene, block(200, 4), 10, 10, 1.0, False, 0.0, rng)
    paste(scene, block(100, 9), 20, 10, 1.0, False, 0.0, rng)
    sample = finish(scene.image, scene.ids, scene.types, np.array(scene.full))
    np.testing.assert_array_equal(sample.boxes, [[10, 10, 20, 30], [20, 10, 40, 30]])
    np.testing.assert_array_equal(sample.type_ids, [4, 9])


@pytest.mark.parametrize(("x", "kept"), [(10, 1), (27, 2)])
def test_what_is_mostly_hidden_is_no_truth(x: int, kept: int) -> None:
    scene = Scene.on(np.zeros((60, 80, 3), np.uint8))
    rng = np.random.default_rng(0)
    paste(scene, block(200, 4), 10, 10, 1.0, False, 0.0, rng)
    paste(scene, block(100, 9), x + 2, 10, 1.0, False, 0.0, rng)  # leaves 10 % or 95 % of the first in sight
    assert len(finish(scene.image, scene.ids, scene.types, np.array(scene.full)).boxes) == kept


def test_a_strap_too_thin_to_be_seen_does_not_stretch_the_box_of_a_bag() -> None:
    ids = np.zeros((60, 80), np.uint8)
    ids[30:50, 20:40] = 1  # the bag,
    for row in range(30):
        ids[row, 49 - row : 51 - row] = 1  # its strap,
    ids[55, 10:70] = 2  # a belt, thin all over
    image, types, full = np.zeros((60, 80, 3), np.uint8), [TYPE_IDS["bags"], TYPE_IDS["belts"]], np.array([460.0, 60.0])
    ids[54:58, 10:40] = 2
    np.testing.assert_array_equal(finish(image, ids, types, full).boxes, [[20, 0, 51, 50], [10, 54, 70, 58]])
    bodies = finish(image, ids, types, full, bodies=True)
    np.testing.assert_array_equal(bodies.boxes, [[20, 30, 40, 50], [10, 54, 70, 58]])
    np.testing.assert_array_equal(bodies.ids, ids)


def test_a_paste_beyond_the_frame_is_cut_by_it() -> None:
    scene = Scene.on(np.zeros((60, 80, 3), np.uint8))
    paste(scene, block(200, 4), -10, 50, 1.0, True, 0.0, np.random.default_rng(0))
    sample = finish(scene.image, scene.ids, scene.types, np.array(scene.full))
    np.testing.assert_array_equal(sample.boxes, [[0, 50, 10, 60]])
    paste(scene, block(200, 4), 200, 200, 1.0, False, 0.0, np.random.default_rng(0))
    assert scene.types == [4]


def test_a_person_keeps_skin_and_all_garments_when_cut_out() -> None:
    cutout = cut_out(person())
    assert set(np.unique(cutout.ids)) == {0, 1, 2, 3, 4, OTHER}
    alone = cut_out(person(), only=3)
    assert alone.types == (0,) and alone.ids.shape == (16, 15) and alone.ids.all()


def test_view_matrix_brings_the_centre_to_the_middle() -> None:
    for flip in (False, True):
        matrix = view_matrix((100, 60), (200, 300), 1.5, (0.25, 0.5), flip, 0.0)
        x, y = matrix @ (15.0, 50.0, 1.0)
        assert abs(x - 150) <= 1 and y == pytest.approx(100)


def test_stored_pictures_come_back_as_they_were(tmp_path) -> None:
    Store.write(tmp_path / "s", [("a", person(1)), ("b", single(2))])
    store = Store(tmp_path / "s")
    assert len(store) == 2 and store.name(1) == "b" and store.types == [(5, 10, 0, 8), (2,)]
    np.testing.assert_array_equal(store[0].image, person(1).image)
    np.testing.assert_array_equal(store[1].ids, single(2).ids)


def test_the_person_is_gone_from_a_background() -> None:
    image = np.full((160, 120, 3), 200, np.uint8)
    ids = np.zeros((160, 120), np.uint8)
    ids[60:110, 45:75], image[60:110, 45:75] = 1, 10
    assert remove_person(Annotated(image, ids, (1,))).min() > 150


def test_a_garment_is_found_on_a_plain_ground_and_an_empty_ground_is_refused() -> None:
    rng = np.random.default_rng(0)
    image = rng.normal(225, 3, (200, 160, 3)).clip(0, 255).astype(np.uint8)
    truth = np.zeros((200, 160), bool)
    truth[40:160, 40:120] = True
    image[truth] = rng.normal((40, 60, 150), 10, (truth.sum(), 3)).clip(0, 255).astype(np.uint8)
    mask = segment(image) > 0
    assert (mask & truth).sum() / (mask | truth).sum() > 0.9
    image[truth] = (225, 225, 225)
    assert segment(np.full((200, 160, 3), 225, np.uint8)) is None


def test_backgrounds_and_light_keep_shape_and_kind() -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        for make in (drawn_background, plain_background, furnished_room):
            image = make((96, 160), rng)
            degraded = degrade(image, rng, darken=0.5)
            assert image.shape == degraded.shape == (96, 160, 3) and degraded.dtype == np.uint8


def test_things_stand_in_rooms_and_a_seed_gives_the_same_room() -> None:
    rooms = [furnished_room((96, 160), np.random.default_rng(seed)) for seed in range(20)]
    np.testing.assert_array_equal(rooms[0], furnished_room((96, 160), np.random.default_rng(0)))
    # Sharp edges across the rows, which neither light nor grain make, in nearly all of them.
    steps = [np.abs(np.diff(cv2.blur(room, (3, 3)).astype(int), axis=1)).max() for room in rooms]
    assert np.mean(np.array(steps) > 15) > 0.8
