"""Simulated spectra: library and analytic stars as LAMOST would observe them."""
