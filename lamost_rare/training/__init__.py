"""Training of classifiers from libraries, observed spectra and simulation."""
