"""Verifiers on pairs of embeddings: what they are shown, that they learn, that scores of all pairs are theirs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.loop import TrainingError
from training.verifier.concatenated import ConcatenatedVerifier
from training.verifier.model import VerifierModel, VerifierModelConfig
from training.verifier.pairs import PairTraining, all_scores, candidates, learn, sigmoid_loss
from training.verifier.train import pair_loss


def unit(rows: int, seed: int, width: int = 8) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def test_candidates_are_the_right_one_the_nearest_strangers_and_others_once_each() -> None:
    near = np.array([4, 2, 0, 1, 3, 5, 6, 7])
    chosen = candidates(2, near, 5, np.random.default_rng(0))
    assert list(chosen[:3]) == [2, 4, 0] and len(set(chosen.tolist())) == 5
    assert len(candidates(2, near, 50, np.random.default_rng(0))) == 8  # there are no more


def test_the_concatenated_verifier_gives_probabilities_and_knows_query_from_candidate() -> None:
    torch.manual_seed(1)
    model = ConcatenatedVerifier(8).eval()
    first, second = torch.from_numpy(unit(3, 1)), torch.from_numpy(unit(3, 2))
    probs = model(first, second.unsqueeze(1))
    assert probs.shape == (3, 1) and bool(((probs > 0) & (probs < 1)).all())
    assert not torch.allclose(probs, model(second, first.unsqueeze(1)))


def test_the_sigmoid_loss_is_that_of_a_plain_loop() -> None:
    logits, right = torch.tensor([[0.3, -1.0], [2.0, 0.5]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    plain = 0.0
    for row, truth in zip(logits.tolist(), right.tolist(), strict=True):
        for value, yes in zip(row, truth, strict=True):
            prob = 1 / (1 + np.exp(-value))
            plain -= (4 * np.log(prob) if yes else np.log(1 - prob)) / 4
    assert float(sigmoid_loss(logits, right, 4.0)) == pytest.approx(plain, rel=1e-5)


@pytest.mark.parametrize("name", ["concatenated", "ours"])
def test_a_verifier_learns_which_part_of_an_embedding_counts(name: str) -> None:
    """Half of the numbers are noise in every view: the cosine cannot know, a verifier can."""
    own, noise = unit(60, 3, 4), [unit(60, seed, 4) for seed in (4, 5)]
    queries, products = (np.concatenate([own * 0.6, n * 0.8], 1).astype(np.float32) for n in noise)
    torch.manual_seed(2)
    model = ConcatenatedVerifier(8) if name == "concatenated" else VerifierModel(8, VerifierModelConfig())
    loss = sigmoid_loss if name == "concatenated" else pair_loss
    learn(model, queries, products, loss, PairTraining(steps=250, batch=60, depth=12, rate=5e-3))
    own_rows = np.arange(60)
    by_cosine = (queries @ products.T).argsort(1)[:, -5:]
    by_model = all_scores(model, queries, products).argsort(1)[:, -5:]
    found = [(rows == own_rows[:, None]).any(1).mean() for rows in (by_cosine, by_model)]
    assert found[1] > found[0] + 0.1


def test_scores_of_all_pairs_are_those_of_each_pair_alone() -> None:
    torch.manual_seed(3)
    model, queries, products = ConcatenatedVerifier(8).eval(), unit(5, 6), unit(7, 7)
    scores = all_scores(model, queries, products, rows=2)
    with torch.no_grad():
        one = model.logits(torch.from_numpy(queries[3:4]), torch.from_numpy(products[None, 4:5]))
    assert scores.shape == (5, 7) and scores[3, 4] == pytest.approx(float(one), abs=1e-5)


def test_a_loss_that_is_no_number_stops_the_training() -> None:
    with pytest.raises(TrainingError, match="became nan at step 0"):
        learn(ConcatenatedVerifier(8), unit(4, 1), unit(4, 2), lambda *_: torch.tensor(torch.nan), PairTraining())
