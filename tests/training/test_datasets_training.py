"""Any data set goes into the trainers of the detector, the types and the embedder through the recipe's `[data]`."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from configs import __file__ as configs
from matcher.errors import ConfigError, InputError
from matcher.taxonomy import TYPE_IDS
from training.checkpoint import load_checkpoint
from training.classifier.config import TypesConfig
from training.classifier.train import train as train_types
from training.data.config import DataConfig
from training.data.garment_crops import FLAT, TRAIN, TRYON, VALIDATION, WORN
from training.data.records import tight_boxes
from training.datasets.annotated import AnnotatedSet, open_index
from training.datasets.garments import open_set_garments
from training.datasets.index import PictureIndex, trainable
from training.datasets.records import Picture
from training.datasets.registry import SETS, open_set
from training.datasets.report import Report
from training.detector.batches import Batches
from training.detector.config import DetectorConfig, ModelConfig, load_config
from training.detector.train import train as train_detector
from training.embedder.config import EmbedderConfig
from training.embedder.evaluate import show
from training.embedder.model import EmbedderModelConfig
from training.embedder.sampler import PairSource
from training.embedder.train import train as train_embedder
from training.export_bundle import load_types
from training.loop import LoopConfig
from training.measure import measure_types
from training.mixture import GarmentData, open_garments
from training.settings import load_settings

from . import published
from .published import HEIGHT, PANTS, TOP, WIDTH


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return published.deepfashion2(tmp_path / "set")


@pytest.fixture
def no_imagenet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.trunk.CropTrunk.load_imagenet", lambda self, path: None)
    monkeypatch.setattr("training.detector.trunk.MobileNetV2Trunk.load_imagenet", lambda self, path: None)


@pytest.mark.parametrize("name", SETS)
def test_an_index_gives_the_records_back(name: str, tmp_path: Path) -> None:
    data = open_set(name, published.WRITERS[name](tmp_path / "set"))
    split = data.splits[0]
    index = PictureIndex.write(tmp_path / "index", data.pictures(split, Report()))
    again = pickle.loads(pickle.dumps(index))  # as loader processes get it
    for i, picture in enumerate(data.pictures(split, Report())):
        found = again[i]
        if picture.pixels is not None:
            found, picture = replace(found, path=None), replace(picture, pixels=None)
        assert found == picture


def test_an_index_is_whole_or_absent(tmp_path: Path) -> None:
    def breaks() -> None:
        yield from ()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PictureIndex.write(tmp_path / "index", breaks())
    with pytest.raises(ConfigError, match="not a finished index"):
        PictureIndex(tmp_path / "index")


def test_two_processes_may_make_the_same_index(root: Path, tmp_path: Path) -> None:
    def read() -> Iterator[Picture]:
        return open_set("deepfashion2", root).pictures(TRAIN, Report())

    def meanwhile() -> Iterator[Picture]:
        yield next(read())
        PictureIndex.write(tmp_path / "index", read())

    assert len(PictureIndex.write(tmp_path / "index", meanwhile())) == 12  # the first to finish wins
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_pictures_for_the_detector(root: Path, tmp_path: Path) -> None:
    pictures = AnnotatedSet(open_index("deepfashion2", root, TRAIN, tmp_path, 0), HEIGHT)
    assert len(pictures) == 12 and pictures.types[0] == (TYPE_IDS["tops"], TYPE_IDS["pants"])
    found = pictures[0]
    assert found.image.shape == (HEIGHT, WIDTH, 3) and found.types == pictures.types[0]
    assert np.array_equal(tight_boxes(found.ids, np.array([1, 2], np.uint8)), [TOP, PANTS])
    square = AnnotatedSet(open_index("deepfashion2", root, TRAIN, tmp_path, 0), 51, square=True)
    assert square[0].image.shape == (51, 51, 3)
    limited = AnnotatedSet(open_index("deepfashion2", root, TRAIN, tmp_path, 5), HEIGHT)
    assert len(limited) == 5


def test_a_cache_of_another_folder_is_not_taken_for_this_one(root: Path, tmp_path: Path) -> None:
    open_index("deepfashion2", root, TRAIN, tmp_path)
    other = published.deepfashion2(tmp_path / "other", pairs=1)
    with pytest.raises(ConfigError, match="set data.cache to a folder for"):
        open_index("deepfashion2", other, TRAIN, tmp_path)


def test_what_an_index_says_of_garments_is_what_their_pictures_hold(tmp_path: Path) -> None:
    for name in ("street2shop", "movingfashion", "fashionpedia"):
        index = open_index(name, published.WRITERS[name](tmp_path / name), TRAIN, tmp_path)
        for i, garments in enumerate(index.garments):
            assert garments == [(g.type_id, g.segmentation is not None) for g in trainable(index[i])]
    assert not any(
        index.garments[0] for index in [open_index("movingfashion", tmp_path / "movingfashion", TRAIN, tmp_path)]
    )


def test_boxes_alone_become_masks_only_when_asked_to(tmp_path: Path) -> None:
    index = open_index("street2shop", published.street2shop(tmp_path / "set"), TRAIN, tmp_path)
    with pytest.raises(ConfigError, match="box_masks = true"):
        AnnotatedSet(index, HEIGHT)
    pictures = AnnotatedSet(index, HEIGHT, box_masks=True)
    assert len(pictures) == 4
    assert {tuple(b) for b in tight_boxes(pictures[0].ids, np.array([1, 2], np.uint8))} == {TOP, PANTS}


def test_nothing_usable_is_said_in_one_line(tmp_path: Path) -> None:
    root = published.deepfashion2(tmp_path / "set", pairs=1)
    for path in (root / "train" / "annos").iterdir():
        path.write_text("{")
    with pytest.raises(InputError, match="asworn data check deepfashion2"):
        open_index("deepfashion2", root, TRAIN, tmp_path)
    with pytest.raises(ConfigError, match="no split 'holiday'"):
        open_index("deepfashion2", root, "holiday", tmp_path)


def test_damaged_pictures_do_not_stop_a_training(root: Path, tmp_path: Path) -> None:
    pictures = AnnotatedSet(open_index("deepfashion2", root, TRAIN, tmp_path), HEIGHT)
    (root / "train" / "image" / "000002.jpg").write_bytes(b"\xff\xd8\xff")
    published.write_photo(root / "train" / "image" / "000012.jpg", 1)
    assert np.array_equal(pictures[1].image, pictures[2].image)
    garments = open_set_garments("deepfashion2", root, tmp_path / "cut")
    assert len(garments.find(TRAIN)) == 22
    for path in (root / "train" / "image").iterdir():
        path.write_bytes(b"")
    with pytest.raises(ConfigError, match="are damaged; asworn data check"):
        pictures[0]


def test_a_set_without_garments_is_said_in_one_line(tmp_path: Path) -> None:
    root = published.fashionpedia(tmp_path / "set")
    for path in (root / "annotations").iterdir():
        path.write_text(path.read_text().replace("top, t-shirt, sweatshirt", "pocket"))
    with pytest.raises(ConfigError, match="no garment of a known type to train on"):
        open_set_garments("fashionpedia", root, tmp_path)


def test_garments_of_pairs(root: Path, tmp_path: Path) -> None:
    garments = open_set_garments("deepfashion2", root, tmp_path)
    rows = [garments.rows[i] for i in garments.find(TRAIN)]
    assert len(rows) == 24 and len(garments.find(VALIDATION)) == 12
    top = [r for r in rows if r.identity == "df2-1-1"]
    assert [r.kind for r in top] == [TRYON, TRYON, FLAT] and {r.type_id for r in top} == {TYPE_IDS["tops"]}
    assert {r.kind for r in rows if r.type_id == TYPE_IDS["pants"]} == {WORN, FLAT}
    source = PairSource(garments)
    pair = source.pair("df2-1-1", np.random.default_rng(0))
    assert garments.rows[pair.shop].kind == FLAT and garments.rows[pair.worn].kind == TRYON
    mask = garments[0].mask
    assert mask.max() == 255 and 0.2 < (mask > 127).mean() < 0.8


def test_sets_without_a_validation_split_hold_products_back(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for i in range(40):
        published.write_photo(root / "tops" / f"{i}.jpg", i)
    garments = open_set_garments("folders", root, tmp_path)
    held = {garments.rows[i].identity for i in garments.find(VALIDATION)}
    assert 1 <= len(held) <= 10 and not held & {garments.rows[i].identity for i in garments.find(TRAIN)}


DETECTOR = """
processes = 1
batch = 2
steps = 2
warmup = 1
save_minutes = 100.0
weights = "none.npz"

