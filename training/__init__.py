"""Training of As Worn's models: data, networks, losses, evaluation, export to bundles."""
