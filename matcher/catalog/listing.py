"""Under which types a product is found: its own, and others that it looks like; and which types a look-up asks.

The shop calls it a cardigan, in a film it looks like a dress. A search asks the likeliest types of what it sees, so
a vector whose picture looks like another type worn at the same place stands in that type's sub-index as well.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.taxonomy import SLOTS, TYPES

# Chosen on validation photos and two real clips: a share of 0.11 more vectors to search, as many right answers on
# tried-on photos, and products can be found in all frames of the clips in place of 61 in 100.
LEAST = 0.3
# A type that is 50 times less likely than the likeliest: at the usual `type_doubt` its answers would lose 0.08 of their
# cosine. Of worn garments 2.9 % stand under a third or fourth type, and 0.2 % under one that is less likely than this.
QUESTIONABLE = 0.02


def also_listed(type_name: str, type_probs: NDArray[np.float32] | None) -> list[str]:
    """Other types under which a vector is found.

    Args:
        type_name: the product's type.
        type_probs: (T,) over `taxonomy.TYPES`, what the models think of the picture; None = unknown.

    Returns:
        Types of at least `LEAST` worn at the same place of the body, in the order of `TYPES`.
    """
    if type_probs is None:
        return []
    return [
        name
        for name, prob in zip(TYPES, type_probs, strict=True)
        if name != type_name and SLOTS[name] == SLOTS[type_name] and prob >= LEAST
    ]


def likeliest(type_probs: NDArray[np.float32], count: int) -> NDArray[np.bool_]:
    """(N, T) the `count` likeliest types of each row; equal ones in the order of `TYPES`, impossible ones never."""
    probs = np.nan_to_num(type_probs)
    order = np.argsort(-probs, axis=1, kind="stable")[:, :count]
    result = np.zeros(probs.shape, bool)
    np.put_along_axis(result, order, True, 1)
    return result & (probs > 0)


def worth_asking(type_probs: NDArray[np.float32], top_types: int, most_types: int) -> NDArray[np.float32]:
    """The types that a look-up searches: the likeliest ones, and others as long as they are not out of the question.

    Args:
        type_probs: (N, T) over `taxonomy.TYPES`.
        top_types: so many are always searched.
        most_types: so many at most; those beyond `top_types` are at least `QUESTIONABLE` times as likely as the first.

    Returns:
        (N, T) float32, the probabilities, 0 where a type is not searched.
    """
    probs = np.nan_to_num(np.asarray(type_probs, np.float32))
    close = probs >= QUESTIONABLE * probs.max(1, initial=0, keepdims=True)
    searched = likeliest(probs, top_types) | (likeliest(probs, most_types) & close)
    return np.where(searched, probs, np.float32(0))


def doubts(type_probs: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much less likely each type is than the likeliest of its row: the difference of their natural logarithms.

    Args:
        type_probs: (N, T) over `taxonomy.TYPES`; what is no number counts as 0, and 0 as a millionth.

    Returns:
        (N, T) float32, 0 for the likeliest type.
    """
    likely = np.log(np.maximum(np.nan_to_num(type_probs), 1e-6, dtype=np.float32))
    return likely.max(1, keepdims=True) - likely
