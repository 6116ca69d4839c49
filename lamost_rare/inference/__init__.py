"""Batched prediction, line evidence, and the catalogue rows made of them."""
