"""Trains a verifier on pairs of embeddings that are there already, without tracks: to compare verifiers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.loop import TrainingError

# Logits (N, K), which are right (N, K) of 0 and 1 with the right one first, weight of the right ones -> scalar.
PairLoss = Callable[[Tensor, Tensor, float], Tensor]


@dataclass(frozen=True)
class PairTraining:
    """One short training.

    Attributes:
        steps: of AdamW.
        batch: queries in a batch.
        depth: candidates of each query: its own product, and strangers, half of them the nearest ones.
        positive: weight of the right pairs.
    """

    steps: int = 300
    batch: int = 64
    depth: int = 20
    positive: float = 4.0
    rate: float = 1e-3
    seed: int = 1


def sigmoid_loss(logits: Tensor, right: Tensor, positive: float) -> Tensor:
    """Cross entropy of each pair for itself; arguments as for `training.verifier.train.pair_loss`."""
    return nn.functional.binary_cross_entropy_with_logits(logits, right, pos_weight=torch.tensor(positive))


def learn(
    model: nn.Module, queries: NDArray[np.float32], products: NDArray[np.float32], loss_of: PairLoss, how: PairTraining
) -> None:
    """Train a verifier, in place.

    Args:
        model: has `logits(queries, candidates)`, see `training.verifier.model.VerifierModel`.
        queries: (N, D), L2-normalised.
        products: (N, D); row i is what query i shows, the other rows are strangers to it.
        loss_of: of the logits.
        how: settings.

    Raises:
        TrainingError: the loss became non-finite.
    """
    near = np.argsort(-(queries @ products.T), axis=1, kind="stable")
    optimiser = torch.optim.AdamW(model.parameters(), how.rate)
    model.train()
    for step in range(how.steps):
        torch.manual_seed(how.seed * 1_000_003 + step)  # dropout
        rng = np.random.default_rng((how.seed, step))
        rows = rng.choice(len(queries), min(how.batch, len(queries)), replace=False)
        chosen = np.stack([candidates(row, near[row], how.depth, rng) for row in rows])
        right = torch.zeros(chosen.shape)
        right[:, 0] = 1
        loss = loss_of(
            model.logits(torch.from_numpy(queries[rows]), torch.from_numpy(products[chosen])), right, how.positive
        )
        if not torch.isfinite(loss):
            raise TrainingError(f"the verifier's loss became {float(loss)} at step {step}; lower the rate")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()


def candidates(row: int, near: NDArray[np.int64], depth: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The right row, then strangers: half of them the nearest, the others random; fewer where there are fewer.

    Args:
        row: the query's number, which is its product's.
        near: all product rows, nearest first.
        depth: rows in all.
        rng: source of randomness.
    """
    strangers = near[near != row]
    hard = strangers[: (depth - 1) // 2]
    others = strangers[len(hard) :]
    some = rng.choice(others, min(depth - 1 - len(hard), len(others)), replace=False)
    return np.concatenate([[row], hard, some]).astype(np.int64)


@torch.no_grad()
def all_scores(
    model: nn.Module, queries: NDArray[np.float32], products: NDArray[np.float32], rows: int = 16
) -> NDArray[np.float32]:
    """Logits (Q, G) of every query (Q, D) with every product (G, D), `rows` queries at a time.

    They rank as the probabilities do, of which many would be rounded to 1 and be equal.
    """
    model.eval()
    every = torch.from_numpy(products).unsqueeze(0)
    parts = [model.logits(part, every.expand(len(part), -1, -1)) for part in torch.from_numpy(queries).split(rows)]
    return torch.cat(parts).numpy()
