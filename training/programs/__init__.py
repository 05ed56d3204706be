"""Models as programs for the torch backend: exported, frozen, with fixed shapes inside."""
