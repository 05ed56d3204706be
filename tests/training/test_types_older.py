"""The older type classifiers: built from recipes, trained by the one trainer, exported like ours, reported on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from configs import __file__ as configs
from matcher.errors import ConfigError
from matcher.runtime.load import load_session
from matcher.taxonomy import TYPE_IDS, TYPES
from training.classifier import train as training
from training.classifier.config import TypesConfig
from training.classifier.evaluate import predict
from training.classifier.model import TypeProbabilities
from training.classifier.networks import NETWORKS, known_types, make_network
from training.classifier.report import report_of, write_report
from training.classifier.views import TypeSampler
from training.data.garment_crops import PHOTO, TRAIN, Garments
from training.export_bundle import load_types
from training.export_crops import export_classifier
from training.loop import LoopConfig
from training.settings import load_settings

from .garment_toys import toy_garments

OLDER = sorted(set(NETWORKS) - {"mobilenetv2"})
THREE = ("dresses", "pants", "tops")  # those of the toy garments


@pytest.fixture(scope="module")
def garments(tmp_path_factory: pytest.TempPathFactory) -> Garments:
    return toy_garments(tmp_path_factory.mktemp("garments"))


def recipe(network: str, **changes: object) -> TypesConfig:
    loop = LoopConfig(steps=3, warmup=1, log_steps=1, save_steps=2, rate=2e-3)
    return replace(TypesConfig(network=network, size=28, batch=9, loop=loop), **changes)


def crops(rows: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rows)
    return torch.randint(0, 256, (rows, size, size, 3), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("name", ["grey28", "deep64", "six64"])
def test_the_recipes_build_networks_that_answer_for_their_types(name: str) -> None:
    config = load_settings(TypesConfig, Path(configs).parent / f"train_types_{name}.toml")
    network = make_network(config).eval()
    probs = TypeProbabilities(network)(crops(2, config.size))
    named = config.types or TYPES
    assert probs.shape == (2, len(TYPES)) and torch.allclose(probs.sum(1), torch.ones(2), atol=1e-5)
    assert {TYPES[i] for i in np.flatnonzero(probs[0].detach().numpy())} == set(named)


def test_the_grey_baseline_sees_no_colour_and_the_others_do() -> None:
    blue, red = (torch.zeros(1, 28, 28, 3, dtype=torch.uint8) for _ in range(2))
    blue[..., 0], red[..., 2] = 210, 80  # of nearly equal brightness
    for name in OLDER:
        torch.manual_seed(1)
        network = make_network(recipe(name)).eval()
        with torch.no_grad():
            distance = float((network(blue) - network(red)).abs().max())
        assert (distance < 2e-4) is (name == "grey"), name


@pytest.mark.parametrize("name", OLDER)
def test_a_few_steps_lower_the_loss(name: str, garments: Garments) -> None:
    config = recipe(name, types=THREE)
    torch.manual_seed(0)
    model = make_network(config)
    shown, places = training.TypeBatches(garments, config)(0)
    assert set(places.tolist()) <= {0, 1, 2}
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    losses = []
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(model(shown), places)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_only_rows_of_known_types_are_drawn(garments: Garments) -> None:
    known = (TYPE_IDS["pants"], TYPE_IDS["tops"])
    rows = TypeSampler(garments, {PHOTO: 1.0}, known).draw(40, np.random.default_rng(0))
    assert {garments.rows[i].type_id for i in rows} == set(known)
    assert {garments.rows[i].split for i in rows} == {TRAIN}
    with pytest.raises(ConfigError, match="no garment of the types"):
        TypeSampler(garments, {PHOTO: 1.0}, (TYPE_IDS["hats"],))


def test_train_load_report_and_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, garments: Garments) -> None:
    monkeypatch.setattr(training, "open_all", lambda config: garments)
    config = recipe("plain", types=THREE)
    checkpoint = training.train(config, tmp_path / "run")
    model, again = load_types(checkpoint)
    assert (again.network, again.types, model.known) == ("plain", THREE, known_types(config))
    report = report_of(model, garments, config)
    probs, truth = predict(model, garments, PHOTO, 28, config.margin)
    assert report["types"] == list(THREE) and np.allclose(probs.sum(1), 1, atol=1e-5) and len(truth)
    assert sum(map(sum, report["confusion"])) == report["photos"] > len(truth)
    picture = write_report(report, tmp_path / "run", "plain")
    assert json.loads((tmp_path / "run" / "report.json").read_text()) == report and cv2.imread(str(picture)) is not None
    section = export_classifier(model, again, tmp_path)
    session = load_session(tmp_path / section["file"], threads=1)
    shown = crops(4, 28)
    with torch.no_grad():
        expected = TypeProbabilities(model)(shown).numpy()
    assert np.abs(session.run(crops=shown.numpy())["probs"] - expected).max() < 5e-3


def test_unusable_recipes_are_refused() -> None:
    with pytest.raises(ConfigError, match="no type classifier is called 'vgg'; choose one of mobilenetv2"):
        make_network(recipe("vgg"))
    with pytest.raises(ConfigError, match="28 pixels or more"):
        make_network(recipe("grey", size=16))
    for types in (("gloves",), ("tops",), ("tops", "tops")):
        with pytest.raises(ConfigError, match="two or more of bags"):
            known_types(recipe("grey", types=types))
    assert write_report({}, Path("nowhere"), "nothing") is None
