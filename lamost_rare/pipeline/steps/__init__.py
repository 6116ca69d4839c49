"""The steps that come with the package, one file each."""
