"""The embedder: masked pooling, collapse watch, sampling, training, calibration, export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from matcher.outline import refined
from matcher.stages.tiers import FALLBACK, Thresholds
from training.data.garment_crops import FLAT, PACKSHOT, TRAIN, TRYON, VALIDATION, WORN, Garments, GarmentStore
from training.embedder import train as training
from training.embedder.baselines import describe_with, hsv_histogram
from training.embedder.calibration import FALSE, absent_answers, calibrate, shrunk, thresholds_by_size
from training.embedder.collapse import CollapseLimits, CollapseMonitor, spread_of
from training.embedder.colourway import dyed
from training.embedder.config import EmbedderConfig
from training.embedder.evaluate import Shown, compare, retrieve, show
from training.embedder.model import Embedder, EmbedderModelConfig
from training.embedder.pooling import GeM, masked_bands, masked_mean, masked_moments, resize_mask
from training.embedder.sampler import PairSampler, PairSource
from training.export_crops import export_embedder
from training.loop import LoopConfig, TrainingError

from .garment_toys import toy_garment, toy_garments

SMALL = EmbedderModelConfig(size=64, dimension=32)


@pytest.fixture(scope="module")
def garments(tmp_path_factory: pytest.TempPathFactory) -> Garments:
    return toy_garments(tmp_path_factory.mktemp("garments"))


@pytest.fixture(scope="module")
def model() -> Embedder:
    torch.manual_seed(3)
    return Embedder(SMALL).eval()


def inputs(rows: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    crops = torch.randint(0, 256, (rows, 64, 64, 3), dtype=torch.uint8, generator=generator)
    masks = torch.zeros(rows, 64, 64)
    masks[:, 16:48, 16:48] = 1
    return crops, masks


def test_masked_statistics_match_numpy() -> None:
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(2, 1, 4, 4)
    mask[:, :, 1:3] = 1
    inside = x[:, :, 1:3].flatten(2).numpy()
    assert np.allclose(masked_mean(x, mask), inside.mean(2), atol=1e-5)
    moments = masked_moments(x, mask).numpy()
    assert np.allclose(moments[:, 3:], np.sqrt(inside.var(2) + 1e-4), atol=1e-5)
    gem = GeM(3.0)(x, mask).detach().numpy()
    assert np.allclose(gem, np.mean(np.log1p(np.exp(inside)) ** 3, 2) ** (1 / 3), atol=1e-4)


def test_what_is_found_nowhere_has_a_finite_slope() -> None:
    x = torch.full((1, 2, 4, 4), -80.0, requires_grad=True)
    pooled = GeM(6.0)(x, torch.ones(1, 1, 4, 4))
    pooled.sum().backward()
    assert torch.isfinite(pooled).all() and torch.isfinite(x.grad).all()


def test_bands_hold_equal_shares_of_a_mask_from_top_to_bottom() -> None:
    generator = torch.Generator().manual_seed(2)
    x, mask = torch.randn(1, 2, 6, 5, generator=generator), torch.zeros(1, 1, 6, 5)
    mask[:, :, 1:3], mask[:, :, 4] = 1, 2  # rows of weights 5, 5 and 10: the first two are a band
    top, bottom = masked_bands(x, mask + 1e-6, 2).reshape(2, 2)
    torch.testing.assert_close(top, x[0, :, 1:3].mean((1, 2)), atol=1e-4, rtol=0)
    torch.testing.assert_close(bottom, x[0, :, 4].mean(1), atol=1e-4, rtol=0)
    quarters = masked_bands(x, mask + 1e-6, 4).reshape(4, 2)
    torch.testing.assert_close(quarters[2:], quarters[2:3].expand(2, 2), atol=1e-4, rtol=0)  # one row, cut in two
    torch.testing.assert_close(masked_bands(x, mask + 1e-6, 1), masked_mean(x, mask + 1e-6))


def test_an_empty_mask_means_the_whole_crop() -> None:
    x = torch.randn(1, 3, 4, 4)
    assert torch.allclose(masked_mean(x, resize_mask(torch.zeros(1, 1, 64, 64), x)), x.mean((2, 3)), atol=1e-5)


def test_embeddings_have_unit_length_and_ignore_the_background(model: Embedder) -> None:
    crops, masks = inputs(2)
    changed = crops.clone()
    changed[:, :8] = 255 - changed[:, :8]
    with torch.no_grad():
        first, second = model(crops, masks), model(changed, masks)
        other = model(crops // 3, masks)
    assert torch.allclose(first.norm(dim=1), torch.ones(2), atol=1e-5)
    assert float((first - second).norm(dim=1).max()) < 0.02
    assert float((first - other).norm(dim=1).min()) > 0.1


def test_the_colour_of_a_plain_garment_changes_its_embedding(model: Embedder) -> None:
    _, masks = inputs(1)
    plain = [torch.tensor(colour, dtype=torch.uint8).expand(1, 64, 64, 3) for colour in ((30, 30, 200), (60, 30, 200))]
    with torch.no_grad():
        assert float((model(plain[0], masks) - model(plain[1], masks)).norm()) > 0.02


def test_spread_of_known_sets() -> None:
    basis = spread_of(torch.eye(8))
    assert basis.variance == pytest.approx(1 - 1 / 8)
    assert basis.distance == pytest.approx(2**0.5)
    assert basis.rank == pytest.approx(7, rel=1e-3)  # centred: one direction is lost
    same = spread_of(torch.eye(8)[:1].expand(5, 8))
    assert (same.variance, same.distance, same.rank) == (0, 0, 1)


def test_the_monitor_stops_after_its_patience_and_forgets_good_looks() -> None:
    monitor = CollapseMonitor(CollapseLimits(patience=2))
    dead, alive = torch.eye(8)[:1].expand(9, 8), torch.eye(8)
    monitor.look(dead, 1)
    monitor.look(alive, 2)
    monitor.look(dead, 3)
    with pytest.raises(TrainingError, match="collapsed at step 4"):
        monitor.look(dead, 4)


def test_half_of_a_batch_is_of_one_type_and_no_garment_comes_twice(garments: Garments) -> None:
    sampler = PairSampler(garments, PairSource(garments), colourways=0.0)
    for seed in range(5):
        batch = sampler.draw(8, np.random.default_rng(seed))
        assert len({pair.number for pair in batch}) == 8
        assert len({pair.type_id for pair in batch[:4]}) == 1
        assert all(garments.rows[p.shop].identity == garments.rows[p.worn].identity for p in batch)


def test_a_quarter_of_a_batch_is_the_first_garments_in_other_colours(garments: Garments) -> None:
    batch = PairSampler(garments, PairSource(garments), colourways=0.25).draw(8, np.random.default_rng(3))
    assert [pair.dye > 0 for pair in batch] == [False] * 6 + [True] * 2
    assert [pair.shop for pair in batch[6:]] == [pair.shop for pair in batch[:2]]
    assert len({pair.number for pair in batch}) == 8


def test_half_a_batch_is_all_rendered_or_all_photographed_where_asked(tmp_path: Path) -> None:
    kinds = [kind for kind in (FLAT, PACKSHOT) for _ in range(8)]
    rows = [toy_garment(i, kind, TRAIN) for i, kind in enumerate(kinds)]
    one_type = [replace(one, row=replace(one.row, identity=f"{i}", type_id=3)) for i, one in enumerate(rows)]
    garments = Garments([GarmentStore.write(tmp_path / "g", one_type)])
    source = PairSource(garments)
    assert source.rendered == {f"{i}" for i in range(8, 16)}

    def sources(one_source: float) -> set[frozenset[str]]:
        sampler = PairSampler(garments, source, 0.0, one_source)
        batches = [sampler.draw(8, np.random.default_rng(seed))[:4] for seed in range(20)]
        return {frozenset(garments.rows[pair.shop].kind for pair in batch) for batch in batches}

    assert sources(1.0) == {frozenset({FLAT}), frozenset({PACKSHOT})}
    assert frozenset({FLAT, PACKSHOT}) in sources(0.0)


def test_garments_that_meet_are_of_nearly_one_colour(garments: Garments) -> None:
    source = PairSource(garments)
    sampler = PairSampler(garments, source)
    names = [name for name in source.identities if source.types[name] == source.types[source.identities[0]]]
    colours = {
        name: garments[source.shop_row(name)].image[garments[source.shop_row(name)].mask > 127].mean(0)
        for name in names
    }
    alike, rng = [], np.random.default_rng(0)
    for _ in range(40):
        chosen = np.stack([colours[name] for name in sampler._alike(names, 3, rng)])
        alike.append(np.linalg.norm(chosen - chosen[0], axis=1).sum() / 2)
    every = np.stack(list(colours.values()))
    spread = np.linalg.norm(every[:, None] - every[None], axis=2)
    assert np.mean(alike) < 0.85 * spread[spread > 0].mean()


def test_who_tried_a_garment_on_is_its_worn_row_and_is_no_shop(tmp_path: Path) -> None:
    rows = [toy_garment(3, FLAT, TRAIN), toy_garment(4, TRYON, TRAIN), toy_garment(5, WORN, TRAIN)]
    named = [replace(one, row=replace(one.row, identity=name)) for one, name in zip(rows, "aab", strict=True)]
    orphan = replace(rows[1], row=replace(rows[1].row, identity="c"))
    garments = Garments([GarmentStore.write(tmp_path / "g", [*named, orphan])])
    source, rng = PairSource(garments), np.random.default_rng(0)
    assert source.identities == ["a", "b"]
    assert all((pair := source.pair("a", rng)).shop == 0 and pair.worn == 1 for _ in range(9))
    assert {PairSource(garments, own=0.5).pair("a", rng).worn for _ in range(30)} == {0, 1}


def test_a_dye_is_the_same_on_every_picture_and_far_from_the_first_colours() -> None:
    image = np.full((4, 4, 3), (40, 90, 160), np.uint8)
    black = np.full((4, 4, 3), 12, np.uint8)
    for seed in range(1, 40):
        assert np.array_equal(dyed(image, seed), dyed(image[:2], seed).repeat(2, 0))
        assert np.abs(dyed(image, seed).astype(int) - image).max() > 15
    changed = [np.abs(dyed(black, seed).astype(int) - black).max() for seed in range(1, 40)]
    assert np.median(changed) > 8


def recipe(tmp_path: Path, **changes: object) -> EmbedderConfig:
    loop = LoopConfig(steps=6, warmup=1, rate=3e-3, log_steps=1, save_steps=3)
    return EmbedderConfig(**{"model": SMALL, "train_size": 64, "garments": 8, "loop": loop, **changes})


@pytest.fixture
def no_imagenet(monkeypatch: pytest.MonkeyPatch, garments: Garments) -> None:
    """Toy garments, and a random trunk in place of ImageNet's."""
    monkeypatch.setattr(training, "open_garments", lambda data: garments)
    monkeypatch.setattr(training.Embedder, "__init__", _random_trunk(training.Embedder.__init__))


