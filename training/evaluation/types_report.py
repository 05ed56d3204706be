"""More about the answers of a type classifier: any top-k, calibration, confusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher.taxonomy import TYPES
from training.evaluation.calibration import calibration, confusion, top_k
from training.evaluation.types_eval import LEGGINGS, PANTS


def types_report(answers: Sequence[tuple[NDArray[np.float32], int]]) -> dict[str, Any]:
    """Figures over the types that occur.

    Args:
        answers: probabilities (T,) of `taxonomy.TYPES` and the right type id of each picture.

    Returns:
        {"types": names of the candidates, "top": {"top1", "top2", "top3", "top5"}, "calibration", "confusion"}, see
        `training.evaluation.calibration`. Probabilities of other types are left out and the rest made to add to 1.
    """
    candidates = sorted({type_id for _, type_id in answers})
    probs = np.array([answer for answer, _ in answers], np.float64)
    if LEGGINGS not in candidates:
        probs[:, PANTS] += probs[:, LEGGINGS]
    probs = probs[:, candidates]
    probs /= np.maximum(probs.sum(1, keepdims=True), 1e-12)
    truth = np.array([candidates.index(type_id) for _, type_id in answers])
    return {
        "types": [TYPES[i] for i in candidates],
        "top": top_k(probs, truth, tuple(k for k in (1, 2, 3, 5) if k <= len(candidates))),
        "calibration": calibration(probs, truth),
        "confusion": confusion(truth, probs.argmax(1), len(candidates)).tolist(),
    }
