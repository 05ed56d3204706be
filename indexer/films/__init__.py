"""A library of films: matched one after the other or on a cluster, each once."""
