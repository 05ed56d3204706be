"""Fitting the models of the attributes: the regression, the labels, and a small run of the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from matcher.attributes.weights import linear
from matcher.wardrobe.cuts import CUTS
from matcher.wardrobe.fabric import PATTERNS
from training.attributes.examples import PATTERN_OF, length_of, packshots, sleeves_of
from training.attributes.fit import fit
from training.attributes.train import tasks
from training.cli import train


def test_the_regression_finds_a_rule_and_is_not_led_by_numbers() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 4)).astype(np.float32)
    y = (x[:, 1] > 1.2).astype(np.int64)  # one in nine
    model = fit(x, y, 3, penalty=0.1)
    said = np.array([model.chances(row).argmax() for row in x])
    assert (said == y).mean() > 0.95 and (said[y == 1] == 1).mean() > 0.95
    assert all(model.chances(row)[2] < 1e-6 for row in x[:50]), "a class without examples is never said"
    assert model.chances(x[0]).sum() == pytest.approx(1, abs=1e-5)


def test_a_larger_penalty_says_less() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    sure = [np.mean([fit(x, y, 2, penalty).chances(row).max() for row in x]) for penalty in (0.1, 10, 1000)]
    assert sure[0] > sure[1] > sure[2] > 0.5


def test_every_fabric_and_cut_has_its_words() -> None:
    assert set(PATTERN_OF) == set(PATTERNS)
    words = {(cut.name, sleeves_of(cut), length_of(cut)) for cuts in CUTS.values() for cut in cuts}
    assert ("tank top", "sleeveless", "") in words and ("hoodie", "long sleeves", "") in words
    assert ("shorts", "", "short") in words and ("maxi dress", "sleeveless", "long") in words
    assert ("tote bag", "", "") in words


def test_the_packaged_models_fit_what_is_measured() -> None:
    (one,) = [e for e in packshots(7, 1) if e.type == "dresses"]
    for task in tasks():
        features = task.features(one)
        assert linear(task.name).chances(features).shape == (len(task.words),)


def test_the_command(tmp_path: Path) -> None:
    args = ["attributes", "--scenes", "2", "--packshots", "3", "--out", str(tmp_path / "w.npz")]
    done = CliRunner().invoke(train, [*args, "--json", str(tmp_path / "f.json")])
    assert done.exit_code == 0, done.output
    with np.load(tmp_path / "w.npz", allow_pickle=False) as stored:
        assert {name.rpartition(".")[0] for name in stored} == {task.name for task in tasks()}
    figures = json.loads((tmp_path / "f.json").read_text())
    assert 0 <= figures["pattern"]["packshot"]["right"] <= 1 and figures["colours"]["held out"]
