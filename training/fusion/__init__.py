"""Fusion over time: tracks of views with truth, and the learnt pooling that is compared on them."""
