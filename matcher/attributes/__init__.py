"""What a garment looks like, in words: colours, pattern, length, sleeves."""
