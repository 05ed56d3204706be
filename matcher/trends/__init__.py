"""What is worn over many films: types, colours, patterns and products by title, by date and along the films."""
