"""Tracking: the same number for the same garment from frame to frame.

Two rounds of association, confident boxes first and doubtful ones for what is left, are the idea of ByteTrack (Zhang
et al., "ByteTrack: Multi-object tracking by associating every detection box", ECCV 2022); the code is ours, and works
on real time in place of frame counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from matcher.boxes import area, clip
from matcher.config import TrackConfig
from matcher.stages.associate import assign, similarity
from matcher.stages.belief import TypeBelief
from matcher.stages.cut import CutDetector
from matcher.stages.motion import Motion
from matcher.stages.quality import view_quality
from matcher.stages.same_garment import SLOT_OF_TYPE
from matcher.types import Frame, Garments

Move = Callable[[NDArray[np.float32]], NDArray[np.float32]]

FIRST_REFRESH = 0.25  # of refresh_s; doubles with every view, since the first views teach most
LEAST_SEEN = 0.25  # share of a carried box that must lie inside the picture
LOST_PENALTY = 0.3  # a track lost for `lost_s` loses so much of its claim to a box


class Track:
    """What is known of one garment on its way through the picture."""

    def __init__(self, xyxy: NDArray[np.float32], time: float, confirmed: bool) -> None:
        """Begin with a first box; `id` is given when the track is confirmed."""
        self.id = -1
        self.motion = Motion(xyxy, time)
        self.belief = TypeBelief()
        self.hits = 1
        self.sure_at = time
        self.confirmed = confirmed
        self.views = 0
        self.embedded_at = time
        self.best_quality = 0.0

    @property
    def seen(self) -> float:
        """Time of the last box, in seconds."""
        return self.motion.time

    def urgency(self, quality: float, time: float, config: TrackConfig) -> float:
        """How much an embedding is wanted now; 1 or more means it is due."""
        if not self.views:
            return np.inf
        better = quality / max(self.best_quality * config.better_view, 1e-6)
        # Bounded first: a garment that stays for hours has more views than a power of two can be a number of.
        wait = config.refresh_s * min(FIRST_REFRESH * 2.0 ** min(self.views - 1, 60), 1.0)
        return max(better, (time - self.embedded_at) / max(wait, 1e-6))

    def embed(self, quality: float, time: float) -> None:
        """Note that this frame's view is embedded."""
        self.views += 1
        self.embedded_at, self.best_quality = time, max(self.best_quality, quality)


