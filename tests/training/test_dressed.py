"""Street photos in other clothes: the truths stay, the cloth does not, and what lies in front stays in front."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matcher.errors import ConfigError
from matcher.taxonomy import TYPE_IDS
from training.data.config import DataConfig
from training.data.mix import Mix
from training.data.records import OTHER, Annotated
from training.data.sources import Sources
from training.data.store import Store
from training.smoke import limited
from training.tryon.dressed import dressed_photos

TOPS, COAT, PANTS, BAG = (TYPE_IDS[name] for name in ("tops", "outerwear", "pants", "bags"))


def person(shade: int, coat: bool) -> Annotated:
    """Somebody of 160x100 in a top (1) and trousers (2) of one grey, with a bag (3), perhaps under a coat (4)."""
    ids = np.zeros((160, 100), np.uint8)
    ids[10:30, 40:60] = OTHER
    ids[30:80, 25:75] = 1
    ids[80:150, 30:70] = 2
    if coat:
        ids[30:90, 15:38] = ids[30:90, 62:85] = 4
    ids[70:95, 60:80] = 3
    image = np.where(ids[..., None] > 0, shade, 90).astype(np.uint8).repeat(3, 2)
    image[ids == 3] = (0, 0, 200)
    return Annotated(image, ids, (TOPS, PANTS, BAG, COAT) if coat else (TOPS, PANTS, BAG))


def single(type_id: int) -> Annotated:
    """A green garment on a white ground."""
    ids = np.zeros((90, 80), np.uint8)
    ids[15:75, 15:65] = 1
    image = np.full((90, 80, 3), 255, np.uint8)
    image[ids == 1] = (40, 200, 40)
    return Annotated(image, ids, (type_id,))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Store]:
    folder = tmp_path_factory.mktemp("stores")
    people = [(f"p{i}.jpg", person(120 + 10 * i, coat=i == 3)) for i in range(4)]
    shop = [("top", single(TOPS)), ("coat", single(COAT))]
    return Store.write(folder / "photos", people), Store.write(folder / "singles", shop)


def test_the_truth_stays_and_the_cloth_changes(stores: tuple[Store, Store]) -> None:
    photos, singles = stores
    by_name = {photos.name(i): photos[i] for i in range(len(photos))}
    green = unchanged = 0
    for name, picture in dressed_photos(*stores, 20):
        before = by_name[name.rsplit("-", 1)[0]]
        np.testing.assert_array_equal(picture.ids, before.ids)
        assert picture.types == before.types and picture.image.dtype == np.uint8
        far = (before.ids == 0) | (before.ids == OTHER)
        assert np.abs(picture.image[far].astype(int) - before.image[far]).mean() < 3, "the ground or the skin changed"
        top = picture.image[30:70, 40:60].reshape(-1, 3).mean(0)
        green += bool(top[1] > top[0] + 30 and top[1] > top[2] + 30)
        unchanged += np.array_equal(picture.image, before.image)
    assert 3 <= green <= 17, "tops come from shops about every third time"
    assert unchanged <= 5


def test_open_coats_come_twice_and_a_number_gives_the_same_picture_again(stores: tuple[Store, Store]) -> None:
    first = list(dressed_photos(*stores, 5))
    assert sorted(name.split(".")[0] for name, _ in first) == ["p0", "p1", "p2", "p3", "p3"]
    again = list(dressed_photos(*stores, 5))
    for (name, picture), (same, other) in zip(first, again, strict=True):
        assert name == same
        np.testing.assert_array_equal(picture.image, other.image)


def test_what_nobody_else_wears_stays_as_it_is(tmp_path: Path) -> None:
    alone = Store.write(tmp_path / "photos", [("p", person(150, coat=False))])
    dress = Store.write(tmp_path / "singles", [("d", single(TYPE_IDS["dresses"]))])
    for _, picture in dressed_photos(alone, dress, 6):  # the only garments of these types are the person's own
        assert picture.image[alone[0].ids == 1].std(0).max() < 60 and picture.types == alone[0].types
        assert not (picture.image == (40, 200, 40)).all(2).any(), "somebody wears a dress in place of a top"


def test_the_mix_shows_them_as_photos_and_in_frames(stores: tuple[Store, Store], tmp_path: Path) -> None:
    photos, singles = stores
    dressed = Store.write(tmp_path / "dressed", dressed_photos(photos, singles, 5))
    black = Store.write(
        tmp_path / "grounds", [("g", Annotated(np.zeros((160, 100, 3), np.uint8), photos[0].ids * 0, ()))]
    )
    mix = Mix(Sources(photos, black, singles, dressed=dressed), {"dressed": 1.0, "frame": 1.0})
    for shape, canvas in (("portrait", (224, 160)), ("wide", (176, 320))):
        samples = [mix.make(shape, canvas, np.random.default_rng(seed)) for seed in range(6)]
        assert all(sample.image.shape[:2] == canvas for sample in samples)
        assert sum(len(sample.boxes) for sample in samples) >= 6
    with pytest.raises(ConfigError, match=r"data\.dressed"):
        Mix(Sources(photos, black, singles), {"dressed": 1.0}).make("portrait", (64, 64), np.random.default_rng(0))


def test_a_smoke_run_makes_a_few() -> None:
    assert limited(DataConfig(dressed=1600), 20).dressed == 20
