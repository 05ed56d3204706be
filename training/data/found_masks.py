"""A detector's own masks of stored garments, faults and all, for networks that have to live with them.

The crops of a store show a garment at about the size at which the detector sees it in a whole photo, and some of what
is around it, so the detector looks at the crops.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import iou, paste_mask
from matcher.bundle import Bundle
from matcher.config import DetectConfig
from matcher.files import PartFile
from matcher.stages.detect import Detector
from matcher.stages.models import Runtime
from training.data.finish import body
from training.data.garment_crops import DRAWN, SIZE, TRYON, WORN, Garment, GarmentStore, mask_box

_SAME = 0.5  # overlap of a found box with the true one: less is another garment
_LEAST = 0.25  # overlap of the masks: less is another garment's cloth
_SURE = 0.2  # score from which a doubtful garment is looked at
_WORN = (WORN, TRYON, DRAWN)


def with_found(store: GarmentStore, bundle: Bundle, threads: int = 1) -> GarmentStore:
    """A store whose worn rows, if any, have the detector's masks too; they are kept in its folder for the next time.

    Args:
        store: of garments.
        bundle: whose detector looks.
        threads: of the detector.

    Raises:
        BundleError: it has no detector that can be loaded.
    """
    if not any(row.kind in _WORN for row in store.rows):
        return store
    kept = store.folder / f"masks-{bundle.card['files'][bundle.model('detector')['file']][:12]}.u8"
    if not kept.is_file():
        detector = Detector(bundle, DetectConfig(short_side=SIZE, max_side=SIZE), Runtime(threads=threads))
        file = PartFile(kept)
        try:
            with file.part.open("wb") as out:
                for mask in _found(store, detector):
                    out.write(np.ascontiguousarray(mask).tobytes())
            file.commit()
        finally:
            file.discard()
    return GarmentStore(store.folder, np.memmap(kept, np.uint8, "r", shape=(len(store), SIZE, SIZE)))


def _found(store: GarmentStore, detector: Detector) -> Iterator[NDArray[np.uint8]]:
    for i in range(len(store)):
        worn = store.rows[i].kind in _WORN
        yield found_mask(store[i], detector) if worn else np.zeros((SIZE, SIZE), np.uint8)


def found_mask(garment: Garment, detector: Detector) -> NDArray[np.uint8]:
    """The detector's mask (SIZE, SIZE) of 0 and 255 of a garment; all 0 where it finds another one or nothing."""
    truth = garment.mask > 127
    boxes = [garment.row.box]
    if truth.any():  # the box of a bag may go round its strap, or not
        boxes.append(mask_box(body(truth.astype(np.uint8), garment.row.type_id)))
    proposals = detector.propose(garment.image)
    found = detector.select(proposals, _SURE)
    near = iou(np.array(boxes, np.float32), found.xyxy).max(0) >= _SAME
    best, overlap = np.zeros((SIZE, SIZE), bool), _LEAST
    for one in detector.mask(proposals, found, near)[near]:
        mask = paste_mask(one.mask[0], one.xyxy[0], SIZE, SIZE)
        shared = float((mask & truth).sum() / max((mask | truth).sum(), 1))
        if shared > overlap:
            best, overlap = mask, shared
    return best.astype(np.uint8) * 255
