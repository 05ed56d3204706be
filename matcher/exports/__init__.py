"""A run's results in the formats of other programs: editing timelines, players, tables, detection data sets."""
