"""How near boxes that are carried between detections stay to those that the detector finds in every frame."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.speed_clips import read_frames
from matcher.boxes import iou
from matcher.pipeline import Pipeline
from matcher.stages.flow import Flow
from matcher.stages.motion import Motion
from matcher.types import Frame

STRIDES = (2, 3, 4, 6)
Boxes = dict[int, NDArray[np.float32]]  # track -> box (4,)


class Hold:
    """Boxes stay where they were detected."""

    def see(self, frame: Frame, detected: Boxes | None) -> None:
        """Take the next frame, and its boxes where it is detected."""

    def carry(self, boxes: Boxes) -> Boxes:
        """The boxes of the last frame in this one."""
        return boxes


class Velocity(Hold):
    """Boxes go on as the tracker's own model of motion says."""

    def __init__(self) -> None:
        """No track yet."""
        self._motions: dict[int, Motion] = {}
        self._time = 0.0

    def see(self, frame: Frame, detected: Boxes | None) -> None:
        """Take the next frame, and its boxes where it is detected."""
        self._time = frame.time
        for number, box in (detected or {}).items():
            if number in self._motions:
                self._motions[number].update(box, frame.time)
            else:
                self._motions[number] = Motion(box, frame.time)

    def carry(self, boxes: Boxes) -> Boxes:
        """The boxes of the last frame in this one."""
        return {number: self._motions[number].predict(self._time) for number in boxes}


class Follow(Hold):
    """Boxes are followed by optical flow."""

    def __init__(self) -> None:
        """No picture yet."""
        self._flow = Flow()

    def see(self, frame: Frame, detected: Boxes | None) -> None:
        """Take the next frame, and its boxes where it is detected."""
        self._flow.see(frame.image)

    def carry(self, boxes: Boxes) -> Boxes:
        """The boxes of the last frame in this one."""
        return dict(zip(boxes, self._flow.move(np.stack(list(boxes.values()))), strict=True)) if boxes else {}


METHODS: dict[str, Callable[[], Hold]] = {"hold": Hold, "velocity": Velocity, "flow": Follow}


def carried(video: Path, pipeline: Pipeline, frames: int, strides: Sequence[int] = STRIDES) -> list[dict[str, Any]]:
    """Compare ways of carrying boxes.

    Args:
        video: the clip.
        pipeline: finds and tracks garments in every frame, for comparison.
        frames: so many of the clip.
        strides: frames for each detection.

    Returns:
        For each stride and method {"stride", "method", "iou" (mean over carried boxes), "iou_p10", "lost" (share with
        an IoU below one half), "cpu_ms" (of a carried frame)}.
    """
    film = read_frames(video, frames)
    truth = [_boxes(pipeline, frame) for frame in film]
    return [
        {"stride": stride, "method": name, **score(film, truth, stride, make())}
        for stride in strides
        for name, make in METHODS.items()
    ]


def score(film: Sequence[Frame], truth: Sequence[Boxes], stride: int, method: Hold) -> dict[str, float]:
    """Figures of one method at one stride; `truth` has each frame's boxes."""
    overlaps, times, now = [], [], {}
    for index, (frame, found) in enumerate(zip(film, truth, strict=True)):
        detected, start = index % stride == 0, time.thread_time()
        method.see(frame, found if detected else None)
        now = dict(found) if detected else method.carry(now)
        if not detected:
            times.append(1000 * (time.thread_time() - start))
            overlaps += [float(iou(now[n][None], found[n][None])[0, 0]) for n in now if n in found]
    values = np.array(overlaps or [0.0])
    return {
        "iou": round(float(values.mean()), 3),
        "iou_p10": round(float(np.percentile(values, 10)), 3),
        "lost": round(float((values < 0.5).mean()), 3),
        "cpu_ms": round(float(np.mean(times)) if times else 0.0, 2),
    }


def _boxes(pipeline: Pipeline, frame: Frame) -> Boxes:
    garments = pipeline(frame)
    return dict(zip(garments.track_id.tolist(), garments.xyxy, strict=True))
