"""The elements of the atoms where a trajectory does not name them: from a LAMMPS data file or any file with species."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.byte_stream import first_bytes
from aiida_concerted.formats.elements import symbol_of
from aiida_concerted.formats.extxyz import ExtxyzSource
from aiida_concerted.formats.h5md import H5mdReader
from aiida_concerted.formats.lammps_data import read_lammps_data
from aiida_concerted.formats.vasprun import VasprunReader

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ONE_FRAME = 1


@dataclass(frozen=True)
class Topology:
    """What a file tells about the atoms of another.

    :param path: where it stands.
    :param species: element of each atom, in the order of their numbers.
    :param type_symbols: element of each of LAMMPS' types, counted from 1, where the file has such.
    :param cell: lattice vectors as rows in Å, where the file has them.
    """

    path: Path
    species: tuple[str, ...]
    type_symbols: tuple[str, ...] = ()
    cell: FloatArray | None = None

    def of_atoms(self, n_atoms: int, where: str) -> tuple[str, ...]:
        """Return the element of each atom.

        :raises ValueError: if there is another number of atoms.
        """
        if len(self.species) != n_atoms:
            raise ValueError(
                f"{self.path} names {len(self.species)} atoms, {where} has {n_atoms}: give its own topology"
            )
        return self.species

    def of_ids(self, ids: IntArray, where: str) -> tuple[str, ...]:
        """Return the element of each atom by its number, counted from 1.

        :raises ValueError: if there is no such atom.
        """
        if len(ids) and not 1 <= ids.min() <= ids.max() <= len(self.species):
            raise ValueError(f"{where} has atoms up to number {ids.max()}, {self.path} names {len(self.species)}")
        return tuple(self.species[int(number) - 1] for number in ids)

    def of_types(self, types: NDArray[Any], where: str) -> tuple[str, ...]:
        """Return the element of each atom by its type.

        :param types: LAMMPS' types, counted from 1.
        :raises ValueError: if there is no such type.
        """
        if len(types) and not 1 <= types.min() <= types.max() <= len(self.type_symbols):
            raise ValueError(f"{where} has types up to {types.max()}, {self.path} names {len(self.type_symbols)}")
        return tuple(self.type_symbols[int(number) - 1] for number in types)


def read_topology(path: str | Path) -> Topology:
    """Return the elements that a file names: LAMMPS data, POSCAR or XDATCAR, extxyz, vasprun.xml or our H5MD.

    :raises ValueError: if the file is none of these or names no elements.
    """
    path = Path(path)
    head = first_bytes(path)
    if head.startswith(b"\x89HDF"):
        return _from_h5md(path)
    if head.lstrip().startswith((b"<?xml", b"<modeling")):
        step = next(iter(reader := VasprunReader(path)), None)
        return Topology(path, reader.header.species, cell=None if step is None else step.cell)
    lines = head.decode("utf-8", errors="replace").splitlines()
    if lines and lines[0].strip().isdigit():
        source = ExtxyzSource(path)
        try:
            block = next(source.blocks(_ONE_FRAME), None)
        finally:
            source.close()
        if block is None:
            raise ValueError(f"{path} holds no whole frame that could name the atoms")
        return Topology(path, source.facts.species, cell=block.cells[0])
    if any(line.split("#")[0].split()[-1:] == ["atoms"] for line in lines[1:20]):
        data = read_lammps_data(path)
        return Topology(path, data.species, data.type_symbols, data.cell)
    return _from_poscar(path)


def _from_h5md(path: Path) -> Topology:
    try:
        reader = H5mdReader(path)
    except ValueError:
        raise ValueError(f"{path} is no H5MD file of this program: it cannot name the atoms") from None
    with reader:
        header = reader.header
    species = np.empty(header.n_atoms, dtype=object)
    species[header.carrier_ids] = header.carrier
    species[header.framework_ids] = header.framework_species
    return Topology(path, tuple(species), cell=header.cell)


def _from_poscar(path: Path) -> Topology:
    """Return what the first lines of a POSCAR, CONTCAR or XDATCAR tell."""
    lines = first_bytes(path, 1 << 16).decode("utf-8", errors="replace").splitlines()
    try:
        cell = np.array([[float(word) for word in line.split()[:3]] for line in lines[2:5]])
        scale = float(lines[1].split()[0])
        # a negative scale is the volume of the cell
        cell *= scale if scale > 0 else (-scale / abs(np.linalg.det(cell))) ** (1 / 3)
        symbols = [symbol_of(word) for word in lines[5].split()]
        counts = [int(word) for word in lines[6].split()]
        species = tuple(symbol or "X" for symbol, n in zip(symbols, counts, strict=True) for _ in range(n))
    except (ValueError, IndexError):
        species, cell = (), np.zeros((0, 3))
    if not species or "X" in species or cell.shape != (3, 3):
        raise ValueError(
            f"{path} names no elements: give a LAMMPS data file with masses, POSCAR, extxyz, vasprun.xml or our H5MD"
        )
    return Topology(path, species, cell=cell)
