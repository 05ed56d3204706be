"""A Match R-CNN that knows attributes, from training through the real exporters to what a run writes of them."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from fractions import Fraction
from importlib import resources
from pathlib import Path

import cv2
import pytest
import torch

from matcher.bundle import Bundle
from matcher.cli.main import main
from matcher.config import DetectConfig, PipelineConfig
from matcher.errors import BundleError, ConfigError
from matcher.pipeline import Pipeline
from matcher.stages.detect import Detector
from matcher.stages.look import having, keywords_of
from matcher.video.writer import VideoWriter
from tests.toy_shop import write_shop
from tests.training import published
from tests.training.exported import ALWAYS, NAMES, WORDS
from tests.training.test_match_rcnn import small
from training.checkpoint import load_checkpoint, save_checkpoint
from training.match_rcnn.attributes import Attributes, words_of
from training.match_rcnn.config import ModelConfig
from training.match_rcnn.export import DetectGraph, section_of
from training.match_rcnn.files import load_model, save_model
from training.match_rcnn.model import MatchRCNN
from training.match_rcnn.train import MatchRCNNConfig, complete, train
from training.programs.detector import DetectProgram
from training.settings import load_settings


@pytest.fixture
def model(match_rcnn: MatchRCNN) -> MatchRCNN:
    return match_rcnn


@pytest.fixture(scope="module")
def folder(match_rcnn_folder: Path) -> Path:
    return match_rcnn_folder


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Bundle:
    return Bundle.open(folder)


def test_names_of_a_data_set_become_words() -> None:
    assert words_of(NAMES) == ["v-neck", "dolman sleeve", "", ALWAYS, "high waist"]
    twice = ["Above-The-Hip (length)", "above-the-hip, (length)", "above-the-hip (length)", ""]
    assert words_of(twice) == ["above-the-hip length", "above-the-hip", "", ""]


def test_the_card_names_them(bundle: Bundle) -> None:
    assert bundle.model("detector")["attributes"] == {"names": WORDS, "score_threshold": 0.5}


@torch.no_grad()
def test_they_are_those_of_the_model_s_own_head(model: MatchRCNN) -> None:
    vectors = torch.randn(7, model.config.box_width)
    kept = model.heads.attributes(vectors).sigmoid()[:, [0, 1, 3, 4]]
    torch.testing.assert_close(Attributes.of(model)(vectors), kept)


def test_garments_have_them_and_can_be_chosen_by_them(bundle: Bundle) -> None:
    image = published.photo(1)
    pipeline = Pipeline(PipelineConfig(threads=1), bundle=bundle)
    found = pipeline.image(image)
    assert len(found) and found.attributes.shape == (len(found), 4)
    for one in found:
        said = {word for word, chance in zip(WORDS, one.attributes[0], strict=True) if chance >= 0.5}
        assert said == set(keywords_of(one)) & set(WORDS) and ALWAYS in said
        assert keywords_of(one)[0] == one.type_name
    assert len(having(found, [ALWAYS.upper()])) == len(found) and len(having(found, ["dotless"])) == 0
    word = next(w for i, w in enumerate(WORDS) if 0 < (found.attributes[:, i] >= 0.5).sum() < len(found))
    chosen = having(found, [word])
    assert 0 < len(chosen) < len(found) and (chosen.attributes[:, WORDS.index(word)] >= 0.5).all()


def test_they_can_be_switched_off_and_need_no_masks(bundle: Bundle) -> None:
    image = published.photo(1)
    off = Pipeline(PipelineConfig(threads=1, attributes=False), bundle=bundle).image(image)
    assert not off.has("attributes") and off.words is None
    bare = Pipeline(PipelineConfig(threads=1, detect=DetectConfig(masks=False)), bundle=bundle)
    assert not bare.image(image).has("look") and ALWAYS in keywords_of(bare.image(image)[0])


@pytest.fixture(scope="module")
def run_folder(folder: Path, bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `asworn match` writes of a clip of one photo."""
    pytest.importorskip("pyarrow", reason="needs the extra [report]")
    root = tmp_path_factory.mktemp("run")
    write_shop(root / "shop", bundle)
    image = cv2.resize(published.photo(1), (128, 192))
    with VideoWriter(root / "clip.mp4", (128, 192), Fraction(25), Fraction(1, 25)) as writer:
        for number in range(12):
            writer.write(image, number)
    args = ["match", str(root / "clip.mp4"), "--catalog", str(root / "shop"), "--bundle", str(folder)]
    assert main([*args, "--out", str(root / "out"), "--export", "parquet,vtt", "--threads", "1"]) == 0
    return root


