"""Evaluation on the runtime install: COCO detection, garment types, retrieval, and products in a video."""
