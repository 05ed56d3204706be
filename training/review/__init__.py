"""Training on what people judged in the web app."""
