"""Means of weights, and bundles of which one model is new."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from matcher.bundle import Bundle
from matcher.errors import ConfigError
from training.bundle_weights import load_weights
from training.checkpoint import load_checkpoint, save_checkpoint
from training.classifier.config import TypesConfig
from training.classifier.model import TypeClassifier
from training.cli import export, train
from training.detector.config import DetectorConfig
from training.detector.export import load_model
from training.detector.model import MatchRCNN
from training.detector.train import Trainer
from training.embedder.config import EmbedderConfig
from training.embedder.model import EmbedderModelConfig
from training.embedder.train import Student
from training.export_bundle import export_bundle, load_embedder
from training.loop import Loop, LoopConfig, TrainingError
from training.mixing import mix
from training.settings import to_table

SMALL = EmbedderConfig(model=EmbedderModelConfig(size=64, dimension=16))


def embedder(folder: Path, seed: int, config: EmbedderConfig = SMALL) -> Path:
    torch.manual_seed(seed)
    return Loop(Student(config), LoopConfig(), folder / str(seed), to_table(config)).save()


def test_a_mix_is_the_weighted_mean_and_can_be_exported_and_mixed_again(tmp_path: Path) -> None:
    one, two = embedder(tmp_path, 1), embedder(tmp_path, 2)
    mixed = mix(one, str(two), 0.25, tmp_path / "mixed")
    a, b, c = (load_checkpoint(path)["averaged"] for path in (one, two, mixed))
    assert a.keys() == c.keys() and any(not torch.equal(a[name], b[name]) for name in a)
    for name in (n for n in a if n.startswith("embedder.")):
        torch.testing.assert_close(c[name], 0.75 * a[name] + 0.25 * b[name])
    assert load_checkpoint(mixed)["mixed"] == {"checkpoint": str(one), "with": str(two), "share": 0.25}
    assert load_embedder(mixed)[0].config.dimension == 16
    again = mix(mixed, str(two), 1.0, tmp_path / "again")
    torch.testing.assert_close(load_checkpoint(again)["averaged"], b)


def test_with_a_bundle_the_shares_are_between_its_weights_and_the_checkpoints(tmp_path: Path) -> None:
    trainer = Trainer(DetectorConfig(start="tiny", processes=1))
    moved = {name: value + 0.5 for name, value in trainer.average.weights.items()}
    save_checkpoint(tmp_path / "last.pt", trainer.state() | {"average": moved})
    shipped = MatchRCNN(trainer.config.model)
    load_weights(shipped, Bundle.open("tiny"), "detector")
    for share in (0.0, 0.4, 1.0):
        mixed = load_model(mix(tmp_path / "last.pt", "tiny", share, tmp_path / f"{share}")).state_dict()
        for name, value in shipped.named_parameters():
            torch.testing.assert_close(mixed[name], value.detach() + 0.5 * (1 - share), msg=name)


def test_other_networks_and_other_files_are_refused(tmp_path: Path) -> None:
    one = embedder(tmp_path, 1)
    wide = embedder(tmp_path, 3, EmbedderConfig(model=EmbedderModelConfig(size=64, dimension=24)))
    types = Loop(TypeClassifier(), LoopConfig(), tmp_path / "types", to_table(TypesConfig(size=64))).save()
    for other in (wide, types):
        with pytest.raises(TrainingError, match="not the same network"):
            mix(one, str(other), 0.5, tmp_path / "out")
    save_checkpoint(tmp_path / "plain.pt", {"step": 1})
    with pytest.raises(TrainingError, match="no weights to average"):
        mix(tmp_path / "plain.pt", str(one), 0.5, tmp_path / "out")
    with pytest.raises(ConfigError, match="neither a checkpoint nor a bundle"):
        mix(one, "nothing-of-this-name", 0.5, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_bundle_with_one_new_model_keeps_the_others_to_the_letter(tmp_path: Path) -> None:
    tiny, out = Bundle.open("tiny"), tmp_path / "bundle"
    arguments = ["--embedder", str(embedder(tmp_path, 1)), "--base", "tiny", "--name", "mine", "--out", str(out)]
    app = __import__("typer").Typer()
    app.command()(export)
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    made = Bundle.open(str(out))
    made.verify()
    assert made.name == "mine 1" and made.model("embedder")["dimension"] == 16
    assert "calibration" not in made.model("embedder"), "thresholds of another embedder say nothing"
    for model in ("detector", "classifier"):
        assert made.model(model) == tiny.model(model)
    for file in ("detector.onnx", "masks.onnx", "classifier.onnx"):
        assert made.card["files"][file] == tiny.card["files"][file]
    assert made.card["files"]["embedder.onnx"] != tiny.card["files"]["embedder.onnx"]
    assert made.card["origin"] == tiny.card["origin"]


def test_what_a_bundle_needs_besides_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="detector.*--base"):
        export_bundle(None, None, embedder(tmp_path, 1), tmp_path / "out")
    tiny = Bundle.open("tiny")
    with pytest.raises(ConfigError, match="folder of its own"):
        export_bundle(None, None, embedder(tmp_path, 1), Path(tiny.folder), base=tiny)
    tiny.verify()


def test_the_command_says_where_the_mix_is(tmp_path: Path) -> None:
    one, two = embedder(tmp_path, 1), embedder(tmp_path, 2)
    ran = CliRunner().invoke(train, ["mix", str(one), "--with", str(two), "--out", str(tmp_path / "m")])
    assert ran.exit_code == 0 and (tmp_path / "m" / "last.pt").is_file()
    assert CliRunner().invoke(train, ["mix", str(one), "--with", str(two), "--share", "1.5"]).exit_code == 2
