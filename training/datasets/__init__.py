"""Public data sets in their published formats, as one kind of record."""