class Tracker:
    """Gives garments their track ids, smooths their types, and says whose embedding is due.

    Ids are never used twice, not even after `reset`. Rows without a confirmed track are left out, and a track
    without a box in this frame has no row.
    """

    def __init__(self, config: TrackConfig | None = None, threshold: float = 0.5) -> None:
        """Track with these settings; `threshold` is the detector's, used where `high_score` is None."""
        self.config = config or TrackConfig()
        self._high = threshold if self.config.high_score is None else self.config.high_score
        self._cuts = CutDetector(self.config.cut_threshold)
        self.shot = 1  # number of the shot that the last frame belongs to
        self._next_id = 1
        self._tracks: list[Track] = []
        self._time = -np.inf

    def __call__(self, frame: Frame, garments: Garments, cut: bool | None = None) -> Garments:
        """Continue the tracks with the boxes of the next frame.

        Args:
            frame: the picture and its time.
            garments: needs xyxy, score and type_probs, down to `low_score`.
            cut: whether another shot begins with this frame; None = see for yourself.

        Returns:
            The rows of confirmed tracks, with track_id, quality, due, shot, and type_probs smoothed over the track.
        """
        time = frame.time
        cut = self._cuts(frame) if cut is None else cut
        self.shot += cut
        # Time that runs back is another video or a jump in it.
        fresh = cut or time <= self._time or self._time == -np.inf
        if fresh:
            self._tracks = []
        matched = self._associate(garments, time)
        for row, track in matched.items():
            track.motion.update(garments.xyxy[row], time)
            track.hits += 1
            track.sure_at = time if garments.score[row] >= self._high else track.sure_at
        matched |= self._start(garments, set(matched), time, fresh)
        self._settle_tracks(matched, garments, time)
        self._time = time
        return self._describe(frame, garments, matched, time)

    @property
    def low_score(self) -> float:
        """The least score of boxes that are of use here."""
        return min(self.config.low_score, self._high)

    def carry(self, frame: Frame, last: Garments, move: Move) -> Garments:
        """Move the tracks on to a frame that was not detected.

        Args:
            frame: the picture and its time, later than the last one and of the same shot.
            last: what was returned for the last frame, with whatever columns were filled since.
            move: brings boxes (N, 4) of the last frame to this one, as `Flow.move`.

        Returns:
            The rows of `last` that are still in the picture, with xyxy moved and due false, marked as carried.
        """
        seen = [track for track in self._tracks if track.seen >= self._time]
        moved = self._moved(seen, frame, move)
        for track, box in moved.items():
            track.motion.update(box, frame.time)
        places = {track.id: box for track, box in moved.items()}
        rows = [row for row, number in enumerate(last.track_id.tolist()) if number in places]
        kept = last[rows]
        if kept.has("embedding"):
            kept = kept.with_columns(embedding=np.zeros_like(kept.embedding))
        xyxy = np.array([places[number] for number in kept.track_id.tolist()], np.float32).reshape(-1, 4)
        self._time = frame.time
        return kept.with_columns(xyxy=clip(xyxy, *frame.size), due=np.zeros(len(rows), bool)).as_carried()

    def _moved(self, tracks: list[Track], frame: Frame, move: Move) -> dict[Track, NDArray[np.float32]]:
        """Where tracks are now; those that left the picture are not there."""
        if not tracks:
            return {}
        # One that cannot be followed stays where it was: on real clips that is nearer than where it seemed to go.
        boxes = move(np.stack([track.motion.box for track in tracks]))
        inside = area(clip(boxes, *frame.size)) >= LEAST_SEEN * area(boxes)
        return {track: box for track, box, here in zip(tracks, boxes, inside, strict=True) if here}

    def learn(self, garments: Garments, probs: NDArray[np.float32], share: float) -> Garments:
        """Take what the classifier says of the rows that are due, and return the garments with the types it leads to.

        Args:
            garments: as returned from the call for the newest frame.
            probs: (M, T) of the classifier for the M rows with `due` set.
            share: 0..1, the classifier's say against the detector.
        """
        tracks = {track.id: track for track in self._tracks}
        type_probs = garments.type_probs.copy()
        for row, seen in zip(np.flatnonzero(garments.due), probs, strict=True):
            belief = tracks[int(garments.track_id[row])].belief
            belief.classified(seen, float(garments.quality[row]), share)
            type_probs[row] = belief.probs
        return garments.with_columns(type_probs=type_probs)

    def reset(self) -> None:
        """End all tracks, as before another video."""
        self._tracks, self._time = [], -np.inf
        self._cuts.reset()
        self.shot = 1

    def finish(self) -> None:
        """End all tracks at the end of the video."""
        self._tracks = []

    def _associate(self, garments: Garments, time: float) -> dict[int, Track]:
        """Row -> track, in three rounds: certain boxes, doubtful boxes, boxes of tracks not yet confirmed."""
        certain = garments.score >= self._high
        matched: dict[int, Track] = {}
        known = [track for track in self._tracks if track.confirmed]
        self._round(garments, certain, known, time, matched)
        # A doubtful box may go on with a track seen a frame ago, but not revive one that is lost, and not for ever.
        held = self.config.doubtful_s
        recent = [track for track in known if track.seen >= self._time and time - track.sure_at <= held]
        self._round(garments, ~certain, recent, time, matched)
        self._round(garments, certain, [t for t in self._tracks if not t.confirmed], time, matched)
        return matched

    def _round(
        self,
        garments: Garments,
        wanted: NDArray[np.bool_],
        tracks: Iterable[Track],
        time: float,
        matched: dict[int, Track],
    ) -> None:
        taken = {id(track) for track in matched.values()}
        rows = [int(row) for row in np.flatnonzero(wanted) if int(row) not in matched]
        tracks = [track for track in tracks if id(track) not in taken]
        if not rows or not tracks:
            return
        boxes = np.stack([track.motion.predict(time) for track in tracks])
        types = np.stack([track.belief.probs for track in tracks])
        scores = similarity(boxes, types, garments.xyxy[rows], garments.type_probs[rows], self.config.match_iou)
        lost = np.array([max(self._time - track.seen, 0) for track in tracks]) / max(self.config.lost_s, 1e-6)
        scores *= 1 - LOST_PENALTY * np.minimum(lost, 1)[:, None]
        matched.update({rows[column]: tracks[row] for row, column in assign(scores)})

    def _start(self, garments: Garments, matched: set[int], time: float, fresh: bool) -> dict[int, Track]:
        """New tracks for certain boxes that continue none; in the first frame of a shot they count at once."""
        rows = [int(row) for row in np.flatnonzero(garments.score >= self._high) if int(row) not in matched]
        started = {row: Track(garments.xyxy[row], time, confirmed=fresh) for row in rows}
        self._tracks.extend(started.values())
        return started

    def _settle_tracks(self, matched: dict[int, Track], garments: Garments, time: float) -> None:
        """Confirm tracks and give them ids, learn their types, and drop those that are gone."""
        for row in sorted(matched):
            track = matched[row]
            track.belief.detected(garments.type_probs[row], float(garments.score[row]))
            track.confirmed |= track.hits >= self.config.confirm_frames
            if track.confirmed and track.id < 0:
                track.id, self._next_id = self._next_id, self._next_id + 1
        self._tracks = [track for track in self._tracks if self._alive(track, time)]

    def _alive(self, track: Track, time: float) -> bool:
        # One seen in the frame before stays even when frames are further apart than `lost_s`.
        return track.seen >= time or (
            track.confirmed and (time - track.seen <= self.config.lost_s or track.seen >= self._time)
        )

    def _describe(self, frame: Frame, garments: Garments, matched: dict[int, Track], time: float) -> Garments:
        rows = sorted(row for row, track in matched.items() if track.confirmed)
        tracks = [matched[row] for row in rows]
        kept = garments[rows]
        slot = SLOT_OF_TYPE[kept.type_id]
        quality = view_quality(frame.image, kept.xyxy, kept.score, slot)
        described = kept.with_columns(
            track_id=np.array([track.id for track in tracks], np.int64),
            quality=quality,
            due=self._due(tracks, quality, time),
            shot=np.full(len(rows), self.shot),
            type_probs=np.array([track.belief.probs for track in tracks], np.float32).reshape(kept.type_probs.shape),
        )
        return described.of_shot(self.shot)

    def _due(self, tracks: list[Track], quality: NDArray[np.float32], time: float) -> NDArray[np.bool_]:
        """The rows that want an embedding most, at most `max_due`, so that no frame takes much longer than others."""
        pairs = zip(tracks, quality, strict=True)
        urgency = np.array([track.urgency(float(q), time, self.config) for track, q in pairs])
        first = np.argsort(-urgency, kind="stable")[: self.config.max_due]
        due = np.zeros(len(tracks), bool)
        due[first] = urgency[first] >= 1
        for row in np.flatnonzero(due):
            tracks[row].embed(float(quality[row]), time)
        return due
