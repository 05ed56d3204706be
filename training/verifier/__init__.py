"""The verifier: looks at a pair of embeddings and says whether they show the same product."""
