"""A program that sends a clip like a camera does, with the time of sending drawn into each picture."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from benchmarks.picture_code import BITS, draw_code
from matcher.types import Frame
from matcher.video.live_source import LiveSource
from matcher.video.outgoing import Outgoing


def now_ms() -> int:
    """Milliseconds of the machine's steady clock, as many as fit into a picture."""
    return int(1e3 * time.monotonic()) % 2**BITS


def main() -> int:
    """Send the clip that is named first to the address that is named second, until this is ended."""
    source = LiveSource(Path(sys.argv[1]), loop=True)
    with Outgoing(sys.argv[2], source.size, source.rate) as out:
        for item in source:
            if isinstance(item, Frame):
                draw_code(item.image, now_ms())
                out.picture(item.image, item.timestamp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