def _random_trunk(init: object) -> object:
    def build(self: Embedder, *args: object) -> None:
        init(self, *args)
        self.trunk.load_imagenet = lambda path: None

    return build


def test_a_few_steps_lower_the_loss(tmp_path: Path, no_imagenet: None, garments: Garments) -> None:
    config = recipe(tmp_path)
    student = training.build(config)
    crops, masks, _ = training.PairBatches(garments, config)(0)
    optimiser = torch.optim.Adam(student.parameters(), 1e-3)
    values = []
    for _ in range(6):
        loss = student.loss(*student.embedder(crops, masks).chunk(2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(float(loss.detach()))
    assert values[-1] < 0.8 * values[0]


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path, no_imagenet: None) -> None:
    whole = training.train(recipe(tmp_path), tmp_path / "whole")
    state = torch.load(whole, weights_only=True)
    partial = tmp_path / "parts"
    stopped = training.Loop.save

    def stop_at_three(loop: training.Loop) -> Path:
        path = stopped(loop)
        if loop.step == 3:
            raise KeyboardInterrupt
        return path

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training.Loop, "save", stop_at_three)
        training.train(recipe(tmp_path), partial)
    again = torch.load(training.train(recipe(tmp_path), partial), weights_only=True)
    assert again["step"] == state["step"] == 6
    for part in ("model", "averaged"):
        for name, value in state[part].items():
            # The first sums in a process may differ in last bits, which Adam grows in weights with hardly a gradient.
            assert (again[part][name] - value).abs().sum() <= 2e-4 * value.numel(), name


