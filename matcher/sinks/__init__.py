"""Sinks write results."""
