"""Generators, comparisons and studies that measure the package; run from the root of the repository."""
