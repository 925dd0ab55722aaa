"""Sizes as people read them."""

from __future__ import annotations


def size_of(n_bytes: int) -> str:
    """Return a number of bytes in MB or kB."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:.1f} kB"
