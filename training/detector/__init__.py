"""The detector: a small Match R-CNN (boxes, types, masks), its training and export."""
