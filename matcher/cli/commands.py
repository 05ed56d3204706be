"""Commands that are loaded when they are called: ours, and those of other packages through entry points.

So `asworn --help` imports no model code, and a command whose extra is missing breaks nothing but itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
import typer.core

from matcher.errors import BackendError, InputError, MatcherError

GROUP = "asworn.commands"

# Name -> (where it is, what help says). Help must not import the commands.
OWN = {
    "match": ("matcher.cli.match:match", "Find the products worn in a video."),
    "report": ("matcher.cli.report:report", "Make the reports and exports of a finished run again."),
    "trends": ("matcher.cli.trends:trends", "Count what is worn over many films, in tables and plots."),
    "live": ("matcher.cli.live:live", "Match cameras and streams while they play."),
    "serve": ("matcher.cli.serve:serve", "Start the web app."),
    "image": ("matcher.cli.image:image", "Find the products worn in one picture."),
    "catalog": ("matcher.cli.catalog:app", "Look into a catalogue: info, check, search, export, gc."),
    "doctor": ("matcher.cli.doctor:doctor", "Say what is installed here, what works, and how fast."),
}
SUMMARIES = {
    "demo": "Make a sample shop and clip, index, match, and write every output.",
    "index": "Turn a shop's feed into a catalogue.",
    "match-many": "Match a folder of films, each once.",
    "eval": "Measure the detector, types, retrieval or a video.",
    "data": "Look through a public data set: what it holds, and what is broken.",
    "train": "Train the detector, type classifier, embedder or verifier.",
    "export": "Turn trained checkpoints into a bundle.",
    "export-full": "Turn checkpoints into a bundle for the torch backend.",
    "export-int8": "Turn a bundle into one in 8-bit integers, and say what it costs.",
    "bench": "Measure speed.",
}
ORDER = (
    "demo",
    "index",
    "match",
    "match-many",
    "report",
    "trends",
    "image",
    "live",
    "serve",
    "eval",
    "data",
    "train",
    "export",
    "export-full",
    "bench",
    "doctor",
    "catalog",
)
EXTRAS = {"train": "train", "export": "train", "export-full": "train"}


class LazyCommand(typer.core.TyperCommand):
    """Stands for a command in the list, and becomes it when it is called."""

    def __init__(self, name: str, summary: str, load: Callable[[], Any]) -> None:
        """Name it; `load` imports what defines it: a function or a Typer app."""
        super().__init__(name, help=summary, short_help=summary)
        self._load = load

    def make_context(
        self, info_name: str | None, args: list[str], parent: typer.Context | None = None, **extra: Any
    ) -> typer.Context:
        """Load the command and let it read its arguments."""
        return self.real().make_context(info_name, args, parent=parent, **extra)

    def real(self) -> typer.core.TyperCommand | typer.core.TyperGroup:
        """The command itself.

        Raises:
            BackendError: something that it needs is not installed.
        """
        name = str(self.name)
        try:
            found = self._load()
        except MatcherError:
            raise
        except ImportError as error:
            raise BackendError(f"asworn {name} cannot start: {error}; {_remedy(name)}") from error
        return as_command(found, name)


class Commands(typer.core.TyperGroup):
    """The group behind `asworn`."""

    def list_commands(self, ctx: typer.Context) -> list[str]:
        """All names, in the order of the work."""
        names = {*OWN, *plugins()}
        return [name for name in ORDER if name in names] + sorted(names - set(ORDER))

    def get_command(self, ctx: typer.Context, cmd_name: str) -> LazyCommand | None:
        """The command of that name, not loaded yet."""
        if cmd_name in OWN:
            place, summary = OWN[cmd_name]
            return LazyCommand(cmd_name, summary, lambda: _load(place))
        found = plugins().get(cmd_name)
        if found is None:
            return None
        return LazyCommand(cmd_name, SUMMARIES.get(cmd_name, f"From the package {_package(found)}."), found.load)


def plugins() -> dict[str, EntryPoint]:
    """Entry points of other packages by name; ours cannot be replaced by them."""
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in OWN}


def as_command(found: Any, name: str) -> typer.core.TyperCommand | typer.core.TyperGroup:
    """Make a command of a function or a Typer app.

    Raises:
        InputError: it is neither.
    """
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    if not callable(found):
        raise InputError(f"asworn {name} is not a command: its entry point leads to a {type(found).__name__}")
    app = typer.Typer(add_completion=False)
    app.command(name)(found)
    return typer.main.get_command(app)


def _load(place: str) -> Any:
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)


def _remedy(name: str) -> str:
    return f"install it: pip install 'asworn[{EXTRAS[name]}]'" if name in EXTRAS else "install asworn again"


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
