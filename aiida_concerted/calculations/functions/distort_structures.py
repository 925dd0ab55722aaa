"""Slightly distorted copies of a structure."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.structures.supercells import distort


@calcfunction
def distort_structures(structure: orm.StructureData, parameters: orm.Dict) -> dict[str, orm.Data] | ExitCode:
    """Return copies ``distorted_000``, ``distorted_001``, … with random strains and displacements.

    :param structure: the structure to distort.
    :param parameters: ``number`` of copies, ``seed`` (the n-th copy uses seed + n), ``lattice_amplitude`` (largest
        strain) and ``displacement_A``.
    """
    settings = parameters.get_dict()
    missing = sorted({"number", "seed", "lattice_amplitude", "displacement_A"} - set(settings))
    if missing:
        return ExitCode(210, f"distorting needs {', '.join(missing)}")
    atoms = structure.get_ase()
    try:
        copies = [
            distort(
                atoms,
                lattice_amplitude=settings["lattice_amplitude"],
                displacement_A=settings["displacement_A"],
                seed=settings["seed"] + index,
            )
            for index in range(settings["number"])
        ]
    except ValueError as error:
        return ExitCode(211, str(error))
    return {f"distorted_{index:03d}": orm.StructureData(ase=copy) for index, copy in enumerate(copies)}
