"""Every run: what its folder says, lines and TensorBoard, smoke runs, several processes that train one model."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from configs import __file__ as configs
from matcher.cli.commands import as_command
from matcher.errors import BackendError
from training.checkpoint import load_checkpoint
from training.classifier.config import TypesConfig
from training.cli import train as commands
from training.data.records import spread
from training.detector.config import DetectorConfig
from training.embedder.config import EmbedderConfig
from training.fashion_mnist.batches import Batches
from training.fashion_mnist.config import FashionMnistConfig
from training.fashion_mnist.models import make_network
from training.fashion_mnist.train import train
from training.journal import Journal, last_loss, spent
from training.loop import Loop, LoopConfig
from training.run_folder import git_state
from training.settings import load_settings
from training.smoke import limited
from training.team import Team, device_of

from . import published

ROOT = Path(__file__).parents[2]
RECIPE = """
root = "{root}"
batch = 10
[loop]
steps = 4
warmup = 1
rate = 1e-3
log_steps = 1
save_steps = 4
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return published.fashion_mnist(tmp_path / "data", train=200, test=50)


def small(root: Path, steps: int) -> FashionMnistConfig:
    loop = LoopConfig(steps=steps, warmup=1, rate=1e-3, log_steps=2, save_steps=2)
    return FashionMnistConfig(root=root, batch=10, loop=loop)


def test_the_folder_says_how_the_run_came_about(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(small(root, 2), run)
    train(small(root, 5), run)
    said = json.loads((run / "run.json").read_text())
    assert [one["step"] for one in said["starts"]] == [0, 2] and said["recipe"]["loop"]["steps"] == 5
    first = said["starts"][0]
    assert "torch" in first["environment"]["packages"] and first["environment"]["cpus"] > 0
    assert first["command"] and first["processes"] == 1 and set(first["git"] or {}) <= {"commit", "changed"}
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 5], "the last step is always there"
    assert 0 <= spent(run) < 60 and spent(tmp_path) is None
    assert last_loss(run) == lines[-1]["loss"] and last_loss(tmp_path) is None


def test_what_the_clock_has_ended_is_not_gone_on_with(root: Path, tmp_path: Path) -> None:
    config = small(root, 100_000)
    config = replace(config, loop=replace(config.loop, minutes=0.01))
    ended = load_checkpoint(train(config, tmp_path / "run"))
    assert 0 < ended["step"] < 100_000 and ended["progress"] == 1
    written = (tmp_path / "run" / "last.pt").stat().st_mtime_ns
    again = load_checkpoint(train(config, tmp_path / "run"))
    assert again["step"] == ended["step"]
    assert (tmp_path / "run" / "last.pt").stat().st_mtime_ns == written, "nothing new, nothing written"


def test_the_clocks_of_all_starts_are_added(tmp_path: Path) -> None:
    clocks = (1.0, 2.5, 0.5, 4.0, 4.0)
    (tmp_path / "log.jsonl").write_text("".join(json.dumps({"s": s}) + "\n" for s in clocks))
    assert spent(tmp_path) == 6.5


def test_the_state_of_a_checkout(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *who, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    (tmp_path / "inside").mkdir()
    assert git_state(tmp_path) is None
    git("init")
    (tmp_path / "a.py").write_text("1")
    git("add", "a.py")
    git("commit", "-m", "one")
    clean = git_state(tmp_path.resolve())
    assert clean is not None and len(clean["commit"]) >= 40 and clean["changed"] is False
    (tmp_path / "a.py").write_text("2")
    assert git_state(tmp_path.resolve()) == {**clean, "changed": True}
    assert git_state((tmp_path / "inside").resolve()) is None, "a folder in somebody else's repository"


def test_tensorboard_has_every_figure_and_lines_say_the_time_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with caplog.at_level(logging.INFO, "training"), Journal(tmp_path, 100) as journal:
        journal.note(10, 2.5, {"top1": 0.25}, 0.5, 0.1)
        journal.note(20, 1.5, {"top1": 0.75}, 1.0, 0.2)
    with Journal(tmp_path, 100, writes=False) as other:
        other.note(30, 1.0, {}, 1.0, 0.3)
    board = accumulator.EventAccumulator(str(tmp_path / "tensorboard"))
    board.Reload()
    assert [(e.step, round(e.value, 3)) for e in board.Scalars("loss")] == [(10, 2.5), (20, 1.5)]
    assert [e.value for e in board.Scalars("top1")] == [0.25, 0.75] and board.Scalars("rate")[1].value == 1.0
    assert len(caplog.messages) == 2 and caplog.messages[1].startswith("step 20/100 (20.0%): loss 1.5, top1 0.75;")
    assert caplog.messages[1].endswith("under a minute left")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("train_detector", DetectorConfig), ("train_embedder", EmbedderConfig), ("train_types", TypesConfig)],
)
def test_a_recipe_is_cut_down(name: str, kind: type) -> None:
    whole = load_settings(kind, Path(configs).with_name(f"{name}.toml"))
    less = limited(whole, 20)
    loop, small_loop = getattr(whole, "loop", whole), getattr(less, "loop", less)
    assert small_loop.steps == 20 < loop.steps and small_loop.warmup <= 2 and small_loop.log_steps <= 2
    assert less.data.limit == 20 and limited(whole, 0) is whole
    assert small_loop.rate == loop.rate


