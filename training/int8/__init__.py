"""Bundles whose networks count in 8-bit integers, and what that costs them."""
