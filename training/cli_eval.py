"""`asworn eval detector|types|retrieval|video|set|...`: print a table, and write JSON and a picture where asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from training.cli_eval_sets import attributes, landmarks, protocol, set_
from training.evaluation.output import percent, print_table, progress, write_json

app = typer.Typer(
    help="Measure the detector, types, retrieval, a video, or results on public sets.",
    no_args_is_help=True,
)

JsonFile = Annotated[Path | None, typer.Option("--json", help="Also write the figures to this JSON file.")]
BundleDir = Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")]
Threads = Annotated[int, typer.Option("--threads", min=0, help="Threads of each model; 0 = all cores.")]
Drawing = Annotated[Path | None, typer.Option("--picture", help="Also draw the figures: .png or .jpg.")]
CatalogDir = Annotated[Path, typer.Option("--catalog", help="The catalogue that is searched.")]


@app.command()
def detector(
    images: Annotated[Path, typer.Option("--images", help="Folder of the photos.")],
    annotations: Annotated[Path, typer.Option("--annotations", help="COCO JSON; categories named like types.")],
    min_score: Annotated[float, typer.Option(help="Candidates below this probability are left out.")] = 0.01,
    bundle: BundleDir = None,
    foreign: Annotated[
        str,
        typer.Option("--detector", help="In place of the bundle's: yolo:FILE, rfdetr:FILE, detectron2:CONFIG,FILE."),
    ] = "",
    classes: Annotated[str, typer.Option(help="TOML file: which of its classes are which types.")] = "",
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="In place of the bundle's: what `train match-rcnn` wrote.")
    ] = None,
    sides: Annotated[
        tuple[int, int], typer.Option("--sides", help="Short and longest side of the pictures for --checkpoint.")
    ] = (800, 1333),
    threads: Threads = 0,
    picture: Drawing = None,
    json_file: JsonFile = None,
) -> None:
    """Average precision of boxes (and masks, if the file has them) on a COCO file."""
    from matcher.detectors.name import with_detector
    from matcher.stages.detect import Detector
    from training.evaluation.coco_eval import evaluate_detector

    if checkpoint is not None:
        model = _checkpoint_detector(checkpoint, sides, threads)
    else:
        model = Detector(with_detector(_bundle(bundle), foreign, classes), runtime=_runtime(threads))
    curves: dict[str, Any] = {}
    result = evaluate_detector(model, images, annotations, min_score, progress, curves)
    kinds = [(name, result[name]) for name in ("box", "mask") if result[name]]
    rows = [(name, *(percent(figures[metric]) for metric in figures)) for name, figures in kinds]
    print_table(f"Detector on {result['photos']} photos", ("", "AP", "AP50", "AP75"), rows)
    per_type = [(name, percent(figures["AP50"])) for name, figures in result["per_type"].items()]
    print_table("Boxes by type", ("type", "AP50"), per_type)
    if picture is not None:
        from training.evaluation.plots import curves as draw

        _save(picture, draw(curves, "Boxes at IoU 0.5", "recall", "precision"))
    _finish(result, json_file, f"{result['ms_per_photo']} ms for one photo (median)")


@app.command()
def types(
    images: Annotated[Path, typer.Option("--images", help="Has one folder of pictures for each type.")],
    by: Annotated[str, typer.Option(help="whole (picture, classifier alone), pipeline or detector.")] = "whole",
    bundle: BundleDir = None,
    threads: Threads = 0,
    calibrated: Annotated[
        bool, typer.Option("--calibration", help="Also top-3 and top-5, calibration and confusion.")
    ] = False,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw which types are mistaken for which.")] = None,
    reliability: Annotated[Path | None, typer.Option("--reliability", help="Draw how far the scores hold.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Accuracy of the garment types on pictures that show one garment each."""
    from training.evaluation.type_views import type_view
    from training.evaluation.types_eval import evaluate_types

    answers: list[Any] = []
    result = evaluate_types(type_view(by, _bundle(bundle), _runtime(threads)), images, progress, answers)
    rows = [("all", result), *result["per_type"].items()]
    table = [(name, r["photos"], percent(r["top1"]), percent(r["top2"])) for name, r in rows]
    print_table("Types", ("type", "photos", "top-1", "top-2"), table)
    if calibrated or picture is not None or reliability is not None:
        result |= _more_about_types(answers, picture, reliability)
    _finish(result, json_file)


