"""The embedder: crops of garments to vectors in which the same piece of clothing lies close together."""
