"""The VASP-compatible executable that stands in for the binary where there is no licence."""
