"""Sizes as people read them."""

from __future__ import annotations


def size_of(n_bytes: int) -> str:
    """Return a number of bytes in GB, MB, kB or B."""
    if n_bytes >= 1e9:
        return f"{n_bytes / 1e9:.2f} GB"
    if n_bytes >= 1e5:
        return f"{n_bytes / 1e6:.1f} MB"
    return f"{n_bytes / 1e3:.1f} kB" if n_bytes >= 100 else f"{n_bytes} B"
