"""The command line `asworn`: runs a command and turns every failure into one or two plain lines."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from matcher import __version__
from matcher.cli.commands import Commands
from matcher.errors import MatcherError

STOPPED = 130
# Newer Typer brings click inside it, older Typer imports it: this names the base of usage errors in both.
_CommandError: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(cls=Commands, add_completion=False, rich_markup_mode="rich")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"asworn {__version__}")
        raise typer.Exit


@app.callback()
def asworn(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Find the shop listing for the clothes in any video, while it plays."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `asworn`.

    Args:
        argv: arguments without the program's name; those of the process when None.

    Returns:
        Exit status: 0 done, 2 a mistake of the user, 1 a failure, 130 stopped by Ctrl-C.
    """
    args, debug = _take_debug(list(sys.argv[1:] if argv is None else argv))
    try:
        return _status(typer.main.get_command(app).main(args or ["--help"], prog_name="asworn", standalone_mode=False))
    except (KeyboardInterrupt, typer.Abort):
        return _status(STOPPED)
    except _CommandError as error:
        return _say(_usage(error), error.exit_code, debug)
    except MatcherError as error:
        return _say(str(error), error.exit_status, debug)
    except BrokenPipeError:
        # The reader of our output, such as `head`, has left: that is its right. Python must not flush to it again.
        sys.stdout = None
        return 1
    except Exception as error:  # the last net: a bug of ours, told plainly
        return _say(f"{type(error).__name__}: {error}\nThis is unexpected; --debug shows where it happened", 1, debug)


def _take_debug(args: list[str]) -> tuple[list[str], bool]:
    """Let --debug stand anywhere before `--`."""
    end = args.index("--") if "--" in args else len(args)
    return [arg for i, arg in enumerate(args) if i >= end or arg != "--debug"], "--debug" in args[:end]


def _status(result: object) -> int:
    if result == STOPPED:
        typer.echo("stopped; nothing half-written", err=True)
    return result if isinstance(result, int) else 0


def _usage(error: Any) -> str:
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return f"what should {context.command_path} do?\nSee: {context.command_path} --help"
    return error.format_message() + (f"\nSee: {context.command_path} --help" if context is not None else "")


def _say(message: str, status: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    lines = [line for line in message.splitlines() if line.strip()][:2]
    typer.echo("\n".join([f"asworn: {lines[0] if lines else 'failed'}", *lines[1:]]), err=True)
    return status
