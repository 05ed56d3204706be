"""`asworn eval set|protocol|attributes|landmarks`: the published benchmarks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from matcher.errors import InputError
from training.evaluation.output import percent, print_table, progress, write_json

T = TypeVar("T")
JsonFile = Annotated[Path | None, typer.Option("--json", help="Also write the figures to this JSON file.")]
Results = Annotated[Path, typer.Option("--results", help="JSON list of results in the published form.")]
Root = Annotated[Path, typer.Argument(metavar="ROOT", help="The folder that the data set was unpacked in.")]


def set_(
    name: Annotated[str, typer.Argument(metavar="SET", help="deepfashion2, street2shop, movingfashion, ...")],
    root: Root,
    bundle: Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")] = None,
    embedder: Annotated[str, typer.Option(help="In place of the bundle's: open_clip:MODEL[:WEIGHTS], dinov2:...")] = "",
    threads: Annotated[int, typer.Option("--threads", min=0, help="Threads of each model; 0 = all cores.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Pictures at most; 0 = all.")] = 0,
    picture: Annotated[Path | None, typer.Option("--picture", help="Also draw a sheet of answers.")] = None,
    map_file: Annotated[Path | None, typer.Option("--map", help="Also draw the gallery's embeddings.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Retrieval with a bundle on a public data set, under that set's own protocol."""
    from matcher.bundle import Bundle
    from matcher.foreign import with_embedder
    from matcher.stages.models import Runtime
    from training.datasets.registry import open_set
    from training.evaluation.plots import save
    from training.evaluation.protocol_run import answer_sheet, gallery_map, run_protocol
    from training.evaluation.retrieval_eval import describer

    describe = describer(with_embedder(Bundle.open(bundle), embedder), Runtime(threads=threads))
    run = run_protocol(name, open_set(name, root), describe, progress, limit)
    _print_protocol(name, run.figures)
    if picture is not None:
        typer.echo(save(picture, answer_sheet(run.answers, f"{name}: the query, then what was found")))
    if map_file is not None:
        typer.echo(save(map_file, gallery_map(run.gallery, f"{name}: the gallery's embeddings")))
    _write(json_file, run.figures)


def protocol(
    results: Results,
    queries: Annotated[Path, typer.Option("--queries", help="val_query.json or query_gt.json.")],
    gallery: Annotated[Path, typer.Option("--gallery", help="val_gallery.json or gallery_gt.json.")],
    json_file: JsonFile = None,
) -> None:
    """DeepFashion2's consumer-to-shop retrieval of results that another program wrote."""
    from training.evaluation.retrieval_protocols import deepfashion2

    rows = [_rows(path, needed) for path, needed in ((results, _RESULT), (queries, _QUERY), (gallery, _GALLERY))]
    result = _scored(results, lambda: deepfashion2(*rows))
    _print_protocol("deepfashion2", result)
    _write(json_file, result)


def attributes(
    truth: Annotated[Path, typer.Option("--annotations", help="COCO JSON with attributes and attribute_ids.")],
    results: Results,
    kind: Annotated[str, typer.Option("--iou", help="segm or bbox.")] = "segm",
    json_file: JsonFile = None,
) -> None:
    """AP_IoU+F1 of garments with attributes, as Fashionpedia defines it."""
    from training.evaluation.attributes_eval import BOX, MASK, evaluate_attributes

    if kind not in (BOX, MASK):
        raise InputError(f"--iou must be {MASK} or {BOX}, not {kind!r}")
    known, names = _scored(truth, lambda: _attribute_truth(truth))
    needed = ("image_id", "category_id", "attribute_ids", "score", "segmentation" if kind == MASK else "bbox")
    result = _scored(results, lambda: evaluate_attributes(known, _rows(results, needed), kind))
    result["per_category"] = {names[key]: value for key, value in result["per_category"].items()}
    header = [key for key in result if key != "per_category"]
    print_table("Garments with attributes", header, [[percent(result[key]) for key in header]])
    rows = [(name, percent(r["AP"]), percent(r["AP_IoU"])) for name, r in result["per_category"].items()]
    print_table("By category", ("category", "AP", "AP by IoU alone"), rows)
    _write(json_file, result)


