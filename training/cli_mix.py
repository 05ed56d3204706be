"""`asworn train mix`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mix(
    checkpoint: Annotated[Path, typer.Argument(help="Of a detector, a type classifier or an embedder: last.pt.")],
    other: Annotated[str, typer.Option("--with", help="Another checkpoint, or a bundle (tiny, or a folder).")],
    share: Annotated[float, typer.Option("--share", min=0, max=1, help="Of the other's weights.")] = 0.5,
    out: Annotated[Path, typer.Option("--out", help="Run folder of the new checkpoint.")] = Path("runs/mixed"),
) -> None:
    """Average the weights of a run with those that it started from, or with another run's of the same start.

    Often better than either. The recipe's own command with --out measures the result; asworn export takes it.
    """
    from training.mixing import mix as run

    typer.echo(run(checkpoint, other, share, out))
