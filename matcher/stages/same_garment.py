"""Which of several finds are one garment: one pair of shoes in two boxes, one coat as outerwear and as a top.

Found by pairs: boxes tell most of them. Where garments are worn one over the other boxes lie within one another too,
and masks tell: a pixel shows one garment only, so a mask that lies within another one shows the same cloth.
Counts are of 804 street photos with 3,866 garments drawn by hand.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import area, intersection, iou
from matcher.taxonomy import SLOTS, TYPE_IDS, TYPES

_SLOT_NAMES = sorted(set(SLOTS.values()))
SLOT_OF_TYPE = np.array([_SLOT_NAMES.index(SLOTS[name]) for name in TYPES])
# Two boxes that coincide this well are nearly always one thing: 9 pairs do and are not, all of them worn one over the
# other on the torso (outerwear and tops).
SAME_THING_IOU = 0.8
# A dress and something for the legs whose boxes overlap more are one garment: one true pair of 300 does.
DRESS_LEGS_IOU = 0.6
# A box that lies so far within a better one of its type is a part of it: no true pair does, but of tops and outerwear.
PART = 0.8
# The share of the smaller mask within the other one from which they show one garment. Where the boxes alone would say
# that a coat and a top or dress are one, less is enough: what shows under an open coat shares hardly anything with it.
SAME_CLOTH, SAME_CLOTH_LAYERED = 0.8, 0.5
_WORTH_A_LOOK = 0.5  # share of the smaller box in the other below which masks are not compared

_DRESS = np.arange(len(TYPES)) == TYPE_IDS["dresses"]
_LEGS = SLOT_OF_TYPE == SLOT_OF_TYPE[TYPE_IDS["pants"]]
_DRESS_LEGS = (_DRESS[:, None] & _LEGS) | (_LEGS[:, None] & _DRESS)
_ONE_SLOT = SLOT_OF_TYPE[:, None] == SLOT_OF_TYPE
_COAT = np.arange(len(TYPES)) == TYPE_IDS["outerwear"]
_UNDER_COAT = np.isin(np.arange(len(TYPES)), [TYPE_IDS["tops"], TYPE_IDS["dresses"]])
_LAYERS = (_COAT[:, None] & _UNDER_COAT) | (_UNDER_COAT[:, None] & _COAT)
_LAYERED = np.isin(np.arange(len(TYPES)), [TYPE_IDS["tops"], TYPE_IDS["outerwear"]])
_PARTS = np.eye(len(TYPES), dtype=bool) & ~_LAYERED


def resolve(
    xyxy: NDArray[np.float32],
    types: NDArray[np.int64],
    proposal: NDArray[np.int64],
    limit: float,
    masked: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Keep the best of candidates whose boxes say that they are one garment.

    Two are one if they come from one proposal, nearly coincide, are of types of one slot and overlap, are a dress and
    something for the legs and overlap, or are of one type and the weaker lies within the better or the other way round.
    Outerwear and a top or dress from two proposals are left to `resolve_by_masks` where both will have masks: under an
    open coat a top shows from the collar to the hem, in a box that is nearly the coat's.

    Args:
        xyxy: (N, 4) boxes, best first.
        types: (N,) type ids.
        proposal: (N,) which box of the network each comes from.
        limit: IoU above which types of one slot are one garment.
        masked: (N,) whose masks will be compared; None = nobody's.

    Returns:
        Indices kept, best first, int64.
    """
    overlap, pair = iou(xyxy, xyxy), np.ix_(types, types)
    same = ((overlap > limit) & _ONE_SLOT[pair]) | ((overlap > DRESS_LEGS_IOU) & _DRESS_LEGS[pair])
    same |= overlap > SAME_THING_IOU
    if masked is not None:
        same &= ~(_LAYERS[pair] & masked[:, None] & masked[None, :])
    same |= proposal[:, None] == proposal[None, :]
    same |= (_share_of_smaller(xyxy) > PART) & _PARTS[pair]
    return _best(same)


def rivals(xyxy: NDArray[np.float32], types: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Pairs (N, N) that may be one garment though their boxes do not say so: their masks are worth a look.

    Args:
        xyxy: (N, 4) boxes.
        types: (N,) type ids.
    """
    pair = np.ix_(types, types)
    close = (_share_of_smaller(xyxy) > _WORTH_A_LOOK) & (_ONE_SLOT[pair] | _DRESS_LEGS[pair])
    return close & ~np.eye(len(types), dtype=bool)


def resolve_by_masks(
    xyxy: NDArray[np.float32],
    types: NDArray[np.int64],
    mask: NDArray[np.float32],
    pairs: NDArray[np.bool_],
    limit: float,
) -> NDArray[np.int64]:
    """Keep the best of garments that show the same cloth.

    Args:
        xyxy: (N, 4) boxes, best first.
        types: (N,) type ids.
        mask: (N, M, M) over the boxes, 0..1; only those of rows in a pair are read.
        pairs: (N, N) which to compare, see `rivals`.
        limit: as for `resolve`.

    Returns:
        Indices kept, best first, int64.
    """
    same = np.zeros(pairs.shape, bool)
    layers = _LAYERS[np.ix_(types, types)] & (iou(xyxy, xyxy) > limit)
    for i, j in np.argwhere(np.triu(pairs)):
        most = SAME_CLOTH_LAYERED if layers[i, j] else SAME_CLOTH
        same[i, j] = same[j, i] = shared_cloth(xyxy[[i, j]], mask[[i, j]]) > most
    return _best(same)


def shared_cloth(xyxy: NDArray[np.float32], mask: NDArray[np.float32]) -> float:
    """Share 0..1 of the smaller of two masks that lies within the other.

    Args:
        xyxy: (2, 4) boxes.
        mask: (2, M, M) over the boxes, 0..1; a garment is where it is above one half.
    """
    order = np.argsort(area(xyxy))  # the cells of the smaller box are the finer ones
    (small, large), cells, solid = xyxy[order], mask.shape[-1], mask[order] > 0.5
    sizes = solid.sum((1, 2)) * area(xyxy[order])
    if not sizes.all():
        return 0.0
    middle = (np.arange(cells) + 0.5) / cells
    points = small[:2] + middle[:, None] * (small[2:] - small[:2])  # (M, 2) x and y of the smaller one's cells
    at = np.floor((points - large[:2]) / (large[2:] - large[:2]) * cells).astype(int)
    x, y = at.T
    inside = ((y >= 0) & (y < cells))[:, None] & ((x >= 0) & (x < cells))
    covered = solid[1][np.ix_(y.clip(0, cells - 1), x.clip(0, cells - 1))] & inside
    return float(min((solid[0] & covered).sum() * area(small) / sizes.min(), 1.0))


def _share_of_smaller(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, N): the area that two boxes share, as a share of the smaller one."""
    size = area(xyxy)
    return intersection(xyxy, xyxy) / np.maximum(np.minimum(size[:, None], size), 1e-6)


def _best(same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows, best first, that are not the same as a row kept before."""
    kept: list[int] = []
    for i in range(len(same)):
        if not same[i, kept].any():
            kept.append(i)
    return np.array(kept, np.int64)
