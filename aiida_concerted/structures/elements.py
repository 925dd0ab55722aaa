"""Reference structures of the elements."""

from __future__ import annotations

from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, reference_states

BUILDABLE = ("bcc", "fcc", "hcp", "diamond", "sc")


def elemental_reference(symbol: str) -> Atoms:
    """Return the primitive cell of an element in its reference state at ambient conditions, such as bcc lithium.

    The lattice constants are ASE's experimental ones; relax the cell before its energy serves as chemical potential.

    :param symbol: element symbol.
    :raises ValueError: if the symbol is unknown, or its reference state is not one of the simple metals' lattices.
    """
    if symbol not in atomic_numbers:
        raise ValueError(f"'{symbol}' is not an element")
    state = reference_states[atomic_numbers[symbol]]
    if state is None or state["symmetry"] not in BUILDABLE:
        raise ValueError(
            f"the reference state of {symbol} is not one of {', '.join(BUILDABLE)}: give its structure as input instead"
        )
    return bulk(symbol)
