"""`python -m matcher` is `asworn`."""

from __future__ import annotations

import sys

from matcher.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
