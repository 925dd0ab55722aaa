"""The structures that a DP-GEN project explores."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pymatgen.core import Structure

from aiida_concerted.common.cells import cell_heights
from aiida_concerted.imports.dpgen.account import Account, shown
from aiida_concerted.imports.dpgen.project import Project

POSCAR_FORMATS = ("vasp/poscar", "poscar", "vasp/contcar")
PLACE = "learn.structures"

Composition = tuple[tuple[str, int], ...]


def composition_of(species: Iterable[str]) -> Composition:
    """Return the number of atoms of each element, in alphabetical order."""
    return tuple(sorted(Counter(species).items()))


def formula_of(composition: Composition) -> str:
    """Return a composition as text, such as ``Li2S``."""
    return "".join(f"{symbol}{number if number > 1 else ''}" for symbol, number in composition)


@dataclass(frozen=True)
class System:
    """One structure to explore.

    :param index: of the entry of ``sys_configs`` that names it.
    :param name: name in the study file.
    :param path: its file.
    :param species: element of each atom, elements in blocks, in the order in which they first appear.
    :param height_A: smallest distance of opposite faces of the cell in Å.
    """

    index: int
    name: str
    path: Path
    species: tuple[str, ...]
    height_A: float

    @property
    def composition(self) -> Composition:
        """Return the number of atoms of each element."""
        return composition_of(self.species)


@dataclass(frozen=True)
class Systems:
    """The structures that a study can explore.

    :param kept: them, in the order of ``sys_configs``.
    :param lost: why others cannot be, one line each.
    """

    kept: tuple[System, ...]
    lost: tuple[str, ...]

    def names(self, indices: Sequence[int]) -> list[str]:
        """Return the names of the structures of some entries of ``sys_configs``."""
        return [system.name for system in self.kept if system.index in indices]


def find_systems(project: Project, progress: Callable[[int, int], None] = lambda done, total: None) -> Systems:
    """Return every structure that can be read, and why others cannot.

    :param progress: is told how many files have been read, and of how many.
    :raises ValueError: if ``sys_configs`` is no list of lists of names.
    """
    configs = project.param.get("sys_configs", [])
    if not isinstance(configs, list) or not all(isinstance(entry, list | str) for entry in configs):
        raise ValueError(
            f"{project.name}: sys_configs must be a list of lists of files, got {shown('sys_configs', configs)}"
        )
    if project.param.get("sys_format", "vasp/poscar") not in POSCAR_FORMATS:
        return Systems((), (f"sys_format is '{project.param['sys_format']}'; only POSCAR files are read",))
    named: list[tuple[int, Path, str]] = []
    lost = []
    for index, entry in enumerate(configs):
        paths = [path for pattern in _patterns(entry) for path in project.matching("sys_configs_prefix", pattern)]
        if not paths:
            lost.append(f"sys_configs[{index}]: no file matches {shown('', entry)}")
        width = len(str(len(paths) - 1))
        named += [
            (index, path, f"sys{index}" if len(paths) == 1 else f"sys{index}_{number:0{width}d}")
            for number, path in enumerate(dict.fromkeys(paths))
        ]
    kept = []
    for number, (index, path, name) in enumerate(named, start=1):
        try:
            kept.append(_read(index, path, name))
        except ValueError as error:
            lost.append(f"sys_configs[{index}]: {error}")
        progress(number, len(named))
    return Systems(tuple(kept), tuple(lost))


def _patterns(entry: list[str] | str) -> list[str]:
    return [str(pattern) for pattern in ([entry] if isinstance(entry, str) else entry)]


def _read(index: int, path: Path, name: str) -> System:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what pymatgen finds odd about a POSCAR is no news to its owner
            structure = Structure.from_file(path)
        symbols = [site.specie.symbol for site in structure]
    except Exception as error:  # pymatgen's readers raise whatever their parsers do
        raise ValueError(f"{path} cannot be read: {' '.join(str(error).split())[:120]}") from error
    grouped = tuple(symbol for kind in dict.fromkeys(symbols) for symbol in symbols if symbol == kind)
    height = float(cell_heights(np.asarray(structure.lattice.matrix, dtype=np.float64)).min())
    return System(index, name, path, grouped, height)


def usable_systems(
    systems: Systems, *, cutoff_A: float, used: Iterable[int], frames: Mapping[Composition, int]
) -> tuple[Systems, Composition | None]:
    """Return the structures that one study can explore, why others cannot be, and the composition it is about.

    A study learns one composition, and its cells are at least as high as the cutoff. Of several, the one with the most
    frames is taken, and without any frames the one with the most structures.

    :param cutoff_A: of the potentials, in Å.
    :param used: indices of ``sys_configs`` that are explored yet.
    :param frames: number of frames of each composition.
    """
    lost = list(systems.lost)
    wide = [system for system in systems.kept if system.height_A >= cutoff_A]
    for system in systems.kept:
        if system.height_A < cutoff_A:
            height = f"{system.height_A:.2f} Å high, less than the cutoff of {cutoff_A:g} Å"
            lost.append(f"{system.name} ({system.path}): the cell is {height}: build a supercell")
    there = Counter(system.composition for system in wide if system.index in set(used))
    chosen = max(there, key=lambda one: (frames.get(one, 0), there[one]), default=None)
    alike = [system for system in wide if system.composition == chosen]
    others = [system for system in wide if system.composition != chosen]
    if others and chosen is not None:
        formulas = ", ".join(sorted({formula_of(system.composition) for system in others}))
        lost.append(
            f"{len(others)} structures of {formulas}: a study learns the atoms of one, here {formula_of(chosen)}; "
            "make another study file for them"
        )
    orders = Counter(system.species for system in alike)
    order = max(orders, key=lambda one: orders[one], default=())
    lost += [
        f"{system.name} ({system.path}): its elements stand in another order than those of the others"
        for system in alike
        if system.species != order
    ]
    kept = tuple(system for system in alike if system.species == order)
    return Systems(kept, tuple(lost)), chosen


def say_systems(systems: Systems, n_explored: int, account: Account) -> None:
    """Say what became of the structures.

    :param n_explored: number of those in the study file.
    """
    for key in ("sys_configs", "sys_configs_prefix", "sys_format"):
        if not n_explored:
            account.left_out(key, "; ".join(systems.lost) or "no job is left that explores one")
        elif systems.lost:
            account.changed(key, PLACE, f"{n_explored} structures; {len(systems.lost)} are lost, see below")
        else:
            account.carried(key, PLACE, f"the {n_explored} structures that are explored yet")
    account.left_out("shuffle_poscar", "structures are explored as they are")