def test_a_run_writes_them_everywhere(run_folder: Path) -> None:
    out = run_folder / "out"
    lines = [json.loads(line) for line in (out / "frames.jsonl").read_text().splitlines()]
    garments = [one for line in lines for one in line["garments"]]
    looked_at = [one for one in garments if one["products"]]  # the others' turn has not come yet
    assert looked_at and all(ALWAYS in one["attributes"] for one in looked_at)
    assert all(set(one["attributes"]) <= set(one["keywords"]) for one in garments)
    rows = list(csv.DictReader((out / "sightings.csv").read_text().splitlines()))
    assert rows and all(ALWAYS in row["attributes"].split(", ") for row in rows)
    assert all(ALWAYS in row["keywords"] for row in rows)
    assert ALWAYS in (out / "report.html").read_text()
    assert ALWAYS in (out / "products.vtt").read_text()
    from pyarrow import parquet

    tables = {name: parquet.read_table(out / f"{name}.parquet") for name in ("sightings", "detections")}
    assert tables["sightings"].column("attributes").to_pylist() == [row["attributes"].split(", ") for row in rows]
    assert tables["detections"].column("attributes").to_pylist() == [one["attributes"] for one in garments]


def test_a_run_read_again_has_the_same(run_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run_folder / "out", copy)
    before = (copy / "sightings.csv").read_text()
    assert main(["report", str(copy)]) == 0
    assert (copy / "sightings.csv").read_text() == before
    assert main(["trends", str(copy), "--out", str(tmp_path / "trends")]) == 0
    assert f"attribute,{ALWAYS},all" in (tmp_path / "trends" / "trends.csv").read_text()


def test_image_takes_them_as_keywords(
    folder: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), published.photo(1))
    args = ["image", str(tmp_path / "a.png"), "--bundle", str(folder), "--json"]
    for word, some in ((ALWAYS, True), ("unheard of", False)):
        assert main([*args, "--keyword", word]) == 0
        assert bool(json.loads(capsys.readouterr().out)["garments"]) == some


def test_a_card_that_does_not_fit_is_told(folder: Path, bundle: Bundle) -> None:
    def with_attributes(value: object) -> Bundle:
        section = {**bundle.model("detector"), "attributes": value}
        return Bundle(folder, {**bundle.card, "models": {**bundle.card["models"], "detector": section}})

    for bad in (
        [],
        {},
        {"names": ["a", "a"]},
        {"names": ["a,b"]},
        {"names": [""]},
        {"names": ["a"], "score_threshold": 2},
    ):
        with pytest.raises(BundleError, match="names"):
            Detector(with_attributes(bad))
    with pytest.raises(BundleError, match="not the attributes of its card"):
        Detector(with_attributes({"names": ["one"]}))(published.photo(1))
    silent = Detector(with_attributes(None))
    assert silent.words is None and not silent(published.photo(1)).has("attributes")


def test_a_trained_recipe_brings_its_names(tmp_path: Path) -> None:
    (tmp_path / "fp").mkdir()
    root = published.fashionpedia(tmp_path / "fp")
    path = Path(str(resources.files("configs") / "train_match_rcnn_fashionpedia_types.toml"))
    recipe = load_settings(MatchRCNNConfig, path)
    data = replace(recipe.data, root=root, cache=tmp_path / "cache", short_sides=(64,), max_side=96)
    shape = small(complete(replace(recipe, data=data)).model)
    loop = replace(recipe.loop, steps=2, save_steps=1, warmup=1, log_steps=1)
    checkpoint = train(
        replace(recipe, start="", device="cpu", amp=False, batch=2, model=shape, data=data, loop=loop), tmp_path / "run"
    )
    section = section_of(load_model(checkpoint).config, {})
    assert section["attributes"]["names"] == [f"attribute {i}" for i in (3, 5, 8)]


def test_a_checkpoint_without_names_goes_without_attributes(
    model: MatchRCNN, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_model(tmp_path / "old.pt", model.config, model.state_dict(), "test")
    state = load_checkpoint(tmp_path / "old.pt")
    del state["recipe"]["model"]["attribute_names"]
    save_checkpoint(tmp_path / "old.pt", state)
    old = load_model(tmp_path / "old.pt")
    assert "attributes" not in section_of(old.config, {}) and "have no names" in caplog.text
    assert DetectGraph(old).attributes is None and DetectProgram(old).outputs == ("boxes", "scores", "masks")
    with pytest.raises(ConfigError, match="attribute_names has 1"):
        ModelConfig(attributes=2, attribute_names=("a",))
