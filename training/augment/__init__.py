"""Changes that keep a garment recognisable: of shape, surroundings, light and camera."""
