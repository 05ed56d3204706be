"""Training data: sources, cut-outs and composed scenes."""
