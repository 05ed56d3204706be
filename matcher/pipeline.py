"""The per-frame pipeline: detect -> track -> mask -> classify -> look -> embed -> fuse -> look up -> settle
-> hold.

This is the only file that knows all stages and their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.clock import Clock
from matcher.config import PipelineConfig, load_pipeline_config
from matcher.detectors.name import with_detector
from matcher.errors import CatalogError
from matcher.foreign import with_embedder
from matcher.runner import Progress, Summary, run
from matcher.runtime.onnx_session import usable_cores
from matcher.stages.classify import Classifier
from matcher.stages.cut import CutDetector
from matcher.stages.detect import Detector, Proposals
from matcher.stages.embed import Embedder
from matcher.stages.flow import Flow
from matcher.stages.fuse import Fuse
from matcher.stages.hold import Hold
from matcher.stages.look import Look, with_looks
from matcher.stages.lookup import Lookup
from matcher.stages.models import Runtime
from matcher.stages.settle import Settle, settle_single
from matcher.stages.tiers import Thresholds
from matcher.stages.track import Tracker
from matcher.stages.verify import Verifier
from matcher.types import Frame, Garments, Product

__all__ = ["Pipeline", "Progress", "Summary", "run", "spread_over_cores"]

MOST_AT_ONCE = 8  # more frames than this are not worth their memory


class Pipeline:
    """Frames in, garments with track ids and products out. One video at a time; not for several threads.

    Example:
        >>> pipeline = Pipeline.from_config("configs/file.toml", catalog)  # doctest: +SKIP
        >>> garments = pipeline(frame)  # doctest: +SKIP
    """

    def __init__(
        self, config: PipelineConfig | None = None, catalog: Catalog | None = None, bundle: Bundle | None = None
    ) -> None:
        """Load the models.

        Args:
            config: all settings; the defaults when None.
            catalog: where products are looked up; without one there are garments, types and tracks only.
            bundle: the weights; the one that the settings name when None.

        Raises:
            BundleError: the bundle is missing or damaged.
            BackendError: the backend or the device is not installed.
            CatalogError: another embedder made the catalogue.
        """
        self.config = config or PipelineConfig()
        self.bundle = bundle or open_bundle(self.config)
        self.catalog = catalog
        engine = self.config.engine
        runtime = Runtime(
            self.config.backend, self.config.device, self.config.threads, max(engine.batch, 1), engine.gather_ms
        )
        self.detector = Detector(self.bundle, self.config.detect, runtime, self.config.attributes)
        self._only_due = self.config.detect.mask_rows == "due"
        classify = self.config.classify and "classifier" in self.bundle.card["models"]
        self.classifier = Classifier(self.bundle, runtime) if classify else None
        self._looks = self.config.attributes and self.config.detect.masks
        self._attributes = len(self.detector.words.names) if self.detector.words is not None else 0
        self.lookup: Lookup | None = None
        if catalog is not None:
            self._load_matching(catalog, runtime)
        self._begin()

    @classmethod
    def from_config(
        cls, path: Path | str, catalog: Catalog | None = None, bundle: Bundle | Path | str | None = None
    ) -> Pipeline:
        """Make a pipeline from a settings file, see configs/file.toml.

        Args:
            path: a TOML file, or the name of a packaged one.
            catalog: as for the constructor.
            bundle: used in place of the one that the settings name.

        Raises:
            ConfigError: the settings are missing or wrong; and what the constructor raises.
        """
        opened = Bundle.open(bundle) if isinstance(bundle, (str, Path)) else bundle
        return cls(load_pipeline_config(path), catalog, opened)

    def __call__(self, frame: Frame) -> Garments:
        """Run all stages on the next frame of the video.

        Returns:
            The garments on tracks, with every column up to `tier`; `product_row` is (N, 0) without a catalogue.
        """
        return self.follow(frame, self.detect(frame), self.cut(frame))

    def cut(self, frame: Frame) -> bool:
        """Whether another shot, or another video, begins with the next frame; asked for every frame, in order."""
        with self._clock.measure("cut"):
            back, self._seen_s = frame.time <= self._seen_s, frame.time
            # Boxes of pictures of another size are elsewhere in this one.
            resized, self._size = self._size not in (None, frame.size), frame.size
            return self._cuts(frame) or back or resized

    def detect(self, frame: Frame) -> Proposals:
        """The first half of a call: what the detector sees. It keeps no state, so it may run ahead in other threads."""
        with self._clock.measure("detect"):
            return self.detector.propose(frame.image)

    def follow(self, frame: Frame, found: Proposals, cut: bool) -> Garments:
        """The second half of a call, frame by frame in order: all other stages. `cut` is what `cut` said."""
        measure = self._clock.measure
        with measure("track"):
            self._flow.see(frame.image)
            garments = self.tracker(frame, self.detector.select(found, self.tracker.low_score), cut)
        with measure("mask"):  # after tracking: doubtful boxes that continue no track need none
            garments = self.detector.mask(found, garments, garments.due if self._only_due else None)
        if self.classifier is not None:
            with measure("classify"):
                probs = self.classifier.probs(frame, garments.xyxy[garments.due])
                garments = self.tracker.learn(garments, probs, self.classifier.weight)
        if self.look is not None:
            with measure("look"):
                garments = self.look(frame, garments)
        self._last = self._match(frame, garments) if self.lookup is not None else without_products(garments)
        return self._last

    def carry(self, frame: Frame) -> Garments:
        """In place of `detect` and `follow`: the garments of the last frame where they are in this one of its shot."""
        with self._clock.measure("carry"):
            self._flow.see(frame.image)
            garments = self.tracker.carry(frame, self._last, self._flow.move)
            self._last = garments if self.lookup is None else self.hold(frame, garments, self._flow.move)
        return self._last

    def image(self, image: Frame | NDArray[np.uint8]) -> Garments:
        """Run the stages on one picture (H, W, 3) uint8 BGR that is no part of a video; there are no track ids."""
        garments = self.detector(image)
        if self.classifier is not None:
            garments = self.classifier(image, garments)
        if self._looks:
            garments = with_looks(image, garments)
        if self.lookup is None:
            return without_products(garments)
        garments = self.lookup(self.embedder(image, garments))
        return settle_single(garments, self.single)

    def products(self, row: int) -> Product | None:
        """The product of a row of `product_row`; None for -1 and where there is no catalogue."""
        return self.catalog.product(row) if self.catalog is not None and row >= 0 else None

    @property
    def shot(self) -> int:
        """Number of the shot that the last frame belongs to, from 1."""
        return self.tracker.shot

    @property
    def timings(self) -> Mapping[str, Sequence[float]]:
        """Milliseconds that each stage took in each frame since the last `reset`."""
        return self._clock.times

    def warm_up(self, size: tuple[int, int] = (1280, 720)) -> None:
        """Run all models once on a grey picture of (width, height), so that the first frame is as quick as others."""
        image = np.full((size[1], size[0], 3), 127, np.uint8)
        box = np.array([[0, 0, size[0] / 2, size[1] / 2]], np.float32)
        self.detector.warm_up(image)
        # A GPU prepares each power of two of crops for itself; no frame has more than `max_due`.
        doublings = 0 if self.config.device == "cpu" else (self.config.track.max_due - 1).bit_length()
        for boxes in (np.repeat(box, 2**i, 0) for i in range(doublings + 1)):
            if self.classifier is not None:
                self.classifier.probs(image, boxes)
            if self.lookup is not None:
                self.embedder.embed(image, boxes)

    def beside(self) -> Pipeline:
        """Another pipeline on the same models and catalogue, for another video at the same time in another thread."""
        other = copy(self)
        other._begin()
        return other

    def on_catalog(self, catalog: Catalog | None) -> Pipeline:
        """As `beside`, for another catalogue, or none.

        Raises:
            CatalogError: another embedder made it, or this pipeline was made without a catalogue.
        """
        if catalog is not None and self.lookup is None:
            raise CatalogError(f"{catalog.path} cannot be searched: the pipeline was made without a catalogue")
        if catalog is not None:
            self._check(catalog)
        other = copy(self)
        other.catalog, other.lookup = catalog, self.lookup if catalog is not None else None
        other._begin()
        return other

    def reset(self) -> None:
        """Forget all tracks and timings, as before another video. Track ids go on counting."""
        self._clock.reset()
        self._cuts.reset()
        self._forget()
        for stage in self._stateful():
            stage.reset()

    def finish(self) -> None:
        """End all tracks at the end of the video; timings stay."""
        self._forget()
        for stage in self._stateful():
            stage.finish()

    def _load_matching(self, catalog: Catalog, runtime: Runtime) -> None:
        self._check(catalog)
        self.embedder = Embedder(self.bundle, runtime)
        verifier = Verifier.open(self.bundle, self.config.lookup.verify, runtime)
        self.lookup = Lookup(catalog, self.config.lookup, verifier)
        self.single = Thresholds.of(self.bundle, self.config.settle)

    def _check(self, catalog: Catalog) -> None:
        if catalog.embedder != self.bundle.embedder_hash:
            raise CatalogError(
                f"{catalog.path} was made with another embedder than that of {self.bundle.name};"
                f" rebuild it: asworn index FEED --out {catalog.path}"
            )

    def _begin(self) -> None:
        """Make what belongs to one video."""
        self._clock = Clock()
        self._cuts, self._flow = CutDetector(self.config.track.cut_threshold), Flow()
        self._last, self._seen_s, self._size = Garments.empty(), -np.inf, None
        self.tracker = Tracker(self.config.track, self.detector.start_score)
        described = self._looks or self._attributes
        self.look = Look(self.config.settle.expire_s, self._attributes) if described else None
        if self.lookup is not None:
            self.fuse = Fuse(self.config.settle)
            self.settle = Settle(Thresholds.of(self.bundle, self.config.settle, fused=True), self.config.settle)
            self.hold = Hold(self.config.settle.hold_s)
            self.lookup = Lookup(self.catalog, self.config.lookup, self.lookup.verifier)

    def _match(self, frame: Frame, garments: Garments) -> Garments:
        measure = self._clock.measure
        if self.lookup.refresh():
            self.settle.forget_products()
            self.hold.reset()
            self.fuse.ask_again()
        with measure("embed"):
            garments = self.embedder(frame, garments)
        with measure("fuse"):
            garments = self.fuse(frame, garments)
        with measure("look up"):
            garments = self.lookup(garments)
        with measure("settle"):
            garments = self.settle(frame, garments)
        with measure("hold"):
            return self.hold(frame, garments, self._flow.move)

    def _forget(self) -> None:
        """No frame follows the last one."""
        self._flow.reset()
        self._last, self._seen_s, self._size = Garments.empty(), -np.inf, None

    def _stateful(self) -> list[Tracker | Look | Fuse | Settle | Hold]:
        matching = [] if self.lookup is None else [self.fuse, self.settle, self.hold]
        return [self.tracker, *([] if self.look is None else [self.look]), *matching]


def open_bundle(config: PipelineConfig) -> Bundle:
    """The bundle that the settings name, with the detector and the embedder that they name in place of its own.

    Raises:
        BundleError: a file is missing or damaged.
        ConfigError: a name of a detector or embedder is wrong, or its file is missing.
    """
    bundle = with_detector(Bundle.open(config.bundle), config.detector, config.detector_classes)
    return with_embedder(bundle, config.embedder)


def without_products(garments: Garments) -> Garments:
    """The garments with empty product columns, for when there is no catalogue."""
    count = len(garments)
    return garments.with_columns(
        product_row=np.zeros((count, 0), np.int64), match_score=np.zeros((count, 0)), tier=np.zeros(count, np.int64)
    )


def spread_over_cores(config: PipelineConfig) -> PipelineConfig:
    """The settings for a whole file: `frames_at_once` and `threads` such that all cores (or `threads`) are in use.

    Two frames side by side on one core each are done sooner than one after the other on two cores. Pass the result's
    `frames_at_once` to `run`.
    """
    cores = config.threads or usable_cores()
    at_once = config.frames_at_once or min(cores, MOST_AT_ONCE)
    return replace(config, frames_at_once=at_once, threads=max(cores // at_once, 1))
