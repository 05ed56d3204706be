"""Turns a shop feed into a catalogue."""
