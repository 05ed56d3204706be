"""Data that ships with As Worn: pipelines, training recipes and taxonomies. No code."""
