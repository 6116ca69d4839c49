"""The page on which people look at candidates and decide, and pictures of spectra."""
