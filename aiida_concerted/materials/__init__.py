"""Site models and reference values as data files, and their loader."""
