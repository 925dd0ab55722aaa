"""The door between nodes and the plain objects that the science works on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from aiida import orm
from ase import Atoms
from numpy.typing import NDArray

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.formats.deepmd_npy import write_deepmd_npy

FloatArray = NDArray[np.float64]


def arrays_of_structure(structure: orm.StructureData) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Return cell in Å (rows), Cartesian positions in Å and the element symbol of each atom.

    :raises ValueError: if a site is shared by several elements or partly empty.
    """
    symbols = {}
    for kind in structure.kinds:
        if len(kind.symbols) != 1 or kind.has_vacancies:
            raise ValueError(f"kind '{kind.name}' of the structure is disordered: order the structure first")
        symbols[kind.name] = kind.symbol
    species = tuple(symbols[site.kind_name] for site in structure.sites)
    return np.array(structure.cell), np.array([site.position for site in structure.sites]), species


def atoms_of_structure(structure: orm.StructureData) -> Atoms:
    """Return the atoms of a structure by their elements; kinds such as Li1 and Li2 are one element.

    Tags, which would make kinds of their own again and mix them in supercells, are left behind.

    :raises ValueError: if a site is shared by several elements or partly empty.
    """
    cell, positions, species = arrays_of_structure(structure)
    return Atoms(symbols=species, positions=positions, cell=cell, pbc=structure.pbc)


def structure_of_arrays(cell: FloatArray, positions: FloatArray, species: tuple[str, ...]) -> orm.StructureData:
    """Return an unstored periodic structure with the atoms in the order given.

    :param cell: lattice vectors as rows in Å.
    :param positions: Cartesian positions in Å, wrapped or not; they are kept as they are.
    :param species: element symbol of each atom.
    """
    structure = orm.StructureData(cell=np.asarray(cell, dtype=float).tolist(), pbc=(True, True, True))
    for symbol, position in zip(species, np.asarray(positions, dtype=float), strict=True):
        structure.append_atom(symbols=symbol, position=position.tolist())
    return structure


def arrays_of_frame(trajectory: MolecularDynamicsData, index: int) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Return cell in Å, unwrapped positions in Å and element symbols of one frame.

    The atoms stand in the order of the structure that the run began from.

    :param index: number of the frame, counted from 0.
    :raises ValueError: if there is no such frame, or the framework was not stored there.
    """
    with trajectory.reader() as reader:
        species, positions = reader.frame(index)
        return reader.cell(index), positions, species


def structure_of_frame(trajectory: MolecularDynamicsData, index: int) -> orm.StructureData:
    """Return one frame as an unstored structure, atoms wrapped into the cell, in the order of the first structure.

    :param index: number of the frame, counted from 0.
    :raises ValueError: if there is no such frame, or the framework was not stored there.
    """
    cell, positions, species = arrays_of_frame(trajectory, index)
    return wrapped_structure(cell, positions, species)


def wrapped_structure(cell: FloatArray, positions: FloatArray, species: tuple[str, ...]) -> orm.StructureData:
    """Return an unstored structure with the atoms wrapped into the cell, in the order given.

    :param cell: lattice vectors as rows in Å.
    :param positions: Cartesian positions in Å.
    """
    fractional = np.linalg.solve(cell.T, positions.T).T % 1.0
    return structure_of_arrays(cell, fractional @ cell, species)


def write_frames(node: LabelledFramesData, folder: Path, type_map: list[str] | None = None) -> None:
    """Write a dataset as a ``deepmd/npy`` system.

    :param folder: folder to be made.
    :param type_map: element symbols in the order of the type numbers; the dataset's own kinds when not given.
    """
    write_deepmd_npy(folder, node.get_frames(), type_map=type_map or node.base.attributes.get("species"))
