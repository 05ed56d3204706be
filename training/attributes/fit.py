"""Softmax regression with a penalty on large weights, fitted by L-BFGS: few numbers, one best answer, no chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from matcher.attributes.weights import Linear


def fit(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    penalty: float = 3.0,
    prior: Sequence[float] | None = None,
) -> Linear:
    """Fit a model in which each class that has examples counts alike.

    Args:
        features: (N, F).
        labels: (N,) classes, 0 to classes - 1; one without examples is never said.
        classes: C.
        penalty: half of it times the sum of the squared weights is added to the summed loss of N examples.
        prior: how usual each class is where the model will be asked; all alike when None.
    """
    mean, scale = features.mean(0), features.std(0) + 1e-3
    x = ((features - mean) / scale).clip(-6, 6).astype(np.float64)
    count = np.bincount(labels, minlength=classes)
    weight = (len(labels) / np.maximum(count, 1) / max((count > 0).sum(), 1))[labels]
    absent = np.where(count > 0, 0.0, -50.0)
    truth = np.eye(classes)[labels]

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        w, b = flat[:-classes].reshape(-1, classes), flat[-classes:]
        logits = x @ w + b + absent
        logits -= logits.max(1, keepdims=True)
        chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        value = -(weight * np.log(np.maximum((chances * truth).sum(1), 1e-12))).sum() + penalty / 2 * np.square(w).sum()
        off = (chances - truth) * weight[:, None]
        return value, np.concatenate([(x.T @ off + penalty * w).ravel(), off.sum(0)])

    start = np.zeros((x.shape[1] + 1) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 600}).x
    bias = found[-classes:] + absent + (np.log(prior) if prior is not None else 0)
    parts = mean, scale, found[:-classes].reshape(-1, classes), bias
    return Linear(*(part.astype(np.float32) for part in parts))
