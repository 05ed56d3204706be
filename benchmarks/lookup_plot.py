"""The picture of `lookup`: what each kind of catalogue costs as it grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.lookup_entrants import KINDS, named

PANELS = (
    ("main memory, bytes a vector", lambda one: one["kept"]["bytes_per_vector"]),
    ("building, wall seconds", lambda one: one["build_s"]),
    ("opening, wall seconds", lambda one: one["kept"]["load_s"]),
    ("speed against reading everything, by processor time", lambda one: one["ratio_cpu"]),
)


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw what `asworn bench lookup` measured into an SVG or PNG file; needs matplotlib, extra [bench].

    Args:
        result: with "runs", of which those of the longest vectors are drawn.
        path: of the picture.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "asworn"  # equal results make equal files
    from matplotlib import pyplot

    longest = max(run["dimension"] for run in result["runs"])
    runs = sorted((run for run in result["runs"] if run["dimension"] == longest), key=lambda run: run["vectors"])
    figure, axes = pyplot.subplots(2, 2, figsize=(9, 6), constrained_layout=True)
    for axis, (label, figure_of) in zip(axes.flat, PANELS, strict=True):
        for kind in KINDS:
            points = [(run["vectors"], run["entrants"].get(named(kind))) for run in runs]
            points = [(size, figure_of(one)) for size, one in points if one and one.get("kept")]
            points = [point for point in points if point[1] > 0]  # a clock that is too coarse says 0
            if points:
                axis.plot(*zip(*points, strict=True), "o-", label=kind)
        axis.set_xlabel(f"vectors of {longest}")
        axis.set_title(label, fontsize=10)
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.legend(frameon=False)
    figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
