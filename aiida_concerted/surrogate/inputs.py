"""The four input files of a run, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.formats.incar import Incar, read_incar
from aiida_concerted.formats.kpoints import Kpoints, mesh_of_spacing, read_kpoints
from aiida_concerted.formats.poscar import Poscar, read_poscar
from aiida_concerted.formats.potcar import PotentialHeader, read_potential_headers
from aiida_concerted.surrogate.settings import RunSettings, settings_from_incar

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class RunInputs:
    """All that a run is given.

    :param incar: tags as written.
    :param settings: what they ask for.
    :param poscar: the structure, its groups named by element.
    :param kpoints: points of the Brillouin zone; they go to the outputs and have no effect.
    :param potentials: header of the potential of each group.
    :param masses: of each atom in u, shape ``(n_atoms,)``.
    :param mobile: whether each Cartesian coordinate may move, shape ``(n_atoms, 3)``; ``None`` where all may.
    """

    incar: Incar
    settings: RunSettings
    poscar: Poscar
    kpoints: Kpoints
    potentials: tuple[PotentialHeader, ...]
    masses: FloatArray
    mobile: BoolArray | None


def read_inputs(folder: Path) -> RunInputs:
    """Return the inputs in a folder.

    :raises ValueError: in one line, with the file and the line or tag, if anything is missing, wrong or refused.
    """
    incar = read_incar(folder / "INCAR")
    settings = settings_from_incar(incar)
    poscar = read_poscar(folder / "POSCAR")
    potentials = read_potential_headers(folder / "POTCAR")
    poscar = _named_by_potentials(poscar, potentials)
    _check_functional(potentials)
    masses = incar.reals("POMASS", tuple(p.mass for p in potentials), length=len(potentials))
    if min(masses) <= 0:
        raise ValueError(f"{incar.name}: the masses {masses} must be positive")
    mobile = _mobile(poscar)
    if mobile is not None and settings.mode == "md" and not mobile.any():
        raise ValueError("POSCAR: molecular dynamics needs an atom that may move; all are fixed by selective dynamics")
    return RunInputs(
        incar=incar,
        settings=settings,
        poscar=poscar,
        kpoints=_kpoints(folder, incar, poscar.cell),
        potentials=potentials,
        masses=np.repeat(np.array(masses), poscar.counts),
        mobile=mobile,
    )


def _named_by_potentials(poscar: Poscar, potentials: tuple[PotentialHeader, ...]) -> Poscar:
    """Return the structure with its groups named by element, which POTCAR and POSCAR must agree on."""
    elements = tuple(potential.element for potential in potentials)
    if len(elements) != len(poscar.counts):
        raise ValueError(
            f"POTCAR holds {len(elements)} potentials for the {len(poscar.counts)} groups of atoms in POSCAR"
        )
    if poscar.symbols and poscar.elements != elements:
        raise ValueError(
            f"POSCAR line 6 names {' '.join(poscar.elements)} where POTCAR holds {' '.join(elements)}; "
            "VASP would go on with POTCAR's, put both in one order"
        )
    return replace(poscar, symbols=elements)


def _check_functional(potentials: tuple[PotentialHeader, ...]) -> None:
    """Refuse potentials of a functional that the surrogate does not stand in for."""
    for potential in potentials:
        if potential.functional.upper() not in {"PE", ""}:
            raise ValueError(
                f"POTCAR: '{potential.titel}' has LEXCH = {potential.functional}; the surrogate stands in for PE (PBE)"
            )


def _mobile(poscar: Poscar) -> BoolArray | None:
    """Return which Cartesian coordinates may move; VASP's flags belong to lattice vectors."""
    flags = poscar.selective
    if flags is None or flags.all():
        return None
    is_mixed = bool((flags.any(axis=1) & ~flags.all(axis=1)).any())
    if is_mixed and np.abs(poscar.cell - np.diag(np.diag(poscar.cell))).max() > 1e-8:
        raise ValueError(
            "POSCAR: selective dynamics that fixes only some coordinates of an atom needs lattice vectors along x, y, z"
        )
    return flags


def _kpoints(folder: Path, incar: Incar, cell: FloatArray) -> Kpoints:
    """Return the points of KPOINTS, or without that file those of KSPACING."""
    if (folder / "KPOINTS").exists():
        return read_kpoints(folder / "KPOINTS", cell)
    return mesh_of_spacing(cell, incar.real("KSPACING", 0.5), gamma=incar.logical("KGAMMA", True))
