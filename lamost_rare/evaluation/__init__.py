"""Measurements of classifiers, on stars and spectra that they were not trained on."""
