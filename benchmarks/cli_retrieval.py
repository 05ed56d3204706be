"""`asworn bench try-on|clips`: does what is worn find its product among thousands?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.cache import default_folder
from matcher.config import LookupConfig
from training.evaluation.output import percent, print_table, progress

Bundle = Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")]
AlsoBundle = Annotated[list[str] | None, typer.Option("--also-bundle", help="Another embedder to compare; repeatable.")]
AlsoEmbedder = Annotated[
    list[str] | None, typer.Option("--also-embedder", help="open_clip:MODEL[:WEIGHTS] or dinov2:MODEL[:WEIGHTS].")
]
Baselines = Annotated[bool, typer.Option(help="Also the histogram and the untrained trunk, which needs torch.")]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder for what is made once: photos, boxes, vectors.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Pictures worked on side by side.")]
Results = Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file; none is written without.")]
TopTypes = Annotated[
    int, typer.Option("--top-types", min=0, help="Search just so many types of each found garment; 0: as the matcher.")
]
COLUMNS = ("recall@1", "recall@5", "recall@20", "hard@1")


def try_on_command(
    quick: Annotated[bool, typer.Option("--quick", help="A sample of queries and distractors.")] = False,
    camera: Annotated[float, typer.Option("--camera", min=0, max=1, help="How poor the camera is.")] = 1.0,
    bundle: Bundle = None,
    also_bundle: AlsoBundle = None,
    also_embedder: AlsoEmbedder = None,
    baselines: Baselines = True,
    cache: Cache = None,
    threads: Threads = 2,
    top_types: TopTypes = 0,
    results: Results = None,
) -> None:
    """Worn garments find their shop photos: held-out products on held-out people, 3,000 distractors."""
    from benchmarks.try_on import try_on
    from matcher.bundle import Bundle as Weights
    from matcher.stages.models import Runtime

    weights, runtime = Weights.open(bundle), Runtime(threads=1)
    entrants = make_entrants(weights, runtime, also_bundle or (), also_embedder or (), baselines)
    lookup = LookupConfig(top_types=top_types, most_types=top_types) if top_types else None
    result = try_on(weights, entrants, cache or default_folder(), quick, threads, progress, camera, lookup)
    for way in ("given", "found"):
        show_way(way, result[way], entrants[0].name)
    typer.echo(
        f"{result['products']} products and {result['gallery'] - result['products']} distractors, "
        f"{result['queries']} queries; not found by the detector {percent(result['undetected'])}, "
        f"not listed under the types searched {percent(result['type_missed'])}"
    )
    name = "try_on_quick" if quick else "try_on"
    name += f"_types_{top_types}" if top_types else ""
    save(name if camera == 1 else f"{name}_camera_{camera:g}", result, results)


def make_entrants(
    weights: Any, runtime: Any, bundles: Iterable[str], embedders: Iterable[str], with_baselines: bool
) -> list[Any]:
    """The bundle's embedder first, then others, then baselines; without these the histogram alone, which is needed."""
    from benchmarks.datasets import data_folder
    from benchmarks.entrants import baselines, bundle_entrant, histogram, unique
    from matcher.bundle import Bundle as Weights
    from matcher.foreign import with_embedder

    entrants = [bundle_entrant(weights, weights.name, runtime)]
    entrants += [bundle_entrant(other, other.name, runtime) for other in map(Weights.open, bundles)]
    entrants += [bundle_entrant(with_embedder(weights, name), name, runtime) for name in embedders]
    return unique(entrants + (baselines(data_folder()) if with_baselines else [histogram()]))


def show_way(way: str, figures: Mapping[str, Any], best: str) -> None:
    """Print the figures of all entrants, and the first one's by type."""
    titles = {"given": "Boxes and masks given, all types", "found": "Boxes and masks found, the likeliest types"}
    rows = [
        (
            name,
            *(percent(one["all"][key]) for key in COLUMNS),
            *(percent(one[group]["recall@1"]) for group in ("printed", "plain")),
            percent(one["exact"]["right"] if one["exact"] else None),
            percent(one["exact"]["false_removed"] if one["exact"] else None),
        )
        for name, one in figures.items()
    ]
    header = ("", *COLUMNS, "printed @1", "plain @1", "exact right", "false exact, removed")
    print_table(titles[way], header, rows)
    by_type = [
        (name, f["queries"], *(percent(f[key]) for key in COLUMNS)) for name, f in figures[best]["per_type"].items()
    ]
    print_table(f"By type, {best}", ("type", "queries", *COLUMNS), by_type)


def save(name: str, result: dict[str, Any], folder: Path | None) -> None:
    """Write the result with its environment, where a folder is given."""
    from benchmarks.environment import save as write

    if folder is not None:
        typer.echo(f"written: {write(name, result, folder)}")


def clips_command(
    quick: Annotated[bool, typer.Option("--quick", help="Fewer distractors, and every third frame.")] = False,
    bundle: Bundle = None,
    also_bundle: AlsoBundle = None,
    also_embedder: AlsoEmbedder = None,
    baselines: Baselines = True,
    cache: Cache = None,
    threads: Threads = 2,
    results: Results = None,
) -> None:
    """Real clips: products cropped from one moment, among 3,000 distractors, searched in the rest of the clip."""
    from benchmarks.clips import clips
    from matcher.bundle import Bundle as Weights
    from matcher.stages.models import Runtime

    weights, runtime = Weights.open(bundle), Runtime(threads=1)
    entrants = make_entrants(weights, runtime, also_bundle or (), also_embedder or (), baselines)
    result = clips(weights, entrants, cache or default_folder(), quick, threads, progress)
    tracks = result["tracks"]
    names = ("top1", "top1_s", "shown", "exact", "wrong_exact", "false_exact", "seen")
    row = (tracks["tracks"], *(percent(tracks[name]) for name in names))
    header = (
        "tracks",
        "top-1",
        "top-1, by time",
        "right shown",
        "right exact",
        "wrong exact",
        "exact, removed",
        "seen",
    )
    print_table(f"Tracks as the pipeline settles them, gallery {result['gallery']}", header, [row])
    for key, title in (("views", "Single frames"), ("track_means", "Mean of each track's views")):
        rows = [
            (name, *(percent(one["all"][column]) for column in COLUMNS), one["all"]["queries"])
            for name, one in result[key].items()
        ]
        print_table(f"{title}, at the pipeline's boxes and masks", ("", *COLUMNS, "queries"), rows)
    typer.echo(f"single frames whose product is not listed under the types searched: {percent(result['type_missed'])}")
    save("clips_quick" if quick else "clips", result, results)
