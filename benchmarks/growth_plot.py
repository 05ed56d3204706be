"""The picture of `growth`: four small plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PANELS = (
    ("people", "people", "people in the frame", ("cpu_ms", "rest_ms")),
    ("resolution", "height", "lines of the picture", ("cpu_ms", "rest_ms")),
    ("products", "products", "products in the catalogue", ("cpu_ms", "lookup_ms")),
    ("streams", "streams", "streams at once", ("fps", "detections_s")),
)
NAMES = {
    "cpu_ms": "processor ms a frame",
    "rest_ms": "of it, all but the detector",
    "lookup_ms": "search, mean ms a frame",
    "fps": "frames/s of each",
    "detections_s": "detections/s of each",
}


def plot(result: dict[str, Any], path: Path) -> None:
    """Draw what `growth` returned into an SVG or PNG file; needs matplotlib, extra [bench].

    Args:
        result: with a list of points for each panel.
        path: of the picture.
    """
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "asworn"  # equal results make equal files
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(9, 6), constrained_layout=True)
    for axis, (panel, key, label, lines) in zip(axes.flat, PANELS, strict=True):
        points = result[panel]
        for line in lines:
            axis.plot([point[key] for point in points], [point[line] for point in points], "o-", label=NAMES[line])
        axis.set_xlabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
        if panel == "products":
            axis.set_xscale("log")
    figure.savefig(path, dpi=110, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)
