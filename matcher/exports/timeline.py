"""Editing timelines: OpenTimelineIO, and through its adapters EDL (CMX3600) and FCP XML.

The film is one clip from its start timecode on; each appearance of a product is a marker on it, as long as the
appearance (an EDL's locators have a beginning only). A green marker is an exact product, a yellow one a similar one.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from matcher.errors import BackendError
from matcher.exports.finished import Finished, sighting_record
from matcher.files import write_whole
from matcher.sightings import Sighting
from matcher.sinks.facts import ReportFacts
from matcher.types import EXACT, TIERS

_NEEDED = {"cmx_3600": "otio-cmx3600-adapter", "fcp_xml": "otio-fcp-adapter"}
NAME_LENGTH = 60  # of a marker in an EDL


def write_otio(run: Finished, path: Path) -> None:
    """Write an OpenTimelineIO file.

    Raises:
        BackendError: OpenTimelineIO is not installed.
        InputError: the file cannot be written.
    """
    otio = check_timelines()
    write_whole(path, otio.adapters.write_to_string(timeline(run), "otio_json"))


def write_edl(run: Finished, path: Path) -> None:
    """Write a CMX3600 edit decision list: one event, the film, with a locator for each appearance.

    Raises:
        BackendError: OpenTimelineIO or its adapter is not installed.
        InputError: the file cannot be written.
    """
    otio = check_timelines("cmx_3600")
    made, code = timeline(run, plain=True), run.facts.timecode
    # Record times equal source times, since locators are given in both: the adapter counts them from 0, past a gap.
    track = made.tracks[0]
    # A reel's name has eight letters and digits: with a space in it the list could not be read.
    reel = "".join(c for c in Path(run.facts.name).stem if c.isascii() and c.isalnum())[:8] or "FILM"
    track[0].metadata["cmx_3600"] = {"reel": reel}
    if code.start:
        track.insert(0, otio.schema.Gap(source_range=_range(otio, 0, code.start, run.facts)))
    text = otio.adapters.write_to_string(made, "cmx_3600", rate=float(code.rate))
    # The adapter leaves this line out; without it programs take the numbers for non-drop-frame.
    head, _, rest = text.partition("\n")
    write_whole(path, f"{head}\nFCM: {'DROP FRAME' if code.drop else 'NON-DROP FRAME'}\n{rest}")


def write_fcpxml(run: Finished, path: Path) -> None:
    """Write Final Cut Pro 7 XML, which Premiere and Resolve read too.

    Raises:
        BackendError: OpenTimelineIO or its adapter is not installed.
        InputError: the file cannot be written.
    """
    otio = check_timelines("fcp_xml")
    write_whole(path, otio.adapters.write_to_string(timeline(run, plain=True), "fcp_xml"))


def timeline(run: Finished, plain: bool = False) -> Any:
    """The `opentimelineio.schema.Timeline` of a run; `plain` without the metadata that some adapters stumble over."""
    otio, facts = check_timelines(), run.facts
    begin, end = _frame(facts.timecode.origin, facts), _frame(facts.end, facts)
    span = _range(otio, begin, max(end - begin, 1), facts)
    media = otio.schema.ExternalReference(target_url=facts.name, available_range=span)
    media.name = facts.name
    clip = otio.schema.Clip(name=facts.name, media_reference=media, source_range=span)
    clip.markers.extend(_marker(otio, sighting, facts, plain) for sighting in run.sightings)
    track = otio.schema.Track(name="V", kind=otio.schema.TrackKind.Video, children=[clip])
    made = otio.schema.Timeline(name=facts.name, global_start_time=span.start_time)
    made.tracks.append(track)
    if not plain:
        made.metadata["asworn"] = {"frames": facts.frames, "size": list(facts.size), "note": facts.timecode.note}
    return made


def _marker(otio: ModuleType, sighting: Sighting, facts: ReportFacts, plain: bool) -> Any:
    first = _frame(sighting.first, facts)
    length = max(_frame(sighting.last, facts) - first, 1)
    exact = sighting.tier == EXACT
    words = " ".join(sighting.product.name.split())
    marker = otio.schema.Marker(
        name=f"{words[:NAME_LENGTH]} ({TIERS[sighting.tier]})" if plain else words,
        marked_range=_range(otio, first, length, facts),
        color=otio.schema.MarkerColor.GREEN if exact else otio.schema.MarkerColor.YELLOW,
    )
    if not plain:
        marker.metadata["asworn"] = sighting_record(sighting, facts)
    return marker


def _frame(time: Any, facts: ReportFacts) -> int:
    """The number of the frame shown at a time, counted as timecodes are."""
    return facts.timecode.number(time)


def _range(otio: ModuleType, first: int, length: int, facts: ReportFacts) -> Any:
    rate = float(facts.timecode.rate)
    start = otio.opentime.RationalTime(first, rate)
    return otio.opentime.TimeRange(start, otio.opentime.RationalTime(length, rate))


def check_timelines(adapter: str = "") -> ModuleType:
    """The module `opentimelineio`, which has the adapter if one is named.

    Raises:
        BackendError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # It looks for plug-ins in a way that newer Pythons find old.
            warnings.simplefilter("ignore", DeprecationWarning)
            import opentimelineio as otio

            known = otio.adapters.available_adapter_names()
    except ImportError as error:
        raise BackendError(f"timelines need OpenTimelineIO ({error}): pip install 'asworn[report]'") from error
    if adapter and adapter not in known:
        raise BackendError(f"this timeline needs {_NEEDED[adapter]}: pip install 'asworn[report]'")
    return otio
