"""The web app of `asworn serve`: click to shop, videos, review, and what the models are."""
