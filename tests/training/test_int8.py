"""A bundle in 8-bit integers: what it is made of, what it loses, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto

from matcher.bundle import Bundle, bundled
from matcher.cli.commands import as_command
from matcher.errors import InputError
from matcher.wardrobe.scene import random_scene
from tests.toy_bundle import make_bundle, paint
from training.cli_int8 import export_int8
from training.int8.loss import loss_of
from training.int8.record import record

WORN = {"tops": (30, 30, 130, 130), "pants": (30, 140, 130, 260)}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    for seed in range(6):
        cv2.imwrite(str(folder / f"{seed}.jpg"), random_scene(910_000 + seed, (320, 192)).image)
    return folder


def test_what_every_network_is_given_is_kept(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "toy")
    feeds = record(bundle, [paint((320, 300), WORN), paint((320, 300), {})], threads=1)
    assert {name: len(kept) for name, kept in feeds.items()} == {
        "detector": 2,
        "masks": 1,
        "classifier": 1,
        "embedder": 1,
    }
    assert feeds["detector"][0]["image"].dtype == np.uint8 and len(feeds["embedder"][0]["crops"]) == 2


def test_a_bundle_loses_nothing_against_itself_and_is_told_when_it_does(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "toy")
    images = [paint((320, 300), WORN), paint((320, 300), {})]
    same = loss_of(bundle, bundle, images, 1)
    assert same == {
        **{"pictures": 2, "garments": 2, "found_again": 1.0, "extra": 0.0, "mask_iou": 1.0, "same_type": 1.0},
        "cosine": {"mean": pytest.approx(1), "min": pytest.approx(1)},
    }
    assert loss_of(bundle, bundle, images[1:], 1)["found_again"] is None


def test_the_shipped_bundle_in_int8(scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "small"
    out.mkdir()
    (out / "embedder.onnx").write_bytes(b"of an earlier export into the same folder")
    arguments = ["--pictures", str(scenes), "--out", str(out), "--threads", "1"]
    as_command(export_int8, "export-int8").main(arguments, standalone_mode=False)
    assert "garments in 2 other pictures" in capsys.readouterr().out
    made = Bundle.open(out)
    made.verify()
    kinds = {name: {one.data_type for one in onnx.load(out / name).graph.initializer} for name in made.card["files"]}
    assert [name for name, kind in sorted(kinds.items()) if TensorProto.INT8 in kind] == [
        *("classifier.onnx", "detector.onnx", "masks.onnx")
    ]
    assert (out / "embedder.onnx").read_bytes() == (bundled() / "embedder.onnx").read_bytes()
    assert made.embedder_hash == Bundle.open().embedder_hash, "catalogues stay valid"
    card = json.loads((out / "card.json").read_text())
    assert card["name"] == "tiny-int8" and card["models"]["detector"]["int8"]["networks"] == ["detector", "masks"]
    lost = card["models"]["classifier"]["int8"]["measured"]
    assert lost["garments"] > 3 and lost["found_again"] > 0.3 and lost["cosine"]["min"] > 0.99


def test_what_cannot_be_done_is_said(scenes: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> None:
        as_command(export_int8, "export-int8").main([*arguments, "--threads", "1"], standalone_mode=False)

    with pytest.raises(InputError, match="has 0 pictures"):
        run("--pictures", str(tmp_path), "--out", str(tmp_path / "x"))
    with pytest.raises(InputError, match="choose from detector"):
        run("--pictures", str(scenes), "--out", str(tmp_path / "x"), "--network", "tracker")
    with pytest.raises(InputError, match="name another folder"):
        run("--pictures", str(scenes), "--out", str(bundled()))
    blank = tmp_path / "blank"
    blank.mkdir()
    for i in range(3):
        cv2.imwrite(str(blank / f"{i}.png"), np.full((64, 64, 3), 200, np.uint8))
    with pytest.raises(InputError, match="no garment was found"):
        run("--pictures", str(blank), "--out", str(tmp_path / "x"))
    assert not (tmp_path / "x").exists()
