"""Tracks for training: simulated, kept, pooled, and turned into thresholds and a verifier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from matcher.bundle import Bundle
from matcher.config import SettleConfig
from matcher.errors import InputError
from matcher.stages.tiers import Thresholds
from matcher.stages.verify import Verifier
from matcher.taxonomy import TYPES
from tests.toy_bundle import make_bundle
from training.augment.cloth import WAVE
from training.embedder.calibration import threshold_for_false
from training.evaluation.output import silent
from training.fusion import sets, tiers
from training.fusion.answers import ask, fused
from training.fusion.model import AttentionPooling, PoolingConfig
from training.fusion.plates import garment_moments
from training.fusion.sighting import Conditions, see
from training.fusion.simulate import VIEWS
from training.fusion.tracks import MEASURES, Gallery, Track, TrackSet, load_tracks, save_tracks
from training.fusion.train import FusionConfig, load_pooling, pool
from training.fusion.train import train as train_pooling
from training.loop import LoopConfig, TrainingError
from training.verifier.export import export_verifier, measure_verifier, put_into
from training.verifier.model import VerifierModel, VerifierModelConfig
from training.verifier.train import PairBatches, VerifierConfig
from training.verifier.train import train as train_verifier

from .garment_toys import toy_garments

DIMENSION = 8
LOOP = LoopConfig(steps=30, rate=3e-3, warmup=2, save_steps=30, log_steps=30)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("fusion") / "bundle")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sets.TrackData:
    """Tracks of made-up garments in place of those of the data sets."""
    garments = toy_garments(tmp_path / "garments", 18)
    monkeypatch.setattr(sets, "open_garments", lambda given: garments)
    return sets.TrackData(cache=tmp_path / "tracks", tracks=6, distractors=4, threads=1)


def made_up(count: int, noise: float = 0.25, seed: int = 0) -> TrackSet:
    """Tracks around the rows of a random gallery of one type; every third view is much worse and says so."""
    rng = np.random.default_rng(seed)
    gallery = unit(rng.normal(size=(count, DIMENSION)))
    tracks = []
    for row in range(count):
        bad = np.arange(9) % 3 == 0
        views = gallery[row] + np.where(bad, 1.2, noise)[:, None] * rng.normal(size=(9, DIMENSION))
        quality, measures = np.where(bad, 0.05, 0.6), np.zeros((9, len(MEASURES)))
        tracks.append(Track(unit(views), quality, measures, np.arange(9.0), np.eye(len(TYPES))[10], row))
    return TrackSet(tracks, Gallery(gallery, np.full(count, 10)))


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def test_tracks_come_back_as_they_were_saved(tmp_path: Path) -> None:
    before = made_up(3)
    save_tracks(tmp_path / "deep" / "t.npz", before)
    after = load_tracks(tmp_path / "deep" / "t.npz")
    assert len(after.tracks) == 3 and np.array_equal(after.gallery.embeddings, before.gallery.embeddings)
    for one, two in zip(before.tracks, after.tracks, strict=True):
        assert np.array_equal(one.embeddings, two.embeddings) and one.wanted == two.wanted
        assert np.array_equal(one.measures, two.measures) and np.array_equal(one.type_probs, two.type_probs)
    save_tracks(tmp_path / "none.npz", TrackSet([], before.gallery))
    assert load_tracks(tmp_path / "none.npz").tracks == []


def test_what_is_no_tracks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no tracks"):
        load_tracks(tmp_path / "t.npz")


def test_a_sighting_follows_from_its_seed_and_its_faults_are_measured(tmp_path: Path) -> None:
    garments = toy_garments(tmp_path, 6)
    own, other = (garment_moments(garments[i], garments[5], WAVE) for i in (0, 1))

    def seen(seed: int, scale: float) -> tuple[float, float]:
        rng = np.random.default_rng(seed)
        one = see(own(rng), other, Conditions(3, 0.0, (scale, scale)), 0.5, rng)
        assert one.mask.shape == (28, 28) and (one.box[2:] > one.box[:2]).all()
        return float(one.measures.side[0]), float(one.measures.quality()[0])

    assert seen(1, 0.5) == seen(1, 0.5)
    near, far = ([seen(i, scale) for i in range(8)] for scale in (1.0, 0.2))
    assert np.mean(near, 0)[0] > 3 * np.mean(far, 0)[0] and np.mean(near, 0)[1] > np.mean(far, 0)[1]


def test_sets_are_cached_repeat_and_do_not_share_garments(data: sets.TrackData, bundle: Bundle) -> None:
    parts = {part: sets.simulated(data, bundle, part, silent) for part in (sets.LEARN, sets.CHOOSE, sets.REPORT)}
    chosen, reported = ({t.wanted for t in parts[part].tracks} for part in (sets.CHOOSE, sets.REPORT))
    assert chosen and reported and not chosen & reported
    assert len(parts[sets.CHOOSE].gallery) == len(parts[sets.REPORT].gallery) > len(chosen | reported)
    assert all(VIEWS[0] <= len(track) <= VIEWS[1] for part in parts.values() for track in part.tracks)
    again = sets.simulated(replace(data, cache=data.cache / "again"), bundle, sets.CHOOSE, silent)
    for one, two in zip(parts[sets.CHOOSE].tracks, again.tracks, strict=True):
        assert np.allclose(one.embeddings, two.embeddings, atol=1e-5)
    for track in parts[sets.LEARN].tracks:
        assert parts[sets.LEARN].gallery.types[track.wanted] == track.type_probs.argmax()


def test_pooling_starts_as_the_mean_and_ignores_absent_views() -> None:
    torch.manual_seed(0)
    model = AttentionPooling(DIMENSION, PoolingConfig()).eval()
    views = torch.nn.functional.normalize(torch.randn(2, 5, DIMENSION), dim=-1)
    present = torch.tensor([[True] * 5, [True, True, False, False, False]])
    first = model(views, torch.rand(2, 5), present)
    mean = torch.nn.functional.normalize(views[1, :2].mean(0), dim=0)
    assert torch.allclose(first[1], mean, atol=1e-5)
    torch.nn.init.normal_(model.back.weight)
    torch.nn.init.normal_(model.scorer[-1].weight)
    qualities = torch.rand(2, 5)
    other = views.clone()
    other[1, 2:] = 7
    assert torch.allclose(model(views, qualities, present)[1], model(other, qualities, present)[1], atol=1e-5)


def test_pooling_learns_to_shun_bad_views(tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    found = made_up(64)
    monkeypatch.setattr("training.fusion.train.simulated", lambda *given: found)
    config = FusionConfig(batch=64, least=9, loop=replace(LOOP, steps=80, rate=1e-2))
    model = load_pooling(train_pooling(config, bundle, tmp_path / "run"), bundle)
    track = made_up(64, seed=1).tracks[0]
    moved = [np.abs(pool(model, track) - pool(model, _without(track, view))).max() for view in range(9)]
    assert np.mean(moved[::3]) < 0.8 * np.mean([*moved[1::3], *moved[2::3]]), "every third view is bad and says so"
    other = make_bundle(tmp_path / "other")
    object.__setattr__(other, "embedder_hash", "0" * 64)
    with pytest.raises(TrainingError, match="another embedder"):
        load_pooling(tmp_path / "run" / "last.pt", other)


def _without(track: Track, view: int) -> Track:
    rows = np.delete(np.arange(len(track)), view)
    kept = {name: getattr(track, name)[rows] for name in ("embeddings", "qualities", "measures", "times")}
    return replace(track, **kept)


def test_threshold_for_false() -> None:
    absent = np.linspace(0, 0.99, 100, dtype=np.float32)
    for share in (0.0, 0.01, 0.1):
        reached = (absent >= threshold_for_false(absent, share)).mean()
        assert reached == pytest.approx(share)
    assert threshold_for_false(np.zeros(0, np.float32), 0.01) == 1.0


def test_calibration_of_tracks_holds_what_it_says(tmp_path: Path) -> None:
    found, bundle = made_up(150, noise=0.15), make_bundle(tmp_path / "b")
    chosen = tiers.calibrate_tracks(found)
    assert chosen["exact"] >= chosen["similar"] and 0 <= chosen["lead"] <= tiers.MOST_LEAD_WEIGHT
    assert chosen["measured"]["recall@1"] > 0.8 and chosen["measured"]["false_exact_removed"] <= 0.1
    tiers.put_into(bundle, chosen)
    limits = Thresholds.of(Bundle.open(bundle.folder), SettleConfig(), fused=True)
    assert limits == Thresholds.from_card(chosen) and limits.lead == chosen["lead"]
    assert limits.least_lead == tiers.LEAST_LEAD
    assert limits.among(10**6).exact >= limits.exact >= limits.among(4).exact >= limits.among(4).similar
    absent = ask(found, np.stack([fused(track) for track in found.tracks]), absent=True)
    said = [limits.among(149).best(*pair) for pair in zip(absent.rows, absent.scores, strict=True)]
    assert np.mean(np.array(said) == 2) == pytest.approx(chosen["measured"]["false_exact_removed"], abs=1e-4)
    assert not (absent.rows == np.arange(150)[:, None]).any()


def test_a_verifier_sees_a_pair_both_ways_alike() -> None:
    torch.manual_seed(0)
    model = VerifierModel(DIMENSION, VerifierModelConfig()).eval()
    torch.nn.init.normal_(model.last.weight)
    a, b = torch.nn.functional.normalize(torch.randn(2, 4, DIMENSION), dim=-1)
    assert torch.allclose(model(a, b[:, None]), model(b, a[:, None]), atol=1e-6)


def test_pairs_have_the_right_product_first_and_near_ones_of_its_type() -> None:
    found, config = made_up(30), VerifierConfig(batch=8, depth=5)
    queries, candidates, right = PairBatches(found, config)(3)
    assert candidates.shape == (8, 5, DIMENSION) and right.sum(1).tolist() == [1.0] * 8
    scores = (queries[:, None] * candidates).sum(-1)[:, 1:]
    assert (scores.diff(dim=1) <= 1e-6).all()
    again = PairBatches(found, config)(3)
    assert torch.equal(queries, again[0]) and not torch.equal(queries, PairBatches(found, config)(4)[0])


def test_a_trained_verifier_goes_into_the_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, found = make_bundle(tmp_path / "b"), made_up(40)
    monkeypatch.setattr("training.verifier.train.simulated", lambda *given: found)
    checkpoint = train_verifier(VerifierConfig(batch=16, loop=LOOP), bundle, tmp_path / "run")
    path = export_verifier(checkpoint, bundle)
    section = measure_verifier(path, 20, found, made_up(40, seed=1))
    assert 0 <= section["measured"]["recall@1"] <= 1
    put_into(bundle, section)
    opened = Bundle.open(bundle.folder)
    verifier = Verifier.open(opened, True)
    assert opened.embedder_hash == bundle.embedder_hash and verifier is not None
    model = VerifierModel(DIMENSION, VerifierModelConfig())
    state = torch.load(checkpoint, weights_only=True)["averaged"]
    model.load_state_dict(state)
    one, several = torch.from_numpy(found.gallery.embeddings[:2]), torch.from_numpy(found.gallery.embeddings[None, :7])
    expected = model.eval()(one, several.expand(2, -1, -1)).detach().numpy()
    got = verifier.session.run(queries=one.numpy(), candidates=np.repeat(several.numpy(), 2, 0))["probs"]
    assert np.allclose(got, expected, atol=5e-3)
