"""`asworn bench accuracy|detector-speed|wardrobe-video|...`: measure, print, and write JSON."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.cli_fusion import fusion_command
from benchmarks.cli_gpu import gpu_command
from benchmarks.cli_indexing import index_command
from benchmarks.cli_ingredients import ingredients_command
from benchmarks.cli_live import faults_command, live_latency_command, soak_command
from benchmarks.cli_lookup import lookup_command
from benchmarks.cli_overlay import overlay_command
from benchmarks.cli_peers import parity_command, pipelines_command
from benchmarks.cli_report import report_command
from benchmarks.cli_retrieval import clips_command, try_on_command
from benchmarks.cli_runtimes import runtimes_command
from benchmarks.cli_speed import carried_command, cuts_command, growth_command, latency_command, long_run_command
from benchmarks.cli_training import (
    backbones_command,
    classifiers_command,
    embedders_command,
    fashion_mnist_command,
    losses_command,
    results_command,
)
from benchmarks.cli_web import api_command, drop_command
from training.evaluation.output import percent, print_table

bench = typer.Typer(help="Measure speed, and accuracy on drawn clips.", no_args_is_help=True)

Bundle = Annotated[str | None, typer.Option("--bundle", help="Weights: a folder, or a packaged name.")]
Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads of each model.")]
Results = Annotated[Path | None, typer.Option("--results", help="Folder for the JSON file; none is written without.")]
SIZE = (1280, 720)
SEED = 1
DRAWN = ("precision", "recall", "precision_exact", "recall_exact", "false_exact")

bench.command("try-on")(try_on_command)
bench.command("clips")(clips_command)
bench.command("fusion")(fusion_command)
bench.command("detector-ingredients")(ingredients_command)
bench.command("detector-parity")(parity_command)
bench.command("lookup")(lookup_command)
bench.command("index")(index_command)
bench.command("pipelines")(pipelines_command)
bench.command("runtimes")(runtimes_command)
bench.command("latency")(latency_command)
bench.command("gpu")(gpu_command)
bench.command("growth")(growth_command)
bench.command("carried")(carried_command)
bench.command("cuts")(cuts_command)
bench.command("long-run")(long_run_command)
bench.command("overlay")(overlay_command)
bench.command("live-faults")(faults_command)
bench.command("live-soak")(soak_command)
bench.command("live-latency")(live_latency_command)
bench.command("backbones")(backbones_command)
bench.command("classifiers")(classifiers_command)
bench.command("embedders")(embedders_command)
bench.command("losses")(losses_command)
bench.command("fashion-mnist")(fashion_mnist_command)
bench.command("report")(report_command)
bench.command("drop")(drop_command)
bench.command("api")(api_command)
bench.command("results")(results_command)


@bench.command("accuracy")
def accuracy_command(
    clips: Annotated[bool, typer.Option(help="Also match the real clips, which takes minutes.")] = True,
    bundle: Bundle = None,
    threads: Threads = 2,
    results: Results = None,
) -> None:
    """Accuracy on the photos and clips kept out of training (found at ASWORN_DATA)."""
    from benchmarks.accuracy import accuracy, rows

    with tempfile.TemporaryDirectory() as folder:
        result = accuracy(Path(folder), bundle, threads, clips)
    print_table("Accuracy, in per cent", ("what", "figures"), rows(result))
    _save("accuracy", result, results)


@bench.command("detector-speed")
def detector_speed_command(
    peer_env: Annotated[Path, typer.Option("--peer-env", help="Environment that has the peer's package.")],
    install: Annotated[bool, typer.Option("--install", help="Make that environment if there is none.")] = False,
    rounds: Annotated[int, typer.Option(min=5, help="How often each is timed, in turn.")] = 60,
    bundle: Bundle = None,
    threads: Threads = 2,
    results: Results = None,
) -> None:
    """One detection against one forward pass of YOLO11n-seg (random weights; its time alone is compared)."""
    from benchmarks.detector_speed import detector_speed
    from benchmarks.showcase import FIRST_SEED
    from matcher.bundle import Bundle as Weights
    from matcher.wardrobe.scene import random_scene

    frames = [random_scene(FIRST_SEED + i, SIZE).image for i in range(8)]
    result = detector_speed(Weights.open(bundle), frames, peer_env, rounds, threads, install)
    ratios = {"ours": 1.0, **result["ratio"]}
    rows = [(name, *(f"{v:.2f}" for v in t.values()), f"{ratios[name]:.2f}") for name, t in result["ms"].items()]
    print_table("Milliseconds; ratio of medians to ours", ("", "p50", "p95", "p99", "ratio"), rows)
    _save("detector_speed", result, results)


@bench.command("wardrobe-video")
def wardrobe_video_command(
    per_type: Annotated[int, typer.Option(min=2, help="Products of each of the 11 types.")] = 19,
    clips: Annotated[int, typer.Option(min=1, help="How many shops and clips.")] = 1,
    seconds: Annotated[float, typer.Option(min=2, help="Length of each clip.")] = 20,
    bundle: Bundle = None,
    threads: Threads = 2,
    results: Results = None,
) -> None:
    """Precision, recall and flicker on drawn clips; false claims with the worn products removed."""
    from benchmarks.wardrobe_video import mean_of, wardrobe_video

    runs = []
    for seed in range(SEED, SEED + clips):
        with tempfile.TemporaryDirectory() as folder:
            runs.append({"seed": seed, **wardrobe_video(Path(folder), seed, per_type, SIZE, seconds, bundle, threads)})
    shown = [*runs, mean_of(runs)] if len(runs) > 1 else runs
    header = ("seed", "gallery", *DRAWN, "found", "first right", "flicker/min", "false exact, removed")
    print_table("Drawn clips", header, [_row(run) for run in shown])
    _save("wardrobe_video", {"seconds": seconds, "runs": runs}, results)


def _row(run: dict[str, Any]) -> tuple[str, ...]:
    whole, first = run["whole"], run["whole"]["first_right_s"]
    shares = (percent(whole[name]) for name in (*DRAWN, "top1"))
    times = "-" if first is None else f"{first:.1f} s", str(whole["flicker"])
    return str(run["seed"]), str(run["gallery"]), *shares, *times, percent(run["removed"]["false_exact"])


def _save(name: str, result: dict[str, Any], folder: Path | None) -> None:
    from benchmarks.environment import save

    if folder is not None:
        typer.echo(f"written: {save(name, result, folder)}")
