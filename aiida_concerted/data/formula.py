"""The chemical formula that queries use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import gcd

from pymatgen.core.periodic_table import Element


def reduced_formula(species: Iterable[str]) -> str:
    """Return the reduced formula without brackets, elements by electronegativity: ``Li10GeP2S12``.

    :param species: element symbol of each atom.
    """
    counts = Counter(species)
    divisor = gcd(*counts.values())
    ordered = sorted(counts, key=lambda symbol: (Element(symbol).X, symbol))
    return "".join(f"{symbol}{counts[symbol] // divisor if counts[symbol] != divisor else ''}" for symbol in ordered)


def kinds_of(species: Iterable[str]) -> list[str]:
    """Return the distinct element symbols in the order in which they first occur."""
    return list(dict.fromkeys(species))
