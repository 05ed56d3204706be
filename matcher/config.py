"""Settings: frozen dataclasses read from TOML. Defaults live here and nowhere else; unknown keys are refused."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from matcher.errors import ConfigError

T = TypeVar("T")


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ConfigError(f"settings: {rule}")


def _share(**values: float | None) -> None:
    """Refuse values that are not between 0 and 1."""
    for name, value in values.items():
        _require(value is None or 0 <= value <= 1, f"{name} must be between 0 and 1, not {value}")


def _at_least(least: float, **values: float | None) -> None:
    for name, value in values.items():
        _require(value is None or value >= least, f"{name} must be {least} or more, not {value}")


@dataclass(frozen=True)
class DetectConfig:
    """Detection. What is None is taken from the bundle's card."""

    short_side: int | None = None  # pixels that the picture is scaled to; less is faster and misses small things
    max_side: int | None = None
    score_threshold: float | None = None
    nms_iou: float | None = None
    # Boxes of two types of one slot that overlap more are one garment. On street photos 4 of 100 tops under outerwear
    # overlap so much, and hardly any other pair of real garments.
    same_garment_iou: float = 0.7
    max_garments: int = 40
    masks: bool = True
    mask_rows: str = "all"  # or "due": in a video only the garments that are embedded in this frame, which is faster

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _at_least(32, short_side=self.short_side, max_side=self.max_side)
        _at_least(1, max_garments=self.max_garments)
        _share(score_threshold=self.score_threshold, nms_iou=self.nms_iou, same_garment_iou=self.same_garment_iou)
        _require(self.mask_rows in ("all", "due"), f'mask_rows must be "all" or "due", not {self.mask_rows!r}')


@dataclass(frozen=True)
class TrackConfig:
    """Tracking and when an embedding is computed. A high_score of None means the detector's threshold."""

    high_score: float | None = None  # boxes above it may start a track
    low_score: float = 0.2  # boxes between the two may only continue one
    doubtful_s: float = 1.0  # and only for so long: then it takes a box above high_score to go on
    match_iou: float = 0.3  # of boxes grown by a fifth on each side, so that small things can be followed
    confirm_frames: int = 2
    lost_s: float = 0.7  # how long a track without a box is kept
    refresh_s: float = 1.0  # a known track is embedded again after this time
    better_view: float = 1.3  # or when its view is this much better than the best so far
    max_due: int = 4  # embeddings in one frame at most; the others wait for the next one
    cut_threshold: float = 0.4  # difference 0..1 of two pictures above which there was a cut between them

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _share(high_score=self.high_score, low_score=self.low_score, match_iou=self.match_iou)
        _share(cut_threshold=self.cut_threshold)
        _at_least(0, lost_s=self.lost_s, refresh_s=self.refresh_s, doubtful_s=self.doubtful_s)
        _at_least(1, confirm_frames=self.confirm_frames, better_view=self.better_view, max_due=self.max_due)


@dataclass(frozen=True)
class LookupConfig:
    """Search in the catalogue."""

    k: int = 5
    top_types: int = 2  # so many types are always searched, the likeliest first
    most_types: int = 4  # and so many at most, those that are not out of the question (`listing.worth_asking`)
    # What an answer loses of its cosine where it stands under a type that is e times less likely than the likeliest.
    # On worn garments among 3,334 products 0.01 to 0.03 are alike, and a point of recall@1 better than 0.
    type_doubt: float = 0.02
    refresh_s: float = 0.0  # how often to look for a new generation of the catalogue; 0 = never
    # Whether the bundle's verifier re-ranks what is found; None = where its card says that it measured better.
    verify: bool | None = None
    device: str = "cpu"  # or "cuda": the catalogue is searched on the GPU, which needs faiss-gpu
    mapped: bool = False  # map the catalogue's indexes into memory in place of reading them

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require(self.device in ("cpu", "cuda"), f'lookup device must be "cpu" or "cuda", not {self.device!r}')
        _at_least(1, k=self.k, top_types=self.top_types, most_types=self.most_types)
        _at_least(0, refresh_s=self.refresh_s, type_doubt=self.type_doubt)


@dataclass(frozen=True)
class SettleConfig:
    """Fusion over time. Thresholds of None mean the calibrated ones in the bundle's card."""

    exact_threshold: float | None = None
    similar_threshold: float | None = None
    least_lead: float | None = (
        None  # how far ahead of the next product exact ones are; 0 where a shop lists things twice
    )
    hysteresis: float = 0.04  # a shown product must be beaten by this much, or fall this far below its tier
    max_views: int = 8
    expire_s: float = 5.0
    hold_s: float = 0.5  # how long an exact product stays shown when the detector loses its garment; 0 = not at all
    # A product that was exact for so long in an earlier shot is exact again as soon as it is similar, for people keep
    # their clothes on from shot to shot; 0 = every shot is judged alone. And for how long that is remembered.
    known_s: float = 1.0
    remember_s: float = 600.0
    # Shares of a video's tracks that are exact: up to the first the shop is taken to sell nothing of what is worn, from
    # the second on all of it, and then less evidence makes a product exact; 0 = it never does, nor where
    # exact_threshold is given.
    sold_none: float = 0.15
    sold_all: float = 0.25

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("exact_threshold", "similar_threshold", "least_lead"):
            value = getattr(self, name)
            _require(value is None or -1 <= value <= 1, f"{name} is a cosine, between -1 and 1, not {value}")
        _at_least(0, hysteresis=self.hysteresis, expire_s=self.expire_s, hold_s=self.hold_s)
        _at_least(0, known_s=self.known_s, remember_s=self.remember_s)
        _at_least(1, max_views=self.max_views)
        _at_least(0, sold_none=self.sold_none, sold_all=self.sold_all)
        in_order = not self.sold_all or self.sold_none < self.sold_all
        _require(in_order, f"sold_none must be below sold_all, or sold_all 0, not {self.sold_none} and {self.sold_all}")


