"""The type classifier: which of the garment types a crop shows."""