[model]
width = 16
box_width = 32
mask_width = 16
mask_convolutions = 1
sampled_boxes = 16

[data]
set = "{name}"
root = "{root}"
cache = "{cache}"
limit = 3
height = 96
portrait = [96, 64]
box_masks = {box_masks}
"""


@pytest.mark.usefixtures("no_imagenet")
@pytest.mark.parametrize("name", ["deepfashion2", "fashionpedia", "imaterialist2019", "ccp", "street2shop"])
def test_two_steps_of_the_detector(name: str, tmp_path: Path) -> None:
    root = published.WRITERS[name](tmp_path / "set")
    boxes = "true" if name == "street2shop" else "false"
    (tmp_path / "recipe.toml").write_text(
        DETECTOR.format(name=name, root=root, cache=tmp_path / "cache", box_masks=boxes)
    )
    last = train_detector(load_config(tmp_path / "recipe.toml"), tmp_path / "run")
    assert load_checkpoint(last)["step"] == 2


def test_a_mix_that_a_data_set_cannot_give_is_refused(root: Path, tmp_path: Path) -> None:
    data = DataConfig(set="deepfashion2", root=root, cache=tmp_path, mix={"photo": 1.0, "frame": 0.5})
    with pytest.raises(ConfigError, match="frame, which a public data set does not give"):
        Batches(DetectorConfig(data=data, model=ModelConfig()), 0)


@pytest.mark.usefixtures("no_imagenet")
def test_two_steps_of_the_type_classifier(root: Path, tmp_path: Path) -> None:
    loop = LoopConfig(steps=2, warmup=1, log_steps=1)
    data = GarmentData(set="deepfashion2", root=root, cache=tmp_path / "cache", limit=6)
    config = TypesConfig(size=32, batch=4, data=data, loop=loop)
    state = torch.load(train_types(config, tmp_path / "run"), weights_only=True)
    assert state["step"] == 2 and state["recipe"]["data"]["set"] == "deepfashion2"

    model, _ = load_types(tmp_path / "run" / "last.pt")
    figures = measure_types(model, open_garments(data), config)["measured"]
    assert set(figures["tryon"]["per_type"]) == {"tops"} and figures["tryon"]["count"] == 4


@pytest.mark.usefixtures("no_imagenet")
def test_two_steps_of_the_embedder(root: Path, tmp_path: Path) -> None:
    loop = LoopConfig(steps=2, warmup=1, log_steps=5)
    data = GarmentData(set="deepfashion2", root=root, cache=tmp_path / "cache")
    config = EmbedderConfig(
        garments=4, train_size=64, data=data, loop=loop, model=EmbedderModelConfig(size=64, dimension=16)
    )
    last = train_embedder(config, tmp_path / "run")
    assert torch.load(last, weights_only=True)["step"] == 2


def test_held_out_products_are_queries_and_gallery(root: Path, tmp_path: Path) -> None:
    queries, gallery = show(open_set_garments("deepfashion2", root, tmp_path), 64, 0.1)
    # Two products, and six pairs of trousers of nobody in particular, each a garment of its own.
    assert len(queries) == 8 and list(gallery.names[:2]) == ["df2-1001-1", "df2-1002-1"]


@pytest.mark.parametrize(
    ("model", "name", "kind"),
    [
        ("detector", "deepfashion2", DetectorConfig),
        ("detector", "fashionpedia", DetectorConfig),
        ("types", "deepfashion2", TypesConfig),
        ("embedder", "deepfashion2", EmbedderConfig),
    ],
)
def test_recipes_for_public_sets_can_be_read(model: str, name: str, kind: type) -> None:
    config = load_settings(kind, Path(configs).parent / f"train_{model}_{name}.toml")
    assert config.data.set == name and name in SETS