def _more_about_types(answers: list[Any], picture: Path | None, reliability: Path | None) -> dict[str, Any]:
    import numpy as np

    from training.evaluation.plots import confusion_picture
    from training.evaluation.plots import reliability as draw_reliability
    from training.evaluation.types_report import types_report

    more = types_report(answers)
    found = more["calibration"]
    tops = ", ".join(f"top-{name[3:]} {percent(value)}" for name, value in more["top"].items())
    typer.echo(f"{tops}; calibration error {percent(found['ece'])}, Brier score {found['brier']:.3f}")
    if picture is not None:
        _save(picture, confusion_picture(np.array(more["confusion"]), more["types"], "Types"))
    if reliability is not None:
        _save(reliability, draw_reliability(found["table"], found["ece"]))
    return more


@app.command()
def retrieval(
    queries: Annotated[Path, typer.Option("--queries", help="CSV: image,x0,y0,x1,y1,product_id; box may be empty.")],
    catalog: CatalogDir,
    bundle: BundleDir = None,
    embedder: Annotated[str, typer.Option(help="In place of the bundle's: open_clip:MODEL[:WEIGHTS], dinov2:...")] = "",
    threads: Threads = 0,
    picture: Annotated[Path | None, typer.Option("--picture", help="Also draw a sheet of queries and answers.")] = None,
    json_file: JsonFile = None,
) -> None:
    """How often a worn garment finds its own product."""
    from matcher.catalog.catalog import Catalog
    from matcher.foreign import with_embedder
    from training.evaluation.queries import load_queries
    from training.evaluation.retrieval_eval import describer, evaluate_retrieval

    weights = with_embedder(_bundle(bundle), embedder)
    shop = Catalog.load(catalog, embedder_hash=weights.embedder_hash)
    asked = load_queries(queries)
    describe = describer(weights, _runtime(threads))
    result = evaluate_retrieval(describe, shop, asked, progress)
    header = ("queries", "gallery", "recall@1", "recall@5", "recall@20", "mrr", "undetected")
    row = [result[name] if name in header[:2] else percent(result[name]) for name in header]
    print_table("Retrieval", header, [row])
    if picture is not None:
        from training.evaluation.retrieval_sheet import retrieval_sheet

        _save(picture, retrieval_sheet(describe, shop, asked))
    missing = {q.product_id for q in asked} - {shop.product(i).id for i in range(len(shop))}
    _finish(result, json_file, f"{len(missing)} of the products asked for are not in the catalogue" if missing else "")


@app.command()
def video(
    file: Annotated[Path, typer.Option("--video", help="The video.")],
    truth: Annotated[Path, typer.Option("--truth", help="CSV: t_start,t_end,product_id; seconds from the start.")],
    catalog: CatalogDir,
    config: Annotated[Path | None, typer.Option(help="Settings of the pipeline.")] = None,
    complete: Annotated[
        bool, typer.Option("--complete", help="The truth lists all that is seen: judge it all.")
    ] = False,
    bundle: BundleDir = None,
    threads: Threads = 0,
    json_file: JsonFile = None,
) -> None:
    """Which of the listed products the pipeline settles on, and what it shows wrongly."""
    from training.evaluation.video_eval import evaluate_video, open_pipeline
    from training.evaluation.video_truth import load_truth

    intervals = load_truth(truth)
    pipeline, shop = open_pipeline(catalog, config, bundle, threads)
    result = evaluate_video(pipeline, shop.product, file, intervals, complete, progress)
    names = ("products", "tracks", "top1", "precision", "recall", "false_exact")
    row = [result[name] if name in names[:2] else percent(result[name]) for name in names]
    print_table(f"Products in {file.name}", names, [row])
    _finish(result, json_file)


app.command("set")(set_)
for _command in (protocol, attributes, landmarks):
    app.command()(_command)


def _save(path: Path, image: Any) -> None:
    from training.evaluation.plots import save

    typer.echo(save(path, image))


def _checkpoint_detector(checkpoint: Path, sides: tuple[int, int], threads: int) -> Any:
    import torch

    from training.match_rcnn.candidates import CheckpointDetector
    from training.match_rcnn.files import load_model

    if threads:
        torch.set_num_threads(threads)
    return CheckpointDetector(load_model(checkpoint), *sides)


def _bundle(folder: str | None) -> Any:
    from matcher.bundle import Bundle

    return Bundle.open(folder)


def _runtime(threads: int) -> Any:
    from matcher.stages.models import Runtime

    return Runtime(threads=threads)


def _finish(result: dict[str, Any], json_file: Path | None, note: str = "") -> None:
    if note:
        typer.echo(note)
    if json_file is not None:
        write_json(json_file, result)
