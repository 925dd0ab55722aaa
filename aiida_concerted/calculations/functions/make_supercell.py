"""A supercell of a structure."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.data.conversion import atoms_of_structure
from aiida_concerted.structures.supercells import build_supercell


@calcfunction
def make_supercell(structure: orm.StructureData, supercell: orm.List) -> orm.StructureData | ExitCode:
    """Return the supercell with elements grouped.

    :param structure: the cell to repeat.
    :param supercell: three multiples of the lattice vectors, or a 3×3 matrix whose rows are the new vectors.
    """
    try:
        return orm.StructureData(ase=build_supercell(atoms_of_structure(structure), supercell.get_list()))
    except ValueError as error:
        return ExitCode(210, str(error))