@dataclass(frozen=True)
class EngineConfig:
    """Which frames are detected, and what waits for what. Frames that are not detected have their boxes carried on."""

    fps_target: float = 0.0  # frames a second that must be reached; 0 = none: a file has the detector on every frame
    budget_ms: float = 0.0  # the same said in milliseconds a frame, on average
    detect_every: int = 0  # detect every so many frames, the same in every run; 0 = as many as fit the target
    longest_s: float = 0.5  # so much of the video between two detections, unless a target leaves time for fewer
    queue: int = 8  # decoded frames of a live source that may wait; then the oldest is dropped
    # Frames of several live sources in one run of the detector, where the backend can; 0 = one of each source.
    batch: int = 0
    gather_ms: float = 3.0  # how long a frame may wait for those of other sources

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _at_least(0, fps_target=self.fps_target, budget_ms=self.budget_ms, detect_every=self.detect_every)
        _at_least(0, batch=self.batch, gather_ms=self.gather_ms)
        _at_least(1, queue=self.queue)
        _require(self.longest_s > 0, f"longest_s must be above 0, not {self.longest_s}")
        _require(not (self.fps_target and self.budget_ms), "give fps_target or budget_ms, not both")

    @property
    def frame_ms(self) -> float | None:
        """Milliseconds that a frame may take; None without a target."""
        return 1000 / self.fps_target if self.fps_target else self.budget_ms or None


@dataclass(frozen=True)
class SourceConfig:
    """Live sources that stop: all in seconds."""

    hold_s: float = 0.5  # without a frame for so long, the last result is held
    clear_s: float = 1.5  # and after so long again it is cleared
    silence_s: float = 4.0  # a connection that gives no picture for so long is given up
    timeout_s: float = 10.0  # for the answer of an address, and for each read
    retry_s: float = 0.2  # before it is opened again; twice as long after each failure
    retry_most_s: float = 0.5  # but no longer than this

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _at_least(0.05, **dataclasses.asdict(self))


@dataclass(frozen=True)
class PipelineConfig:
    """All settings of a pipeline; see configs/file.toml."""

    bundle: str = "tiny"
    embedder: str = ""  # another project's in place of the bundle's: "open_clip:MODEL[:WEIGHTS]" or "dinov2:..."
    detector: str = ""  # another project's in place of the bundle's: "yolo:FILE.onnx", see docs/detectors.md
    detector_classes: str = ""  # TOML file that says which of its classes are which types; empty = by their names
    backend: str = "onnxruntime"
    device: str = "cpu"
    threads: int = 0  # inside one operator; 0 = all cores that the process may use
    # Frames of a file whose detections run side by side; 0 = one for each core. Two frames on one core each take less
    # time than one after the other on both; a live stream, where each frame is awaited, wants 1.
    frames_at_once: int = 1
    classify: bool = True
    attributes: bool = True  # colours, pattern and cut of each garment; needs masks
    detect: DetectConfig = field(default_factory=DetectConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    lookup: LookupConfig = field(default_factory=LookupConfig)
    settle: SettleConfig = field(default_factory=SettleConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    source: SourceConfig = field(default_factory=SourceConfig)

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _at_least(0, threads=self.threads, frames_at_once=self.frames_at_once)
        together = self.engine.batch <= 1 or self.backend == "torch"
        _require(together, f"batch = {self.engine.batch} needs a detector of the torch backend; leave it out")
        sized = self.detect.short_side or self.detect.max_side
        _require(not (self.detector and sized), "short_side and max_side are of the bundle's detector: leave them out")


def load_toml(path: Path | str) -> dict[str, Any]:
    """Read a TOML file; a bare name like "file.toml" is also looked for among the packaged configs.

    Raises:
        ConfigError: the file is missing or is not valid TOML.
    """
    file = Path(path)
    packaged = resources.files("configs") / file.name
    try:
        text = packaged.read_text("utf-8") if not file.exists() and packaged.is_file() else file.read_text("utf-8")
        return tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the settings {path}: {error}") from error


def from_table(cls: type[T], table: dict[str, Any], where: str) -> T:
    """Build a frozen dataclass from a table, nested dataclasses from nested tables.

    Args:
        cls: the dataclass.
        table: values by field name.
        where: for messages, e.g. the file's name.

    Raises:
        ConfigError: a key that `cls` does not have, or a value of another kind.
    """
    hints = typing.get_type_hints(cls)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise ConfigError(f"{where}: unknown settings {', '.join(unknown)}; there are {', '.join(hints)}")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    try:
        return cls(**values)
    except TypeError as error:
        raise ConfigError(f"{where}: {error}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    options = typing.get_args(hint) if typing.get_origin(hint) is not tuple else ()
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{where} must be a table")
        return from_table(hint, value, where)
    if typing.get_origin(hint) is tuple and isinstance(value, list):
        return tuple(value)
    kinds = tuple(k for k in (options or (hint,)) if isinstance(k, type))
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kinds and not isinstance(value, kinds):
        raise ConfigError(f"{where} must be {' or '.join(k.__name__ for k in kinds)}, not {value!r}")
    return value


def load_pipeline_config(path: Path | str) -> PipelineConfig:
    """Read the settings of a pipeline.

    Raises:
        ConfigError: the file is missing, not TOML, or has unknown or wrong settings.
    """
    return from_table(PipelineConfig, load_toml(path), str(path))
