"""Programs that run in a peer's own environment, never in ours; what they import is no dependency of the project."""
