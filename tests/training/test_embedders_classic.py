"""The older embedders: networks, mining, every method's training and resume, the watch, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from configs import __file__ as configs
from matcher.cli.commands import as_command
from matcher.errors import ConfigError
from training.cli import train as commands
from training.data.garment_crops import Garments
from training.embedder.collapse import CollapseLimits
from training.embedder.sampler import PairSource
from training.embedders_classic import train as training
from training.embedders_classic.config import ClassicConfig, RoundsConfig
from training.embedders_classic.methods import METHODS, make_student
from training.embedders_classic.mining import TripletRounds, hardest, triplet_loss
from training.embedders_classic.networks import Autoencoder, make_encoder
from training.embedders_classic.train import load_classic, train
from training.loop import Loop, LoopConfig, TrainingError
from training.settings import load_settings

from .garment_toys import toy_garments

RECIPES = ("face", "vgg16", "vgg16_tuned", "vae", "facenet", "custom")
TRAINED = {"identity": "face", "pairs": "custom", "rounds": "custom", "rebuild": "vae"}


@pytest.fixture(scope="module")
def garments(tmp_path_factory: pytest.TempPathFactory) -> Garments:
    return toy_garments(tmp_path_factory.mktemp("garments"), 12)


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch, garments: Garments) -> None:
    monkeypatch.setattr(training, "open_garments", lambda data: garments)


def recipe(method: str, **changes: object) -> ClassicConfig:
    loop = LoopConfig(steps=4, warmup=1, rate=3e-3, trunk_rate=3e-3, log_steps=1, save_steps=2)
    config = ClassicConfig(
        network=TRAINED.get(method, "custom"), method=method, size=32, dimension=16, garments=4, depth=2, loop=loop
    )
    return replace(config, **{"rounds": RoundsConfig(epochs=1), **changes})


def inputs(rows: int, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    crops = torch.randint(0, 256, (rows, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    masks = torch.zeros(rows, size, size)
    masks[:, 8:24, 8:24] = 1
    return crops, masks


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_builds_an_embedder_of_unit_vectors_that_ignores_the_background(name: str) -> None:
    config = load_settings(ClassicConfig, Path(configs).parent / f"train_embedder_{name}.toml")
    torch.manual_seed(1)
    encoder = make_encoder(replace(config, size=32)).eval()
    crops, masks = inputs(2)
    changed = crops.clone()
    changed[:, :8] = 255 - changed[:, :8]
    with torch.no_grad():
        first, second, inverse = encoder(crops, masks), encoder(changed, masks), encoder(255 - crops, masks)
    assert first.shape == (2, encoder.dimension)
    assert torch.allclose(first.norm(dim=1), torch.ones(2), atol=1e-4)
    assert torch.allclose(first, second, atol=1e-4) and not torch.allclose(first, inverse, atol=1e-4)


@pytest.mark.parametrize("depth", range(1, 6))
def test_the_custom_network_has_as_many_convolutions_as_its_depth(depth: int) -> None:
    encoder = make_encoder(recipe("pairs", depth=depth))
    assert sum(isinstance(m, torch.nn.Conv2d) for m in encoder.modules()) == depth
    assert encoder(*inputs(1)).shape == (1, 16)


def test_vgg16_has_its_thirteen_convolutions_and_takes_weights_under_torchvisions_names(tmp_path: Path) -> None:
    config = recipe("none", network="vgg16")
    encoder = make_encoder(config)
    convolutions = [m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 13 and sum(p.numel() for p in encoder.parameters()) == 14_714_688
    state = {f"features.{key}": value + 1 for key, value in encoder.trunk.state_dict().items()}
    torch.save({**state, "classifier.0.bias": torch.zeros(3)}, tmp_path / "vgg16.pth")
    filled = make_encoder(replace(config, weights=str(tmp_path / "vgg16.pth")))
    assert torch.equal(filled.trunk[0].weight, state["features.0.weight"])
    torch.save({"features.0.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match="no weights of VGG16"):
        make_encoder(replace(config, weights=str(tmp_path / "other.pth")))
    with pytest.raises(ConfigError, match="cannot read the checkpoint"):
        make_encoder(replace(config, weights=str(tmp_path / "missing.pth")))


def test_the_autoencoder_draws_at_random_in_training_alone() -> None:
    encoder = make_encoder(recipe("rebuild"))
    assert isinstance(encoder, Autoencoder)
    crops, masks = inputs(2)
    seen, first, _, _ = encoder.train().rebuilt(crops, masks)
    again = encoder.rebuilt(crops, masks)[1]
    assert first.shape == seen.shape == (2, 3, 32, 32) and not torch.equal(first, again)
    encoder.eval()
    assert torch.equal(encoder.rebuilt(crops, masks)[1], encoder.rebuilt(crops, masks)[1])


def test_the_hardest_stranger_is_found_as_by_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(2)
    anchors, strangers = torch.randn(300, 5, generator=generator), torch.randn(300, 5, generator=generator)
    found = hardest(anchors, strangers)
    for a in range(0, 300, 17):
        distances = [(float(((anchors[a] - strangers[n]) ** 2).sum()), n) for n in range(300) if n != a]
        assert int(found[a]) == min(distances)[1]


def test_the_triplet_loss_is_that_of_a_plain_loop() -> None:
    generator = torch.Generator().manual_seed(3)
    a, p, n = (torch.randn(6, 4, generator=generator) for _ in range(3))
    plain = 0.0
    for i in range(6):
        near, far = (sum((float(a[i, d]) - float(other[i, d])) ** 2 for d in range(4)) for other in (p, n))
        plain += max(near - far + 0.2, 0.0) / 6
    assert plain > 0
    assert float(triplet_loss(a, p, n, 0.2)) == pytest.approx(plain, rel=1e-5)


def test_rounds_mine_random_strangers_first_then_a_share_of_the_hardest(garments: Garments) -> None:
    config = recipe("rounds", rounds=RoundsConfig(epochs=2, hard=1.0))
    rounds = TripletRounds(garments, config)
    encoder = make_encoder(config)
    count = len(rounds)
    assert count == len(PairSource(garments).identities)
    starts = [step for step in range(1, 13) if rounds.starts(step)]
    assert starts and starts[0] == 2 * (count // 4)
    own = torch.arange(count)
    first, later = rounds.mine(encoder, 0), rounds.mine(encoder, starts[0])
    assert not (first == own).any() and not (later == own).any()
    worn, shop = rounds._described(encoder, np.random.default_rng(0))
    assert worn.shape == shop.shape == (count, 16)
    assert not torch.equal(first, later)
    fewer = TripletRounds(garments, replace(config, rounds=RoundsConfig(garments=3)))
    assert 3 <= len(fewer) < count


def test_a_batch_of_triplets_shows_worn_shop_and_stranger(garments: Garments) -> None:
    rounds = TripletRounds(garments, recipe("rounds"))
    crops, masks = rounds(0, rounds.mine(make_encoder(recipe("rounds")), 0))
    assert crops.shape == (12, 32, 32, 3) and masks.shape == (12, 32, 32)
    again, _ = rounds(0, rounds.mine(make_encoder(recipe("rounds")), 0))
    assert torch.equal(crops, again)


@pytest.mark.parametrize("method", TRAINED)
def test_a_run_logs_the_spread_goes_on_after_a_stop_and_loads_without_its_head(
    method: str, tmp_path: Path, toys: None, garments: Garments
) -> None:
    whole = train(recipe(method), tmp_path / "whole")
    lines = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert len(lines) == 4 and all({"loss", "variance", "distance", "rank"} <= line.keys() for line in lines)
    save = training.Loop.save

    def stop_at_two(loop: training.Loop) -> Path:
        path = save(loop)
        if loop.step == 2:
            raise KeyboardInterrupt
        return path

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training.Loop, "save", stop_at_two)
        train(recipe(method), tmp_path / "parts")
    again = torch.load(train(recipe(method), tmp_path / "parts"), weights_only=True)
    state = torch.load(whole, weights_only=True)
    for name, value in state["averaged"].items():
        # The first sums in a process may differ in last bits, which Adam grows.
        assert (again["averaged"][name] - value).abs().sum() <= 2e-3 * value.numel(), name
    encoder, config = load_classic(whole)
    assert (config.method, encoder(*inputs(2)).shape) == (method, (2, 16))
    if method in ("identity", "rounds"):
        assert config.classes == len(PairSource(garments).identities)


@pytest.mark.parametrize("method", TRAINED)
def test_a_few_steps_lower_the_loss(method: str, garments: Garments, tmp_path: Path) -> None:
    torch.manual_seed(0)
    # With a margin as wide as the sphere every triplet has something to teach, whatever the first weights are.
    rounds = RoundsConfig(epochs=1, margin=4.0)
    config = recipe(method, classes=len(PairSource(garments).identities), loss="info_nce", rounds=rounds)
    student = make_student(config)
    optimiser = torch.optim.Adam(student.parameters(), 2e-3)
    step_of = student.steps(garments, Loop(student, LoopConfig(), tmp_path, {}))
    losses = []
    for _ in range(15):
        loss, seen = step_of(0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert len(seen) == 4 and losses[-1] < losses[0]


def test_a_network_that_is_used_as_it_is_is_saved_untrained(tmp_path: Path, toys: None) -> None:
    config = recipe("none", network="vgg16")
    checkpoint = train(config, tmp_path)
    encoder, loaded = load_classic(checkpoint)
    assert loaded.method == "none" and encoder.dimension == 512
    assert torch.equal(encoder.trunk[0].weight, training.build(config).encoder.trunk[0].weight)
    assert not (tmp_path / "log.jsonl").exists()


def test_the_watch_stops_a_run_whose_embeddings_stay_together(tmp_path: Path, toys: None) -> None:
    never = CollapseLimits(variance=2.0, patience=2)  # no unit vectors are so far apart
    with pytest.raises(TrainingError, match="collapsed at step 3"):
        train(recipe("pairs", collapse=never, collapse_after=1), tmp_path / "early")
    train(recipe("pairs", collapse=never, collapse_after=4), tmp_path / "later")


def test_what_does_not_fit_is_refused(tmp_path: Path, toys: None) -> None:
    refused = {
        "no older embedder is called 'x'; choose one of face": recipe("pairs", network="x"),
        "no method is called 'x'; choose one of none": recipe("x"),
        "1 to 5 convolutions": recipe("pairs", depth=6),
        "32 pixels or a multiple": recipe("pairs", size=40),
        'needs network = "vae"': recipe("rebuild", network="face"),
        "no loss is called 'x'": recipe("pairs", loss="x"),
    }
    for words, config in refused.items():
        with pytest.raises(ConfigError, match=words):
            make_student(config)
    assert set(METHODS) == {"none", *TRAINED}
    file = tmp_path / "recipe.toml"
    file.write_text('network = "custom"\nlayers = 3\n')
    with pytest.raises(ConfigError, match="unknown settings layers"):
        as_command(commands, "train").main(
            ["embedder-classic", "--config", str(file), "--out", str(tmp_path / "run")], standalone_mode=False
        )
