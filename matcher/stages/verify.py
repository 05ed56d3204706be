"""Verification: a small network looks at pairs of embeddings and re-ranks the first products of a look-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.errors import BundleError
from matcher.runtime.session import Session
from matcher.stages.models import Runtime

MODEL = "verifier"


@dataclass(frozen=True)
class Verifier:
    """Re-ranks products by similarity plus the network's opinion.

    Attributes:
        session: `queries` (N, D), `candidates` (N, K, D) float32 -> `probs` (N, K) of being the same product.
        depth: so many products of a look-up are re-ranked.
        weight: of the opinion: a product gains up to half of it, or loses as much.
    """

    session: Session
    depth: int
    weight: float

    @classmethod
    def open(cls, bundle: Bundle, wanted: bool | None = None, runtime: Runtime | None = None) -> Verifier | None:
        """The verifier of a bundle, if it is to be used.

        Args:
            bundle: weights with their card.
            wanted: None = as the card says, which has it on where it measured better.
            runtime: where it runs.

        Raises:
            BundleError: it is wanted and there is none, or it was trained for another embedder.
        """
        section = bundle.model(MODEL) if wanted or MODEL in bundle.card["models"] else {}
        if not (section.get("on", False) if wanted is None else wanted):
            return None
        if section.get("embedder") != bundle.embedder_hash:
            raise BundleError(
                f"the verifier of {bundle.folder} was trained for another embedder;"
                f" train it again: asworn train verifier --bundle {bundle.folder}"
            )
        session = (runtime or Runtime()).load(bundle, MODEL)
        return cls(session, int(section["depth"]), float(section["weight"]))

    def scores(
        self, queries: NDArray[np.float32], candidates: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Scores with the network's opinion added.

        Args:
            queries: (N, D) float32, L2-normalised.
            candidates: (N, K, D) float32 of the products found; zeros where there is none.
            scores: (N, K) their similarities.

        Returns:
            (N, K) float32, in the same order and units, within -1..1.
        """
        if not scores.size:
            return scores
        probs = self.session.run(queries=queries, candidates=candidates)["probs"]
        return np.clip(scores + self.weight * (probs - 0.5), -1, 1).astype(np.float32)
