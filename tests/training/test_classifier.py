"""The type classifier: scoring by hand, sampling, training, resume, export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from matcher.taxonomy import TYPE_IDS, TYPES
from training.classifier import train as training
from training.classifier.config import TypesConfig
from training.classifier.evaluate import predict, restrict, score
from training.classifier.model import TypeClassifier
from training.classifier.pictures import stored_garments
from training.classifier.views import TypeSampler
from training.data.garment_crops import FLAT, PHOTO, WORN, Garments
from training.data.records import Annotated
from training.data.store import Store
from training.export_crops import export_classifier
from training.loop import Ahead, LoopConfig, TrainingError

from .garment_toys import toy_garments


@pytest.fixture(scope="module")
def garments(tmp_path_factory: pytest.TempPathFactory) -> Garments:
    return toy_garments(tmp_path_factory.mktemp("garments"))


def recipe() -> TypesConfig:
    loop = LoopConfig(steps=4, warmup=1, log_steps=1, save_steps=2)
    return TypesConfig(size=64, batch=9, loop=loop)


def row(**shares: float) -> list[float]:
    return [shares.get(name, 0.0) for name in TYPES]


def test_leggings_count_as_pants_only_where_they_are_no_candidate() -> None:
    probs = np.array([row(leggings=0.5, pants=0.2, skirts=0.3)], np.float32)
    assert restrict(probs, ("pants", "skirts"))[0, TYPE_IDS["pants"]] == pytest.approx(0.7)
    assert restrict(probs, ("pants", "leggings"))[0, TYPE_IDS["pants"]] == pytest.approx(0.2)


def test_score_of_a_hand_made_table() -> None:
    probs = np.array(
        [
            row(tops=0.6, dresses=0.3, bags=0.1),
            row(dresses=0.6, tops=0.4),
            row(bags=0.9, skirts=0.06, footwear=0.04),
            row(leggings=0.5, skirts=0.3),
            row(hats=1.0),
        ],
        np.float32,
    )
    truth = np.array([TYPE_IDS[n] for n in ("tops", "tops", "skirts", "leggings", "hats")])
    result = score(probs, truth)
    assert (result.count, result.top1, result.top2) == (4, 0.75, 1.0)  # hats are no candidate
    assert result.per_type["tops"] == (0.5, 2)
    assert result.per_type["pants"] == (1.0, 1)


def test_the_sampler_draws_every_type_and_leaves_out_kinds_without_weight(garments: Garments) -> None:
    rows = TypeSampler(garments, {FLAT: 1.0, WORN: 1.0}).draw(200, np.random.default_rng(0))
    drawn = [garments.rows[i] for i in rows]
    assert {r.type_id for r in drawn} == {2, 8, 10}
    assert {r.kind for r in drawn} == {FLAT, WORN}
    assert {r.split for r in drawn} == {"train"}


def test_batches_depend_on_the_step_alone(garments: Garments) -> None:
    batches, again = (training.TypeBatches(garments, recipe()) for _ in range(2))
    batches(0)
    first, second = batches(3), again(3)
    assert torch.equal(first[0], second[0]) and torch.equal(first[1], second[1])
    assert not torch.equal(first[0], again(4)[0])


def test_garments_of_annotated_pictures_are_cut_at_their_boxes(tmp_path: Path) -> None:
    image = np.full((120, 100, 3), 200, np.uint8)
    ids = np.zeros((120, 100), np.uint8)
    ids[40:80, 30:70], image[40:80, 30:70] = 1, (10, 20, 30)
    ids[100:105, 10:50] = 2  # too flat to be worth a crop
    Store.write(tmp_path / "pictures", [("one", Annotated(image, ids, (10, 4)))])
    (found,) = stored_garments(tmp_path / "pictures", "labelled")
    assert (found.row.kind, found.row.split, found.row.type_id) == ("labelled", "train", 10)
    x0, y0, x1, y1 = (round(v) for v in found.row.box)
    assert np.all(found.image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2] == (10, 20, 30))
    assert np.all(found.image[: y0 - 2] == 200)


def test_batches_made_ahead_are_the_same_and_errors_come_out() -> None:
    made: list[int] = []

    def make(step: int) -> int:
        made.append(step)
        if step == 3:
            raise ValueError("three")
        return step * step

    ahead = Ahead(make)
    assert [ahead(0), ahead(1), ahead(0), ahead(1), ahead(2)] == [0, 1, 0, 1, 4]
    with pytest.raises(ValueError, match="three"):
        ahead(3)


def test_a_few_steps_lower_the_loss(garments: Garments) -> None:
    torch.manual_seed(0)
    model = TypeClassifier()
    crops, types = training.TypeBatches(garments, recipe())(0)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    losses = []
    for _ in range(8):
        loss = torch.nn.functional.cross_entropy(model(crops), types)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


@pytest.fixture
def toy_run(monkeypatch: pytest.MonkeyPatch, garments: Garments) -> None:
    monkeypatch.setattr(training, "open_all", lambda config: garments)
    monkeypatch.setattr("training.trunk.CropTrunk.load_imagenet", lambda self, path: None)


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path, toy_run: None) -> None:
    whole = torch.load(training.train(recipe(), tmp_path / "whole"), weights_only=True)
    save = training.Loop.save

    def stop_at_two(loop: training.Loop) -> Path:
        path = save(loop)
        if loop.step == 2:
            raise KeyboardInterrupt
        return path

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training.Loop, "save", stop_at_two)
        training.train(recipe(), tmp_path / "parts")
    parts = torch.load(training.train(recipe(), tmp_path / "parts"), weights_only=True)
    assert all(torch.equal(value, parts["averaged"][name]) for name, value in whole["averaged"].items())


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    model = torch.nn.Linear(2, 1)
    loop = training.Loop(model, LoopConfig(steps=3), tmp_path, {})
    with pytest.raises(TrainingError, match="at step 0"):
        loop.run(lambda step: (model(torch.full((1, 2), float("nan"))).sum(), {}))


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = training.Loop(torch.nn.Linear(2, 1), LoopConfig(), tmp_path, {}).save()
    with pytest.raises(TrainingError, match="not a checkpoint of this model"):
        training.Loop(torch.nn.Linear(3, 1), LoopConfig(), tmp_path / "b", {}).resume(path)


def test_predictions_and_the_exported_file_agree_with_torch(garments: Garments, tmp_path: Path) -> None:
    from matcher.runtime.load import load_session

    torch.manual_seed(1)
    model = TypeClassifier().eval()
    probs, truth = predict(model, garments, PHOTO, 64, 0.08)
    assert probs.shape == (len(truth), len(TYPES)) and np.allclose(probs.sum(1), 1, atol=1e-5)
    cut, _ = predict(model, garments, PHOTO, 64, 0.08, alone=True)
    assert cut.shape == probs.shape and not np.array_equal(cut, probs)
    section = export_classifier(model, recipe(), tmp_path)
    session = load_session(tmp_path / section["file"], threads=1)
    crops = torch.randint(0, 256, (5, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        expected = model(crops).softmax(1).numpy()
    assert np.abs(session.run(crops=crops.numpy())["probs"] - expected).max() < 5e-3
