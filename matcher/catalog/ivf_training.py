"""Indexes of inverted lists, trained on a sample of the vectors that they are for."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

CODE_BYTES = 32
_CODES = 256  # centres of each part of a vector: one byte
_FOR_EACH = 40  # training vectors for each centre; more makes the training longer and hardly better
_ROUNDS = 6  # of k-means
_ADDED = 65_536  # vectors at a time


def plain_index(vectors: NDArray[np.float32]) -> faiss.IndexIVFFlat:
    """A trained IVF-Flat index for vectors (M, D), empty."""
    index = faiss.index_factory(vectors.shape[1], f"IVF{_lists(len(vectors))},Flat", faiss.METRIC_INNER_PRODUCT)
    _short_training(index.cp)
    index.train(_sample(vectors, _FOR_EACH * index.nlist))
    return index


def pq_index(vectors: NDArray[np.float32]) -> faiss.IndexPreTransform:
    """A trained IVF-PQ index for vectors (M, D), empty, behind a rotation that makes parts carry equal shares.

    The rotation is that of parametric OPQ: principal axes, dealt out to the parts. A rest of D by the parts is cut off.
    """
    dimension = vectors.shape[1]
    parts = min(CODE_BYTES, dimension // 2)
    turned = dimension - dimension % parts
    # "np": codes in no order; to order them, which helps other ways of searching, takes minutes.
    how = f"PCA{turned},IVF{_lists(len(vectors))},PQ{parts}np"
    index = faiss.index_factory(dimension, how, faiss.METRIC_INNER_PRODUCT)
    lists = faiss.downcast_index(index.index)
    _short_training(lists.cp)
    _short_training(lists.pq.cp)
    sample = _sample(vectors, _FOR_EACH * max(lists.nlist, _CODES))
    turn = faiss.downcast_VectorTransform(index.chain.at(0))
    turn.balanced_bins = parts
    turn.train(sample)
    # Without the move to the mean, which would change inner products.
    faiss.copy_array_to_vector(np.zeros(turned, np.float32), turn.b)
    lists.train(turn.apply(sample))
    index.is_trained = True
    return index


def filled(index: faiss.Index, vectors: NDArray[np.float32]) -> faiss.Index:
    """The index with vectors[i] at position i."""
    for start in range(0, len(vectors), _ADDED):
        index.add(np.ascontiguousarray(vectors[start : start + _ADDED]))
    return index


def _lists(count: int) -> int:
    return int(np.clip(2 * np.sqrt(count), 16, 65_536))


def _short_training(parameters: faiss.ClusteringParameters) -> None:
    parameters.niter = _ROUNDS
    parameters.max_points_per_centroid, parameters.min_points_per_centroid = _FOR_EACH, 1


def _sample(vectors: NDArray[np.float32], most: int) -> NDArray[np.float32]:
    """At most so many of the vectors, drawn without order, the same ones each time."""
    if len(vectors) <= most:
        return np.ascontiguousarray(vectors)
    chosen = np.sort(np.random.default_rng(0).choice(len(vectors), most, replace=False))
    sample = np.ascontiguousarray(vectors[chosen])
    # In order on the disk, but not to the training: neighbours in a feed are alike.
    return sample[np.random.default_rng(1).permutation(most)]
