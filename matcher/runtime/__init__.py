"""Sessions run a model: named arrays in, named arrays out."""
