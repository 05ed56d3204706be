"""As Worn: finds the shop listing for the clothes in any video, while it plays."""

from __future__ import annotations

__version__ = "0.1.0"
