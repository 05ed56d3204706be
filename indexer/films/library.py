"""Which films a folder holds, what each was matched with, and what is therefore done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matcher
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.cli.options import make_pipeline, make_schedule
from matcher.cli.output import MARK
from matcher.config import load_pipeline_config
from matcher.engine.schedule import Schedule
from matcher.errors import InputError
from matcher.files import write_whole
from matcher.pipeline import Pipeline, open_bundle

SUFFIXES = frozenset(".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .mts .m2ts .mxf .wmv .flv .ogv .3gp".split())
KNOWN = ".contents.json"  # of the folder of results: content hashes of films, by path, size and time of change
_BLOCK = 1 << 20


@dataclass(frozen=True)
class FilmSettings:
    """How films are matched, as on the command line of `asworn match`; plain values, so that it can be sent about."""

    catalog: str
    config: str = "file.toml"
    bundle: str | None = None
    detector: str = ""
    classes: str = ""
    threads: int = 0
    masks: bool = True
    fps_target: float = 0
    budget_ms: float = 0
    backend: str = ""
    device: str = ""
    decode: str = "cpu"
    exports: tuple[str, ...] = ()

    def pipeline(self, whole_file: bool = True) -> Pipeline:
        """The pipeline for it.

        Raises:
            MatcherError: whatever is wrong with the catalogue, the settings or the weights.
        """
        how = {name: getattr(self, name) for name in ("detector", "classes", "backend", "device")}
        where = Path(self.catalog), self.config, self.bundle
        return make_pipeline(*where, self.threads, self.masks, "due", whole_file, **how)

    def schedule(self, pipeline: Pipeline) -> Schedule:
        """A new schedule, for one film."""
        return make_schedule(pipeline, self.fps_target, self.budget_ms)

    def fingerprint(self) -> dict[str, Any]:
        """All that decides the results but the film: settings, weights, catalogue and version.

        Raises:
            MatcherError: whatever is wrong with the catalogue, the settings or the weights.
        """
        config = load_pipeline_config(self.config)
        weights = Bundle.open(self.bundle) if self.bundle else open_bundle(config)
        # Threads and where the files lie change no result.
        said = {k: v for k, v in asdict(self).items() if k not in ("catalog", "bundle", "threads", "config")}
        known = {"version": matcher.__version__, "settings": asdict(config), **said, "exports": sorted(self.exports)}
        return {**known, "bundle": weights.hash, "catalogue": Catalog.load(self.catalog).hash}


@dataclass(frozen=True)
class Film:
    """One film of a library.

    Attributes:
        path: of the file.
        folder: for its results.
        key: hash of its content and of what it is matched with.
    """

    path: Path
    folder: Path
    key: str

    @property
    def done(self) -> bool:
        """Whether its folder holds a whole run of just this content and settings."""
        try:
            record = json.loads((self.folder / MARK).read_text("utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(record, dict) and record.get("key") == self.key


def find_films(folder: Path, out: Path, settings: FilmSettings) -> list[Film]:
    """The films under a folder, in the order of their paths, each with a folder of its own under `out`.

    Raises:
        InputError: there is no such folder, or no film in it.
        MatcherError: as from `FilmSettings.fingerprint`.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give one with films in it")
    paths = list(_videos(folder, out))
    if not paths:
        raise InputError(f"{folder} holds no films; their names end in {', '.join(sorted(SUFFIXES))}")
    fingerprint = json.dumps(settings.fingerprint(), sort_keys=True, default=str)
    contents = _contents(paths, folder, out)
    keys = {path: hashlib.sha256(f"{contents[path]} {fingerprint}".encode()).hexdigest() for path in paths}
    return [Film(path, out / path.relative_to(folder), keys[path]) for path in paths]


def _videos(folder: Path, out: Path) -> Iterator[Path]:
    hidden = out.resolve()
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.suffix.lower() not in SUFFIXES or any(part.startswith(".") for part in parts) or not path.is_file():
            continue
        if hidden not in path.resolve().parents:  # overlays of earlier runs
            yield path


def _contents(paths: list[Path], folder: Path, out: Path) -> dict[Path, str]:
    """The hash of each file; those that did not change since they were last read are not read again."""
    store = out / KNOWN
    try:
        known = json.loads(store.read_text("utf-8"))
        known = known if isinstance(known, dict) else {}
    except (OSError, ValueError):
        known = {}
    found: dict[str, list[Any]] = {}
    for path in paths:
        facts, name = path.stat(), str(path.relative_to(folder))
        mark = [facts.st_size, facts.st_mtime_ns]
        same = known.get(name, [None])[:2] == mark
        found[name] = known[name] if same else [*mark, _hash(path)]
    if found != known:
        write_whole(store, json.dumps(found))
    return {path: found[str(path.relative_to(folder))][2] for path in paths}


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.hexdigest()
