"""Measures accuracy and speed."""
