"""Bundles: weights are used only with their card, and only if they are what the card says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from matcher.bundle import Bundle, write_card
from matcher.errors import BundleError
from matcher.stages.classify import Classifier
from matcher.stages.detect import Detector
from tests.toy_bundle import make_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_bundle(tmp_path / "toy").folder


def edit_card(folder: Path, **changes: object) -> None:
    path = folder / "card.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}), encoding="utf-8")


def test_a_whole_bundle_opens(folder: Path) -> None:
    bundle = Bundle.open(folder)
    assert bundle.name == "toy 1" and len(bundle.hash) == 64
    assert bundle.embedder_hash == bundle.card["files"]["embedder.onnx"]


def test_the_hash_changes_with_any_file(folder: Path) -> None:
    before = Bundle.open(folder)
    with (folder / "masks.onnx").open("ab") as file:
        file.write(b"\0")
    write_card(folder, {key: before.card[key] for key in ("name", "version", "licence", "origin", "models")})
    after = Bundle.open(folder)
    assert after.hash != before.hash and after.embedder_hash == before.embedder_hash


def test_damage_is_noticed(folder: Path) -> None:
    data = bytearray((folder / "detector.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "detector.onnx").write_bytes(bytes(data))
    with pytest.raises(BundleError, match="detector.onnx is damaged"):
        Bundle.open(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "masks.onnx").unlink()
    with pytest.raises(BundleError, match="lacks masks.onnx"):
        Bundle.open(folder)


@pytest.mark.parametrize("text", ["{", "[1]", '{"format": 99, "files": {}, "models": {}}', '{"format": 1}'])
def test_a_bad_card_is_refused(folder: Path, text: str) -> None:
    (folder / "card.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleError, match="card"):
        Bundle.open(folder)


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle at"):
        Bundle.open(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["../detector.onnx", "/etc/passwd", "a/b.onnx"])
def test_names_that_leave_the_folder_are_refused(folder: Path, name: str) -> None:
    edit_card(folder, files={name: "0" * 64})
    with pytest.raises(BundleError, match="outside"):
        Bundle.open(folder)


def test_other_types_are_refused(folder: Path) -> None:
    models = Bundle.open(folder).card["models"]
    models["detector"]["types"] = ["shirts"]
    edit_card(folder, models=models)
    with pytest.raises(BundleError, match="other types"):
        Detector(Bundle.open(folder))


def test_a_model_that_is_not_there_is_named(folder: Path) -> None:
    models = Bundle.open(folder).card["models"]
    del models["classifier"]
    edit_card(folder, models=models)
    with pytest.raises(BundleError, match="no classifier"):
        Classifier(Bundle.open(folder))
