"""Fashion-MNIST: the published networks to the last parameter, batches, a short run, resume, figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from configs import __file__ as configs
from matcher.cli.commands import as_command
from matcher.errors import ConfigError, InputError
from training.cli import train as commands
from training.fashion_mnist.batches import Batches, augment
from training.fashion_mnist.config import FashionMnistConfig
from training.fashion_mnist.models import NETWORKS, make_network, parameters, predict
from training.fashion_mnist.train import load_trained, measure, train
from training.loop import LoopConfig
from training.settings import load_settings

from . import published

RECIPES = sorted(Path(configs).parent.glob("train_fashion_mnist_*.toml"))


def recipe(root: Path, **changes: object) -> FashionMnistConfig:
    loop = LoopConfig(steps=30, warmup=3, rate=3e-3, ema=0.9, log_steps=10, save_steps=10)
    return replace(FashionMnistConfig(root=root, batch=20, loop=loop), **changes)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return published.fashion_mnist(tmp_path / "data", train=200, test=50)


@pytest.mark.parametrize(("name", "count"), [("conv1", 173_738), ("conv2", 515_146), ("conv3", 1_421_194)])
def test_the_published_networks_have_exactly_their_parameters(name: str, count: int) -> None:
    assert parameters(make_network(name)) == count


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_answers_for_ten_classes(name: str) -> None:
    images = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    for views in (1, 10):
        probs = predict(make_network(name), images, views)
        assert probs.shape == (3, 10) and torch.allclose(probs.sum(1), torch.ones(3), atol=1e-5)


def test_an_unknown_network_or_schedule_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="choose one of conv1"):
        make_network("vgg")
    with pytest.raises(ConfigError, match="cosine, one-cycle"):
        train(recipe(root, schedule="steps"), tmp_path)
    with pytest.raises(InputError, match="train files of Fashion-MNIST are not in"):
        train(recipe(tmp_path / "nowhere"), tmp_path)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_are_of_known_networks(path: Path) -> None:
    config = load_settings(FashionMnistConfig, path)
    assert make_network(config.network, config.dropout) is not None and config.loop.steps > 1000


def test_a_pass_sees_every_picture_once_and_steps_repeat(root: Path) -> None:
    images = np.arange(40, dtype=np.uint8)[:, None, None].repeat(28, 1).repeat(28, 2)
    batches = Batches(images, np.zeros(40, np.uint8), recipe(root, batch=10))
    seen = [int(image[0, 0]) for step in range(4) for image in batches(step)[0]]
    assert sorted(seen) == list(range(40))
    assert torch.equal(batches(7)[0], batches(7)[0]) and not torch.equal(batches(7)[0], batches(3)[0])


def test_changes_of_pictures() -> None:
    images = np.zeros((200, 28, 28), np.uint8)
    images[:, 5, 3] = 200
    rng = np.random.default_rng(0)
    flipped = augment(images, FashionMnistConfig(flip=1.0), rng)
    assert (flipped[:, 5, 24] == 200).all() and (images[:, 5, 3] == 200).all()
    moved = augment(images, FashionMnistConfig(shift=2), rng)
    places = {(int(y), int(x)) for _, y, x in np.argwhere(moved == 200)}
    assert places == {(y, x) for y in range(3, 8) for x in range(1, 6)}
    erased = augment(images, FashionMnistConfig(erase=0.5), rng)
    share = (erased != images).any((1, 2)).mean()
    assert 0.35 < share < 0.65 and 0.04 < (erased[(erased != images).any((1, 2))] > 0).mean() < 0.27


def test_mixed_labels_go_with_mixed_pictures(root: Path) -> None:
    images = np.stack([np.full((28, 28), 10 * i, np.uint8) for i in range(10)])
    mixed, labels, others, share = Batches(images, np.arange(10, dtype=np.uint8), recipe(root, batch=10, mixup=0.4))(3)
    assert 0 < share < 0.4
    expected = 10 * ((1 - share) * labels.float() + share * others.float())
    assert torch.allclose(mixed[:, 0, 0], expected, atol=1e-3)


@pytest.mark.parametrize("name", ["conv1", "wide-resnet"])
def test_a_short_run_learns_what_the_classes_are(root: Path, tmp_path: Path, name: str) -> None:
    steps = 12 if name == "wide-resnet" else 30  # it learns faster, and a step takes longer
    loop = LoopConfig(steps=steps, warmup=3, rate=3e-3, ema=0.8)
    config = recipe(root, network=name, schedule="one-cycle", flip=0.5, erase=0.2, views=2, limit=100, loop=loop)
    checkpoint = train(config, tmp_path / "run")
    figures = measure(load_trained(checkpoint, config), config)
    assert figures["top1"] > 0.9 and figures["pictures"] == 50
    assert np.sum(figures["confusion"]) == 50 and set(figures["per_class"]) >= {"Dress", "Ankle boot"}


def test_a_resumed_run_equals_an_unbroken_one(root: Path, tmp_path: Path) -> None:
    config = recipe(root, schedule="one-cycle", loop=LoopConfig(steps=6, warmup=2, save_steps=3, log_steps=1))
    whole = torch.load(train(config, tmp_path / "whole"), weights_only=True)
    (tmp_path / "parts").mkdir()

    class Stopped(Exception):
        pass

    def stop(step: int) -> None:
        if step == 4:
            raise Stopped

    from training.fashion_mnist import train as module

    original = module._OneCycle.run
    module._OneCycle.run = lambda self, loss_of: original(self, loss_of, stop)
    try:
        with pytest.raises(Stopped):
            train(config, tmp_path / "parts")
    finally:
        module._OneCycle.run = original
    parts = torch.load(train(config, tmp_path / "parts"), weights_only=True)
    assert all(torch.equal(whole["averaged"][k], v) for k, v in parts["averaged"].items())


def test_the_command(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "r.toml").write_text(f'root = "{root}"\nbatch = 20\n[loop]\nsteps = 2\nwarmup = 1\n')
    arguments = ["fashion-mnist", "--config", str(tmp_path / "r.toml"), "--out", str(tmp_path / "run")]
    as_command(commands, "train").main(arguments, standalone_mode=False)
    assert "conv1, 173,738 parameters: top-1" in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "measured.json").read_text())["parameters"] == 173_738
