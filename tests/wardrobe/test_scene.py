"""Random scenes and how layers cover one another."""

from __future__ import annotations

import numpy as np
import pytest

from matcher.wardrobe.body import Pose
from matcher.wardrobe.casting import random_person
from matcher.wardrobe.compose import paste
from matcher.wardrobe.dressing import Person, Wearer
from matcher.wardrobe.light import Camera, Light
from matcher.wardrobe.noise import stream
from matcher.wardrobe.product import make_product
from matcher.wardrobe.raster import Layer, placed
from matcher.wardrobe.scene import LEAST_PIXELS, Garment, random_scene, truth

FRAME = (160, 200)


@pytest.fixture(scope="module")
def person() -> Person:
    return random_person(stream("tests"), lambda kind: make_product(kind, kind, 2))


def drawn(person: Person, x: float, yaw: float = 0.0) -> Layer:
    camera = Camera(600.0, (80.0, 60.0), 1.2, 6.0)
    layer = Wearer(person, 128).draw(Pose(), placed(x, 0.0, yaw), camera, Light(), FRAME)
    assert layer is not None
    return layer


@pytest.mark.parametrize("seed", range(4))
def test_boxes_masks_and_types_belong_together(seed: int) -> None:
    scene = random_scene(seed, (320, 180))
    count = len(scene.product_ids)
    assert scene.image.shape == (180, 320, 3) and scene.image.dtype == np.uint8
    assert scene.boxes.shape == (count, 4) and scene.boxes.dtype == np.float32
    assert scene.masks.shape == (count, 180, 320) and scene.masks.dtype == bool
    assert scene.type_ids.shape == (count,) and scene.type_ids.dtype == np.int64
    assert scene.masks.sum(0).max(initial=0) <= 1
    for box, mask in zip(scene.boxes, scene.masks, strict=True):
        ys, xs = np.nonzero(mask)
        assert box.tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        assert len(ys) >= LEAST_PIXELS


def test_equal_seeds_draw_equal_scenes() -> None:
    first, again, other = (random_scene(seed, (192, 108)) for seed in (7, 7, 8))
    assert np.array_equal(first.image, again.image) and np.array_equal(first.masks, again.masks)
    assert first.product_ids == again.product_ids
    assert not np.array_equal(first.image, other.image)


def test_scenes_show_every_type() -> None:
    seen = np.unique(np.concatenate([random_scene(seed, (192, 108)).type_ids for seed in range(14)]))
    assert len(seen) >= 9


def test_who_stands_in_front_takes_the_pixels_of_who_is_behind(person: Person) -> None:
    back, front = drawn(person, 0.0), drawn(person, 0.12)
    image, owners = np.zeros((FRAME[1], FRAME[0], 3), np.float32), np.full((FRAME[1], FRAME[0]), -1, np.int16)
    paste(image, owners, back, 0)
    alone = owners.copy()
    paste(image, owners, front, 100)
    hidden = (alone >= 0) & (alone < 100) & ~((owners >= 0) & (owners < 100))
    x, y = front.origin
    solid = np.zeros_like(hidden)
    solid[y : y + front.owners.shape[0], x : x + front.owners.shape[1]] = front.owners > -2
    assert hidden.sum() > 100
    assert not hidden[~solid].any() and not ((owners >= 0) & (owners < 100))[solid].any()


def test_a_garment_that_is_mostly_covered_is_left_out() -> None:
    owners = np.full((40, 60), -1, np.int16)
    owners[5:15, 5:15], owners[5:15, 30:40] = 0, 1
    garments = [Garment("a", "tops", 0, 100), Garment("b", "pants", 1, 1000), Garment("c", "bags", 2, 50)]
    scene = truth(np.zeros((40, 60, 3), np.uint8), owners, garments)
    assert scene.product_ids == ["a"]
    assert scene.boxes.tolist() == [[5, 5, 15, 15]]


def test_a_product_seen_from_behind_keeps_its_colour_but_not_its_pixels(person: Person) -> None:
    front, behind = drawn(person, 0.0), drawn(person, 0.0, np.pi)
    owner = next(worn.owner for worn in person.outfit if worn.product.type in ("tops", "dresses"))
    means = [layer.colour[layer.owners == owner].mean(0) for layer in (front, behind)]
    assert np.abs(np.sqrt(means[0]) - np.sqrt(means[1])).max() < 0.2
    assert front.owners.shape != behind.owners.shape or not np.array_equal(front.colour, behind.colour)


def test_nothing_is_drawn_for_who_is_out_of_the_frame(person: Person) -> None:
    camera = Camera(600.0, (80.0, 60.0), 1.2, 6.0)
    assert Wearer(person, 64).draw(Pose(), placed(9.0, 0.0, 0.0), camera, Light(), FRAME) is None
