"""Carrier sites that symmetry tells apart, and vacancies on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spglib
from ase import Atoms


@dataclass(frozen=True)
class InequivalentSite:
    """One carrier of each set that the symmetry of the structure makes equivalent.

    :param index: its index among all atoms.
    :param multiplicity: how many atoms of the cell it stands for.
    """

    index: int
    multiplicity: int


def inequivalent_sites(atoms: Atoms, carrier: str, *, symprec_A: float = 0.01) -> list[InequivalentSite]:
    """Return the symmetry-inequivalent carriers, in the order of their indices.

    :param carrier: element symbol.
    :param symprec_A: distance in Å within which spglib takes positions for the same.
    :raises ValueError: if the carrier is absent or spglib finds no symmetry at all.
    """
    symbols = atoms.get_chemical_symbols()
    if carrier not in symbols:
        raise ValueError(f"the structure {atoms.get_chemical_formula()} holds no {carrier}")
    cell = (atoms.cell.tolist(), atoms.get_scaled_positions().tolist(), atoms.get_atomic_numbers().tolist())
    dataset = spglib.get_symmetry_dataset(cell, symprec=symprec_A)
    if dataset is None:
        raise ValueError(f"spglib finds no symmetry within {symprec_A} Å: are atoms on top of each other?")
    representatives = np.asarray(dataset.equivalent_atoms)
    chosen = [index for index in np.unique(representatives) if symbols[index] == carrier]
    return [InequivalentSite(int(index), int(np.count_nonzero(representatives == index))) for index in chosen]


def remove_atom(atoms: Atoms, index: int) -> Atoms:
    """Return a copy without one atom.

    :raises ValueError: if there is no such atom, or no other.
    """
    if not 0 <= index < len(atoms) or len(atoms) < 2:
        raise ValueError(f"cannot remove atom {index} of {len(atoms)}")
    kept = np.delete(np.arange(len(atoms)), index)
    return atoms[kept]


def find_in_supercell(supercell: Atoms, position_A: np.ndarray, symbol: str, *, tolerance_A: float = 0.1) -> int:
    """Return the index of the atom of a supercell that sits at a Cartesian position of the cell it repeats.

    :raises ValueError: if no atom of this element is within ``tolerance_A`` of it.
    """
    probe = supercell[[atom.index for atom in supercell if atom.symbol == symbol]]
    indices = [atom.index for atom in supercell if atom.symbol == symbol]
    probe.append("X")
    probe.positions[-1] = position_A
    distances = probe.get_distances(-1, list(range(len(probe) - 1)), mic=True)
    nearest = int(np.argmin(distances))
    if distances[nearest] > tolerance_A:
        raise ValueError(f"the supercell has no {symbol} within {tolerance_A} Å of {np.round(position_A, 3)}")
    return indices[nearest]
