"""The match head as a search by inner product, so that a catalogue serves it.

With w = W1 - W0 and c the difference of the biases, the logit of "same" for a query a and a product b is

    sum w (a - b)^2 + c = <[-2 w a, 1], [b, sum w b^2]> + sum w a^2 + c,

and for one query the last two terms are the same for every product: the inner product in d + 1 dimensions orders
products exactly as the head's softmax does. A catalogue holds vectors of length 1; dividing by the largest length and
one more coordinate (Neyshabur and Srebro, 2015) brings these there, again without changing any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.match_rcnn.match_head import MatchHead


@dataclass(frozen=True)
class MatchVectors:
    """Turns vectors of a match head into what is stored and what is asked.

    Attributes:
        weight: (d,) float64, w.
        bias: c.
        radius: largest length of a stored vector, for those of a catalogue; 0 = not known yet.
    """

    weight: NDArray[np.float64]
    bias: float
    radius: float = 0.0

    @classmethod
    def of(cls, head: MatchHead, products: NDArray[np.float32] | None = None) -> MatchVectors:
        """Of a trained head.

        Args:
            head: trained.
            products: (N, d) vectors of all products that will be stored; needed for a catalogue alone.
        """
        weight, bias = (p.detach().cpu().double().numpy() for p in (head.decide.weight, head.decide.bias))
        plain = cls(weight[1] - weight[0], float(bias[1] - bias[0]))
        if products is None:
            return plain
        return cls(plain.weight, plain.bias, float(np.linalg.norm(plain.stored(products), axis=1).max(initial=0.0)))

    def stored(self, products: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, d) vectors of products -> (N, d + 1): [b, sum w b^2]."""
        wide = np.asarray(products, np.float64)
        return np.concatenate([wide, (wide**2 @ self.weight)[:, None]], 1)

    def asked(self, queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """(N, d) vectors of queries -> (N, d + 1): [-2 w a, 1]."""
        wide = np.asarray(queries, np.float64)
        return np.concatenate([-2 * self.weight * wide, np.ones((len(wide), 1))], 1)

    def score(self, inner: NDArray[np.float64], queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """The head's probability of "same", (N, K), from inner products (N, K) and the queries' own vectors (N, d)."""
        logit = inner + (np.asarray(queries, np.float64) ** 2 @ self.weight)[:, None] + self.bias
        return 1 / (1 + np.exp(-logit))

    def catalog_vectors(self, products: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, d) vectors of products -> (N, d + 2) float32 of length 1, to put into a catalogue.

        Raises:
            ValueError: a vector is longer than `radius`: it was not among those that `of` was given.
        """
        scaled = self.stored(products) / max(self.radius, np.finfo(np.float64).tiny)
        left = 1 - (scaled**2).sum(1)
        if (left < -1e-9).any():
            raise ValueError("a product's vector is longer than the radius; make it of all products that are stored")
        return np.concatenate([scaled, np.sqrt(left.clip(0))[:, None]], 1).astype(np.float32)

    def catalog_queries(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, d) vectors of queries -> (N, d + 2) float32 of length 1, to search a catalogue with."""
        asked = self.asked(queries)
        lengths = np.linalg.norm(asked, axis=1, keepdims=True)
        return np.concatenate([asked / lengths, np.zeros((len(asked), 1))], 1).astype(np.float32)

    def catalog_score(self, cosines: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.float64]:
        """The head's probability of "same", (N, K), from a catalogue's cosines (N, K) and the queries (N, d)."""
        lengths = np.linalg.norm(self.asked(queries), axis=1, keepdims=True)
        return self.score(np.asarray(cosines, np.float64) * lengths * self.radius, queries)
