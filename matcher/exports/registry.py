"""The exports by name, and the files that they write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from matcher.errors import InputError
from matcher.exports.chapters import write_chapters
from matcher.exports.coco import write_coco
from matcher.exports.finished import Finished
from matcher.exports.parquet import check_pyarrow, write_detections_table, write_sightings_table
from matcher.exports.timeline import check_timelines, write_edl, write_fcpxml, write_otio
from matcher.exports.webvtt import write_vtt

Write = Callable[[Finished, Path], None]

# Name -> file -> what writes it.
EXPORTS: dict[str, dict[str, Write]] = {
    "otio": {"timeline.otio": write_otio},
    "edl": {"timeline.edl": write_edl},
    "fcpxml": {"timeline.xml": write_fcpxml},
    "vtt": {"products.vtt": write_vtt},
    "chapters": {"chapters.txt": write_chapters},
    "parquet": {"sightings.parquet": write_sightings_table, "detections.parquet": write_detections_table},
    "coco": {"detections.coco.json": write_coco},
}

_CHECKS: dict[str, Callable[[], object]] = {
    "otio": check_timelines,
    "edl": partial(check_timelines, "cmx_3600"),
    "fcpxml": partial(check_timelines, "fcp_xml"),
    "parquet": check_pyarrow,
}


def export_names(text: str) -> tuple[str, ...]:
    """The exports that a comma-separated list names; "all" names every one.

    Raises:
        InputError: one is not known.
        BackendError: what one of them needs is not installed.
    """
    wanted = [word.strip().lower() for word in text.split(",") if word.strip()]
    names = list(EXPORTS) if "all" in wanted else list(dict.fromkeys(wanted))
    unknown = [name for name in names if name not in EXPORTS]
    if unknown:
        raise InputError(f"no export is called {', '.join(unknown)}; there are {', '.join(EXPORTS)} and all")
    for name in names:
        _CHECKS.get(name, bool)()  # told now, not after hours
    return tuple(names)


def write_exports(names: Sequence[str], run: Finished, folder: Path) -> list[Path]:
    """Write exports into a folder and return their paths.

    Raises:
        BackendError: what one of them needs is not installed.
        InputError: a file cannot be read or written.
    """
    written = []
    for name in names:
        for file, write in EXPORTS[name].items():
            write(run, folder / file)
            written.append(folder / file)
    return written
