"""Sources of frames and a writer."""