def test_a_run_that_collapses_stops_and_says_so(tmp_path: Path, no_imagenet: None, monkeypatch: object) -> None:
    # A loss that only pulls everything together is how the collapse is provoked.
    monkeypatch.setattr(training, "make_loss", lambda *settings: _PullTogether())
    loop = LoopConfig(steps=60, warmup=1, rate=2e-2, trunk_rate=2e-3, log_steps=1, save_steps=100)
    with pytest.raises(TrainingError, match="collapsed at step"):
        training.train(recipe(tmp_path, loop=loop), tmp_path / "run")


class _PullTogether(torch.nn.Module):
    def forward(self, shop: torch.Tensor, worn: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        both = torch.cat([shop, worn])
        return ((both - both.detach().mean(0)) ** 2).sum(1).mean() * 10


def test_recall_and_hard_recall_of_a_hand_made_score_matrix() -> None:
    types = np.array([1, 1, 2, 1])
    empty = np.zeros((0, 2, 2, 3), np.uint8), np.zeros((0, 2, 2), np.float32)
    gallery = Shown(*empty, np.array(list("abcd")), types)
    queries = Shown(*empty, gallery.names[:2], types[:2])
    scores = np.array([[0.5, 0.1, 0.9, 0.2], [0.1, 0.6, 0.2, 0.7]], np.float32)
    result = retrieve(scores, queries, gallery, np.ones((2, 4), np.float32))
    assert (result.recall1, result.recall5) == (0, 1)
    assert result.hard1 == 0.5  # the first is beaten only by another type, the second by its own


def test_evaluation_uses_held_out_garments_and_distractors(garments: Garments) -> None:
    queries, gallery = show(garments, 64, 0.05)
    held = PairSource(garments, VALIDATION).identities
    assert list(queries.names) == held == list(gallery.names[: len(held)])
    assert len(gallery) == len(held) + len(PairSource(garments).identities)
    results, scores = compare({"colours": hsv_histogram}, queries, gallery, hsv_histogram)
    assert results["colours"]["all"].recall20 >= results["colours"]["all"].recall1
    assert scores["colours"].shape == (len(queries), len(gallery))


def test_calibration_asks_without_the_product_and_within_its_type() -> None:
    scores = np.array([[0.9, 0.95, 0.3], [0.2, 0.8, 0.4]], np.float32)
    searched, best = absent_answers(scores, np.array([0, 1]), np.array([0, 1, 1]))
    assert searched.tolist() == [1] and best == pytest.approx([0.4]), "the first has no rival of its type"
    thresholds = calibrate(scores, np.array([0, 1]), np.array([0, 1, 1]))
    assert thresholds["similar"] == thresholds["exact"] == pytest.approx(0.4, abs=2e-4)
    assert calibrate(scores, np.array([0, 1]), np.array([0, 1, 2])) == FALLBACK, "nobody has a rival"


def test_galleries_shrink_type_by_type() -> None:
    types = np.repeat([0, 1], [192, 64])
    parts = list(shrunk(types))
    assert [int(part.sum()) for part in parts] == [256] + 2 * [128] + 4 * [64] + 8 * [32]
    for part in parts:
        assert 3 * part[types == 1].sum() == part[types == 0].sum()
    assert (parts[1] != parts[2]).any(), "draws differ"


def test_the_more_is_searched_the_more_is_asked_of_an_answer() -> None:
    rng = np.random.default_rng(3)
    searched = np.repeat([2, 8, 16, 64, 256, 1024], 1000)
    chance = np.array([rng.normal(0.5, 0.08, count).max() for count in searched], np.float32)
    found = thresholds_by_size(searched, chance)
    sizes = found["sizes"]
    assert sizes["searched"] == [8, 16, 64, 256, 1024], "two products are too few to tell"
    assert (np.diff(sizes["exact"]) >= 0).all() and (np.diff(sizes["similar"]) > 0).all()
    assert found["exact"] == sizes["exact"][-1] and found["similar"] == sizes["similar"][-1] < found["exact"]
    for number, exact, similar in zip(sizes["searched"], sizes["exact"], sizes["similar"], strict=True):
        mine = chance[searched == number]
        assert (mine >= exact).mean() == pytest.approx(FALSE["exact"], abs=0.015)
        assert (mine >= similar).mean() == pytest.approx(FALSE["similar"], abs=0.03)
    unclear = thresholds_by_size(searched, chance, rng.random(len(chance)) < 0.5)
    assert unclear["sizes"]["similar"] == sizes["similar"]
    assert (np.array(unclear["sizes"]["exact"]) < sizes["exact"]).all(), "fewer can be exact by mistake"
    hardly = thresholds_by_size(searched, chance, np.zeros(len(chance), bool))["sizes"]
    assert hardly["exact"] == hardly["similar"]
    limits = Thresholds.from_card(found)
    larger = np.array([rng.normal(0.5, 0.08, 100_000).max() for _ in range(400)])
    reached = (larger >= limits.among(100_000).exact).mean()
    assert reached < 0.12 < (larger >= found["exact"]).mean(), "reckoned beyond what was measured"


def test_the_exported_embedder_agrees_with_torch_for_any_number_of_rows(model: Embedder, tmp_path: Path) -> None:
    from matcher.runtime.load import load_session

    section = export_embedder(model, tmp_path)
    session = load_session(tmp_path / section["file"], threads=1)
    for rows in (1, 4):
        crops, masks = inputs(rows, seed=rows)
        with torch.no_grad():
            expected = model(crops, masks).numpy()
        got = session.run(crops=crops.numpy(), masks=masks.numpy())["embedding"]
        assert got.shape == (rows, section["dimension"]) and got.dtype == np.float32
        assert np.abs(got - expected).max() < 5e-3


def test_masks_are_refined_for_the_embedder_that_asks_for_it_and_for_no_other() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    crops[:, 16:48, 16:48] = 200
    masks = np.zeros((2, 64, 64), np.float32)
    masks[:, 14:46, 14:46] = 1

    class Masks(torch.nn.Module):
        def forward(self, crops: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
            return masks

    assert np.array_equal(describe_with(Masks())(crops, masks), masks)
    made = describe_with(Masks(), refine=True)(crops, masks)
    assert np.array_equal(made, refined(crops, masks)) and not np.array_equal(made, masks)