def test_what_is_left_of_a_source_is_spread_over_it() -> None:
    assert spread(range(10), 3) == [0, 3, 6] and spread([1, 2], 5) == [1, 2] and spread([1, 2, 3], 0) == [1, 2, 3]


def test_a_smoke_run_from_the_command_line(root: Path, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(RECIPE.format(root=root))
    log = logging.getLogger("training")
    before = log.handlers[:], log.level
    try:
        arguments = ["fashion-mnist", "--config", str(recipe), "--out", str(run), "--limit", "2"]
        as_command(commands, "train").main(arguments, standalone_mode=False)
    finally:
        log.handlers, log.level = before
    said = capfd.readouterr()
    assert "step 2/2 (100.0%): loss" in said.err and "of 50" in said.out
    assert (run / "recipe.toml").read_text() == recipe.read_text()
    assert json.loads((run / "run.json").read_text())["recipe"]["limit"] == 2


def test_mixed_precision_trains_and_keeps_weights_in_full(root: Path, tmp_path: Path) -> None:
    mixed = load_checkpoint(train(replace(small(root, 4), amp=True), tmp_path / "mixed"))["model"]
    plain = load_checkpoint(train(small(root, 4), tmp_path / "plain"))["model"]
    assert all(value.dtype == plain[name].dtype for name, value in mixed.items())
    differ = max(float((mixed[name] - value).abs().max()) for name, value in plain.items())
    assert 0 < differ < 0.02, "products are rounded, and no more"


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(BackendError, match="no device is called 'gpu'"):
        device_of("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(BackendError, match='set device = "cpu"'):
            Team.here("cuda")


def test_processes_of_torchrun_train_one_model_as_one_process_would_on_all_their_batches(
    root: Path, tmp_path: Path
) -> None:
    recipe, run = tmp_path / "recipe.toml", tmp_path / "run"
    recipe.write_text(RECIPE.format(root=root))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "matcher", "train", "fashion-mnist", "--config", str(recipe), "--out", str(run)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("top-1") == 1, "said once"
    lines = [json.loads(line)["step"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert lines == [1, 2, 3, 4] and json.loads((run / "run.json").read_text())["starts"][0]["processes"] == 2
    expected = _alone_on_two_batches(load_settings(FashionMnistConfig, recipe), tmp_path / "alone")
    for name, value in load_checkpoint(run / "last.pt")["model"].items():
        torch.testing.assert_close(value, expected[name], atol=2e-5, rtol=1e-4)


def _alone_on_two_batches(config: FashionMnistConfig, out: Path) -> dict[str, Tensor]:
    """Weights of one process whose steps are the mean of the two batches that two processes see."""
    torch.manual_seed(config.seed)
    model = make_network(config.network).to(memory_format=torch.channels_last)
    images, labels = (np.concatenate(parts) for parts in zip(*_arrays(config.root), strict=True))
    batches, loss_of = Batches(images, labels, config), nn.CrossEntropyLoss()

    def both(step: int) -> tuple[Tensor, dict[str, float]]:
        made = [batches(2 * step + rank) for rank in range(2)]
        return sum(loss_of(model(images), labels) for images, labels, *_ in made) / 2, {}

    return load_checkpoint(Loop(model, config.loop, out, {}).run(both))["model"]


def _arrays(root: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    from training.datasets.fashion_mnist import load_arrays
    from training.datasets.records import TRAIN

    return [load_arrays(root, TRAIN)]
