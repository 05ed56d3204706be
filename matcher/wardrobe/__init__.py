"""Draws a small shop, the people who wear its clothes, and the truth about both."""
