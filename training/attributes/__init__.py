"""Fits the small linear models behind the attributes of garments (`matcher.attributes`), and measures them."""
