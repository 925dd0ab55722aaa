"""One run of molecular dynamics: what it is given, whether that goes together, and the files that LAMMPS is given."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.constants import elements as ELEMENTS
from aiida.common.folders import Folder

from aiida_concerted.calculations.lammps_restart import restart_point
from aiida_concerted.common.cells import cell_heights
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.formats import lammps_input
from aiida_concerted.formats.lammps_data import lammps_axes, write_lammps_data
from aiida_concerted.formats.lammps_frames import frame_files
from aiida_concerted.formats.lammps_input import build_lammps_input
from aiida_concerted.formats.md_parameters import MdParameters

MASSES = {entry["symbol"]: entry["mass"] for entry in ELEMENTS.values()}

CONTEXT = ("level_of_theory", "material", "study_uuid", "potential_sha256", "seed")
"""What the node of a run's trajectory says of where it comes from."""


def md_parameters(parameters: orm.Dict) -> MdParameters:
    """Return the checked parameters of a run.

    :raises ValueError: if a key is unknown or a value refused.
    """
    return from_mapping(MdParameters, parameters.get_dict(), "parameters")


def ordered_models(models: Any) -> list[DeepPotentialData]:
    """Return the potentials in the alphabetical order of their names; the first drives the run."""
    return [models[name] for name in sorted(models)]


def run_context(node: orm.CalcJobNode, parameters: orm.Dict | None = None) -> dict[str, Any]:
    """Return what the node of a run's trajectory says of where it comes from; what is not known is ``None``.

    :param node: the calculation that ran it.
    :param parameters: of the run, where it was one of several; those of the calculation by default.
    """
    model = ordered_models(node.inputs.models)[0]
    attributes = model.base.attributes.all
    return {
        "level_of_theory": model.level_of_theory,
        "material": attributes.get("material"),
        "study_uuid": attributes.get("study_uuid"),
        "potential_sha256": model.sha256,
        "seed": md_parameters(node.inputs.parameters if parameters is None else parameters).seed,
    }


def stashed_files(options: Mapping[str, Any]) -> list[str]:
    """Return which files of the frames are stashed by name, and not retrieved.

    :param options: ``metadata.options`` of the run.
    """
    stashed = (options.get("stash") or {}).get("source_list", ())
    return [name for name in (lammps_input.CARRIERS_DCD, lammps_input.FRAMEWORK_DCD) if name in stashed]


def stays_there(node: orm.CalcJobNode) -> bool:
    """Return whether the frames of a run stay where they were made."""
    return lammps_input.CARRIERS_DCD in stashed_files({"stash": node.get_option("stash")})


def check_system(structure: orm.StructureData, models: list[DeepPotentialData], carrier: str) -> None:
    """Raise if a structure cannot be run with these potentials.

    :raises ValueError: if the carrier is absent, an element is unknown to the potentials, these differ in what they
        see, or the cell is so small that an atom would meet its own image within the cutoff.
    """
    cell, _, species = arrays_of_structure(structure)
    if carrier not in species:
        raise ValueError(
            f"the structure {structure.get_formula()} holds no {carrier}: set carrier to its mobile element"
        )
    first = models[0]
    for model in models[1:]:
        if model.type_map != first.type_map or model.cutoff_A != first.cutoff_A:
            raise ValueError("the models of a committee must have the same type_map and cutoff_A")
    unknown = sorted(set(species) - set(first.type_map))
    if unknown:
        raise ValueError(f"the potential knows {', '.join(first.type_map)}, not {', '.join(unknown)}: train it on them")
    height = float(cell_heights(cell).min())
    if height < first.cutoff_A:
        raise ValueError(
            f"the cell is {height:.2f} Å high, less than the cutoff of {first.cutoff_A:g} Å: build a supercell first"
        )


def check_stash(options: Mapping[str, Any], structure: orm.StructureData, carrier: str) -> None:
    """Raise if frames cannot stay where they are made.

    :param options: ``metadata.options`` of the run.
    :raises ValueError: if there is no framework, by whose mean frames are counted that are not brought home, or if a
        part of what belongs to a frame would be missing.
    """
    files = stashed_files(options)
    if not files:
        return
    if set(structure.get_symbols_set()) == {carrier}:
        raise ValueError(
            "metadata.options.stash: frames without a framework are not counted where they are: leave it out"
        )
    named = options["stash"]["source_list"]
    if missing := [name for name in frame_files(has_framework=True) if name not in named]:
        raise ValueError(f"metadata.options.stash.source_list lacks {', '.join(missing)}, which belongs to the frames")


def check_run(run: Mapping[str, Any], models: list[DeepPotentialData]) -> None:
    """Raise if the inputs of a run do not go together.

    :param run: its inputs ``structure``, ``parameters`` and, where it goes on, ``restart``.
    :raises ValueError: in one line.
    """
    parameters = md_parameters(run["parameters"])
    if parameters.max_deviation_eV_A is not None and len(models) < 2:
        raise ValueError("parameters.max_deviation_eV_A: one potential has no deviation; give a committee in models")
    check_system(run["structure"], models, parameters.carrier)
    if run.get("restart") is not None:
        parameters.check_start(restart_point(run["restart"]))


def model_files(models: list[DeepPotentialData]) -> list[str]:
    """Return the names that the files of potentials have in the folder of a job."""
    return [f"model_{number}{model.suffix}" for number, model in enumerate(models)]


def write_run(
    folder: Folder,
    run: Mapping[str, Any],
    script_name: str,
    model: DeepPotentialData,
    files: list[str],
    *,
    timeout_s: int | None,
    begin: str = "",
) -> None:
    """Write script, structure and restart file of one run into a folder.

    :param run: its inputs ``structure``, ``parameters`` and, where it goes on, ``restart``.
    :param model: the potential that drives it.
    :param files: the files of all potentials, as LAMMPS finds them.
    :param timeout_s: wall time in s after which LAMMPS stops by itself.
    :param begin: what the script begins with.
    """
    cell, positions, species = arrays_of_structure(run["structure"])
    elements = [symbol for symbol in model.type_map if symbol in species]
    types = np.array([elements.index(symbol) for symbol in species])
    data = write_lammps_data(lammps_axes(cell), positions, types, {symbol: MASSES[symbol] for symbol in elements})
    restart = run.get("restart")
    script = build_lammps_input(
        md_parameters(run["parameters"]), elements, files, n_atoms=len(species), timeout_s=timeout_s,
        start=None if restart is None else restart_point(restart),
    )  # fmt: skip
    with folder.open(script_name, "w") as handle:
        handle.write(begin + script)
    with folder.open(lammps_input.DATA, "w") as handle:
        handle.write(data)
    if restart is not None:
        with folder.open(lammps_input.START_RESTART, "wb") as target, restart.open(mode="rb") as source:
            shutil.copyfileobj(source, target)
