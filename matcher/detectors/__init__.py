"""Detectors of other projects in place of a bundle's own: adapters to their ONNX files."""
