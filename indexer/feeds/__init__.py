"""Shop feeds by format."""
