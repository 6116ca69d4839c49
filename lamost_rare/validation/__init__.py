"""Trials on stars that were not trained on, and the figures made of them, for any rare class."""
