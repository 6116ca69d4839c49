"""The experiments of Yang et al. (2021) done again, and those that the paper lacks."""
