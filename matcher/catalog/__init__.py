"""The catalogue: FAISS sub-indexes per type, a product table, generations."""
