"""What the renderer gives to the detector's training: scenes, and photos of all types of product."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from matcher.errors import ConfigError
from matcher.taxonomy import TYPES
from training.data.config import DataConfig
from training.data.drawn import PACKSHOT, open_drawn, open_products, read_products
from training.data.mix import Mix
from training.data.records import Annotated
from training.data.sources import Sources
from training.data.store import Store


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return open_products(tmp_path_factory.mktemp("drawn") / "products", len(TYPES))


def test_every_type_is_photographed_as_often(products: Store) -> None:
    assert sorted(products.types) == [(i,) for i in range(len(TYPES))]
    for i in range(len(products)):
        picture = products[i]
        assert picture.image.shape == (PACKSHOT, PACKSHOT, 3)
        share = (picture.ids == 1).mean()
        assert 0.005 < share < 0.9, (products.name(i), share)
        ground, thing = picture.image[picture.ids == 0].mean(0), picture.image[picture.ids == 1].mean(0)
        assert np.abs(ground - thing).max() > 2, "nothing can be seen where the mask is"


def test_no_photo_is_taken_twice_and_the_same_seed_gives_the_same() -> None:
    first, again = dict(read_products(2)), dict(read_products(2))
    assert first.keys() == again.keys() and len(first) == 2
    for name, picture in first.items():
        assert np.array_equal(picture.image, again[name].image)


def test_they_are_drawn_once(tmp_path: Path) -> None:
    folder = tmp_path / "scenes"
    made = open_drawn(folder, 1)
    stamp = (folder / "pixels.u8").stat().st_mtime_ns
    assert open_drawn(folder, 1).types == made.types
    assert (folder / "pixels.u8").stat().st_mtime_ns == stamp


def test_the_mix_shows_one_product_a_picture(products: Store) -> None:
    mix = Mix(Sources(products, None, None, products=products), {"product": 1.0})
    rng = np.random.default_rng(5)
    samples = [mix.make("portrait", DataConfig().portrait, rng) for _ in range(4)]
    assert all(len(sample.boxes) == 1 for sample in samples)
    assert all(sample.image.shape[:2] == DataConfig().portrait for sample in samples)


def test_products_that_were_not_asked_for_are_named() -> None:
    mix = Mix(Sources(None, None, None), {"product": 1.0})
    with pytest.raises(ConfigError, match="drawn_products"):
        mix.make("portrait", (64, 64), np.random.default_rng(0))


def test_two_that_want_the_same_store_make_it_once(tmp_path: Path) -> None:
    begun, made = threading.Barrier(2), []

    def read() -> Iterator[tuple[str, Annotated]]:
        made.append(1)
        for number in range(20):
            time.sleep(0.005)
            yield str(number), Annotated(np.full((4, 6, 3), number, np.uint8), np.ones((4, 6), np.uint8), (0,))

    def ask() -> list[int]:
        begun.wait()
        store = Store.kept(tmp_path / "store", read)
        return [int(store[i].image[0, 0, 0]) for i in range(len(store))]

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask) for _ in range(2)]
    assert [one.result() for one in asked] == [list(range(20))] * 2 and made == [1]