def landmarks(
    root: Root,
    results: Results,
    split: Annotated[str, typer.Option("--split", help="Of DeepFashion2.")] = "validation",
    json_file: JsonFile = None,
) -> None:
    """Average precision of landmarks on DeepFashion2, of visible ones and of all."""
    from training.datasets.registry import open_set
    from training.datasets.report import Report
    from training.evaluation.landmarks_eval import HIDDEN_TOO, VISIBLE, evaluate_landmarks, garments_of

    data = open_set("deepfashion2", root)
    if split not in data.splits:
        raise InputError(f"{root} has no split {split!r}; there are {', '.join(data.splits)}")
    finds = _rows(results, ("image_id", "category_id", "keypoints", "score"))
    result = {}
    for which in (VISIBLE, HIDDEN_TOO):
        garments = garments_of(progress(data.pictures(split, Report()), "photos"), which)
        result[which] = _scored(results, lambda garments=garments: evaluate_landmarks(garments, finds))
    rows = [(which.replace("_", " "), *(percent(r[k]) for k in ("AP", "AP50", "AP75"))) for which, r in result.items()]
    print_table("Landmarks", ("counted", "AP", "AP50", "AP75"), rows)
    _write(json_file, result)


_RESULT = ("query_image_id", "query_bbox", "query_score", "gallery_image_id", "gallery_bbox")
_QUERY = ("query_image_id", "bbox", "style", "pair_id")
_GALLERY = ("gallery_image_id", "bbox", "style", "pair_id")


def _rows(path: Path, needed: tuple[str, ...]) -> list[Mapping[str, Any]]:
    """A JSON list of objects that have some keys.

    Raises:
        InputError: it is not; the message names the file and the entry.
    """
    from training.datasets.files import read_json
    from training.datasets.report import Broken

    try:
        rows = read_json(path)
    except (Broken, OSError) as error:
        raise InputError(f"{path} {error}") from error
    if not isinstance(rows, list):
        raise InputError(f"{path} is not a JSON list")
    for i, row in enumerate(rows):
        missing = [key for key in needed if key not in row] if isinstance(row, dict) else needed
        if missing:
            raise InputError(f"{path} entry {i} lacks {', '.join(missing)}")
    return rows


def _scored(path: Path, score: Callable[[], T]) -> T:
    """What a metric gives; values in a file that make no sense become one plain line."""
    from training.datasets.report import DAMAGE, explain

    try:
        return score()
    except InputError as error:
        if type(error) is InputError:  # it names its file already
            raise
        raise InputError(f"{path} cannot be scored: {error}") from error
    except DAMAGE as error:
        raise InputError(f"{path} cannot be scored: {explain(error)}") from error


def _attribute_truth(path: Path) -> tuple[Any, dict[Any, str]]:
    from training.datasets.coco import CocoFile
    from training.datasets.report import Report
    from training.datasets.taxonomy import packaged
    from training.evaluation.attributes_eval import Attributes

    report = Report()
    coco = report.attempt(path, CocoFile.read, path, path.name, report)
    if coco is None or not coco.attributes:
        raise InputError(f"{path} is no COCO file with attributes: {report.problems[0] if report.problems else ''}")
    official = set(packaged("fashionpedia").rest["attributes"]["judged"])
    garments: dict[tuple[Any, int], list[Any]] = defaultdict(list)
    for image, rows in coco.rows.items():
        for row in rows:
            garments[image, row["category_id"]].append({"attribute_ids": [], **row})
    named = {key for key, name in coco.categories.items() if name in official}
    # A file of one's own categories: those that have attributes are judged by them.
    judged = named or {row["category_id"] for rows in coco.rows.values() for row in rows if row.get("attribute_ids")}
    sizes = {image["id"]: (image.get("height") or 0, image.get("width") or 0) for image in coco.images}
    return Attributes(len(coco.attributes), garments, sizes, judged), dict(coco.categories)


def _print_protocol(name: str, result: dict[str, Any]) -> None:
    tops = [key for key in ("top1", "top5", "top10", "top15", "top20", "mAP")]
    if "ways" in result:
        rows = [
            (way, part, figures["videos"], *(percent(figures[key]) for key in tops))
            for way, parts in result["ways"].items()
            for part, figures in parts.items()
        ]
        print_table(name, ("answer of a video", "products", "videos", *tops), rows)
        return
    rows = [("all", result["queries"], result["gallery"], *(percent(result[key]) for key in tops))]
    for group, figures in result.get("per_group", {}).items():
        rows.append((group, figures["queries"], figures["gallery"], *(percent(figures[key]) for key in tops)))
    print_table(name, ("", "queries", "gallery", *tops), rows)
    if result.get("missed"):
        typer.echo(f"{result['missed']} of the queries were not detected")


def _write(json_file: Path | None, result: dict[str, Any]) -> None:
    if json_file is not None:
        write_json(json_file, result)
