"""Associative-memory dynamics."""
