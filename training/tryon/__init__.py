"""Try-on pairs: a real shop photo's garment put on a real person, so that shop and street show one identity."""
