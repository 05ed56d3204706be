"""Do probabilities say what they mean? Expected calibration error and the reliability table (Guo et al., ICML 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


def calibration(probs: NDArray[np.floating], truth: NDArray[np.integer], bins: int = BINS) -> dict[str, Any]:
    """Compare how sure a classifier is with how often it is right.

    Args:
        probs: (N, C) probabilities.
        truth: (N,) right classes.
        bins: equal parts of 0..1; a probability on a border belongs to the lower part.

    Returns:
        {"ece": mean distance of confidence and accuracy over all answers, "mce": the largest of a bin, "brier": mean
        squared distance of the probabilities to the truth, "table": [{"from", "to", "count", "confidence",
        "accuracy"}] of the bins that have answers}.
    """
    if not len(truth):
        return {"ece": 0.0, "mce": 0.0, "brier": 0.0, "table": []}
    probs = np.asarray(probs, np.float64)
    sure, right = probs.max(1), probs.argmax(1) == truth
    which = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    rows = []
    for i in np.unique(which):
        inside = which == i
        row = {"from": i / bins, "to": (i + 1) / bins, "count": int(inside.sum())}
        rows.append(row | {"confidence": float(sure[inside].mean()), "accuracy": float(right[inside].mean())})
    gaps = np.array([abs(row["confidence"] - row["accuracy"]) for row in rows])
    shares = np.array([row["count"] for row in rows]) / len(truth)
    exact = np.eye(probs.shape[1])[truth]
    return {
        "ece": round(float((gaps * shares).sum()), 4),
        "mce": round(float(gaps.max()), 4),
        "brier": round(float(((probs - exact) ** 2).sum(1).mean()), 4),
        "table": [{key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()} for row in rows],
    }


def top_k(
    probs: NDArray[np.floating], truth: NDArray[np.integer], ks: tuple[int, ...] = (1, 2, 3, 5)
) -> dict[str, float]:
    """Share of answers whose right class is among the k likeliest; a tie is lost.

    Args:
        probs: (N, C).
        truth: (N,).
        ks: for which k.
    """
    own = probs[np.arange(len(truth)), truth][:, None]
    ranks = (np.asarray(probs) >= own).sum(1) - 1
    return {f"top{k}": round(float((ranks < k).mean()), 4) if len(truth) else 0.0 for k in ks}


def confusion(truth: NDArray[np.integer], said: NDArray[np.integer], classes: int) -> NDArray[np.int64]:
    """How often class r was called c: (classes, classes) int64, row r, column c."""
    return np.bincount(truth * classes + said, minlength=classes * classes).reshape(classes, classes)
