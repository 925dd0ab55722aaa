"""Checks at the door that the work chains around molecular dynamics share: what would only fail hours later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from numpy.typing import NDArray

from aiida_concerted.analysis.effort import EffortTarget
from aiida_concerted.analysis.sites import reverse_mode
from aiida_concerted.calculations.analysis_parameters import analysis_parameters
from aiida_concerted.calculations.deepmd_train import training_parameters
from aiida_concerted.calculations.lammps_run import (
    check_system,
    md_parameters,
    ordered_models,
)
from aiida_concerted.common.cells import cell_heights
from aiida_concerted.common.hints import nearest
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.formats.energy_settings import conflict
from aiida_concerted.learning.schedule import Stage, read_schedule, runs_of
from aiida_concerted.learning.settings import SelectionSettings, StoppingSettings
from aiida_concerted.structures.supercells import as_matrix, build_supercell
from aiida_concerted.workflows.sweep_runs import seed_numbers, size_settings
from aiida_concerted.workflows.vasp.single_points import requested_settings
from aiida_concerted.workflows.vasp.validation import with_potentials

PLACEHOLDER_K = 1.0
"""Stands for the temperatures of the runs, which are given apart; low, so that no limit in the parameters is below."""


def temperatures(value: orm.List, _: Any) -> str | None:
    """Return why a list of temperatures is refused that must hold one at least."""
    return none_or_temperatures(value, _) if len(value) else "needs at least one temperature in K, got an empty list"


def none_or_temperatures(value: orm.List, _: Any) -> str | None:
    """Return why a list of temperatures is refused that may be empty."""
    if any(isinstance(item, bool) or not isinstance(item, int | float) or not 0 < item < np.inf for item in value):
        return f"must be a list of positive temperatures in K, got {value.get_list()}"
    names = [f"{item:g}" for item in value]  # runs are named so, and of two with one name there would be one
    if twice := [name for name in names if names.count(name) > 1]:
        return f"holds {twice[0]} K twice: give each once; for more runs, a sweep has n_seeds and n_seeds_at"
    return None


def dynamics(value: orm.Dict, _: Any) -> str | None:
    """Return why parameters of molecular dynamics without temperature and seed are refused."""
    given = value.get_dict()
    set_here = [key for key in ("temperature_K", "seed") if key in given]
    if set_here:
        return f"{' and '.join(set_here)} would be ignored: temperatures_K and seed are inputs of the work chain"
    try:
        md_parameters(orm.Dict({**given, "temperature_K": PLACEHOLDER_K}))
    except ValueError as error:
        return str(error)
    return None


def analysis(value: orm.Dict, _: Any) -> str | None:
    """Return why parameters of an analysis without seed are refused."""
    if "seed" in value.get_dict():
        return "seed would be ignored: it is an input of the work chain"
    try:
        analysis_parameters(value)
    except ValueError as error:
        return str(error)
    return None


def selection(value: orm.Dict, _: Any) -> str | None:
    """Return why trust levels, the number of frames to pick, or more that is said about the selection are refused."""
    given = value.get_dict()
    needed = ["trust_lower_eV_A", "trust_upper_eV_A", "max_selected"]
    if given.get("rule") == "adaptive":
        needed.remove("trust_lower_eV_A")
    if any(given.get(name) is None for name in needed):
        return f"must hold {', '.join(needed)}, got {', '.join(sorted(given)) or 'nothing'}"
    try:
        from_mapping(SelectionSettings, given, "selection")
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def stopping(value: orm.Dict, _: Any) -> str | None:
    """Return why what is said about the end of a learning loop is refused."""
    try:
        from_mapping(StoppingSettings, value.get_dict(), "stopping")
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def target(value: orm.Dict, _: Any) -> str | None:
    """Return why what is said about the errors to reach is refused."""
    given = value.get_dict()
    try:
        _ = from_mapping(EffortTarget, given, "target") if given else None
    except ValueError as error:
        return str(error)
    return None


def sizes(value: orm.Dict, _: Any) -> str | None:
    """Return why a test of the size of the cell is refused."""
    try:
        size_settings(value.get_dict())
    except ValueError as error:
        return str(error)
    return None


def seed_numbers_at(value: orm.Dict, _: Any) -> str | None:
    """Return why numbers of runs at single temperatures are refused."""
    try:
        seed_numbers(value.get_dict())
    except ValueError as error:
        return str(error)
    return None


def committee_size(value: orm.Int, _: Any) -> str | None:
    """Return why a number of potentials is refused that are to be compared with each other."""
    return None if value.value >= 2 else f"a deviation needs two models at least, got {value.value}"


def exploration(inputs: Any, namespace: Any) -> str | None:
    """Return why a committee cannot run these structures."""
    if problem := _unknown_systems(inputs) or _schedule(inputs):
        return problem
    if any(name not in namespace for name in ("structures", "models")) or not inputs.get("models"):
        return None  # a work chain that exposes the exploration sets them when it runs
    if inputs["selection"].get_dict().get("calibrate") is not None:
        return "selection.calibrate: a turn of learning calibrates levels, an exploration alone cannot: give them"
    if len(inputs["models"]) < 2:
        return f"a deviation needs two models at least, got {len(inputs['models'])}"
    carrier, models = inputs["md"]["carrier"], ordered_models(inputs["models"])
    for name, structure in _cells_explored(inputs).items():
        try:
            check_system(structure, models, carrier)
        except ValueError as error:
            return f"{name}: {error}"
    return None


def _schedule(inputs: Any) -> str | None:
    """Return which stage of a schedule is refused."""
    if not inputs or "schedule" not in inputs:
        return None
    try:
        read_schedule(inputs["schedule"].get_list(), sorted(inputs.get("structures") or {}))
    except ValueError as error:
        return f"schedule: {error}"
    return None


def _cells_explored(inputs: Any) -> dict[str, orm.StructureData]:
    """Return the cells that some turn explores, by name."""
    structures = inputs.get("structures", {})
    found: dict[str, orm.StructureData] = {}
    for stage in read_schedule(inputs["schedule"].get_list()) or (Stage(),):
        for run in runs_of(stage, list(structures), (PLACEHOLDER_K,)):
            structure = structures[run.structure]
            if run.supercell is not None and run.system not in found:
                structure = orm.StructureData(ase=build_supercell(structure.get_ase(), run.supercell))
            found.setdefault(run.system, structure)
    return found


def _unknown_systems(inputs: Any) -> str | None:
    """Return which system has trust levels of its own but is not explored."""
    structures = inputs.get("structures") if inputs else None
    if not structures or "selection" not in inputs:
        return None
    for name in from_mapping(SelectionSettings, inputs["selection"].get_dict(), "selection").systems():
        if name not in structures:
            return f"selection.levels: there is no structure '{name}': {nearest(name, list(structures))}"
    return None


def sweep(inputs: Any, namespace: Any) -> str | None:
    """Return why a potential cannot run the supercells of this structure, or the target never be reached."""
    if "md" in inputs and inputs["md"].get_dict().get("pressure_bar") is not None:
        return "md.pressure_bar: displacements are measured in a cell that is fixed; leave it out"
    if (
        problem := _packed_stash(inputs)
        or _seeds_of_no_run(inputs)
        or _longest_run(inputs)
        or _modes_of_target(inputs, namespace)
        or _energy_of_target(inputs)
    ):
        return problem
    if any(name not in namespace for name in ("structure", "models")) or not inputs.get("models"):
        return None  # a work chain that exposes the sweep sets them when it runs
    if inputs["md"].get_dict().get("max_deviation_eV_A") is not None and len(inputs["models"]) < 2:
        return "md.max_deviation_eV_A: one potential has no deviation; give a committee in models, or leave it out"
    tested = size_settings(inputs["sizes"].get_dict()).cells
    for name, cell in {
        "": inputs["supercell"].get_list(),
        **{f"sizes.supercells {list(c)}: ": c for c in tested},
    }.items():
        try:
            atoms = build_supercell(inputs["structure"].get_ase(), cell)
            check_system(orm.StructureData(ase=atoms), ordered_models(inputs["models"]), inputs["md"]["carrier"])
        except ValueError as error:
            return f"{name}{error}"
    return None


def _packed_stash(inputs: Any) -> str | None:
    """Return why frames cannot stay where they are made."""
    is_packed = inputs and "runs_per_job" in inputs and inputs["runs_per_job"].value > 1
    if not is_packed or not inputs["run"]["md"].get("metadata", {}).get("options", {}).get("stash"):
        return None
    return "runs that share a job bring their frames home: set runs_per_job to 1, or leave the stash out"


def _seeds_of_no_run(inputs: Any) -> str | None:
    """Return which temperature has a number of runs but is none of the sweep's."""
    if not inputs or "n_seeds_at" not in inputs or "temperatures_K" not in inputs:
        return None
    temperatures_K = inputs["temperatures_K"].get_list()
    for temperature_K in seed_numbers(inputs["n_seeds_at"].get_dict()):
        if temperature_K not in temperatures_K:
            known = ", ".join(f"{T:.12g}" for T in temperatures_K)
            return f"n_seeds_at: {temperature_K:.12g} K is none of temperatures_K, {known}"
    return None


def _target(inputs: Any) -> dict[str, Any]:
    """Return what is to be known how well, empty where nothing is said."""
    given: dict[str, Any] = inputs["target"].get_dict() if inputs and "target" in inputs else {}
    return given


def _longest_run(inputs: Any) -> str | None:
    """Return why runs are longer from the start than their target lets them become."""
    target = _target(inputs)
    if not target or "md" not in inputs:
        return None
    first, longest = inputs["md"].get_dict()["production_ps"], target["max_production_ps"]
    if first > longest:
        return f"target.max_production_ps of {longest:g} is less than md.production_ps, {first:g}: raise it"
    return None


def _energy_of_target(inputs: Any) -> str | None:
    """Return why an activation energy would never be known."""
    if _target(inputs).get("activation_energy_error_eV") is None or "temperatures_K" not in inputs:
        return None
    if len(set(inputs["temperatures_K"].get_list())) > 1:
        return None
    return "target.activation_energy_error_eV needs two temperatures_K at least"


def _modes_of_target(inputs: Any, namespace: Any) -> str | None:
    """Return which mode of the target would never be counted."""
    modes = _target(inputs).get("modes")
    if not modes or "sites" not in namespace:
        return None
    if "sites" not in inputs:
        return "target.modes are counted with a site model: give sites"
    known = inputs["sites"].base.attributes.get("labels")
    paths = {mode for mode, count in inputs["sites"].get_network().paths_per_cell().items() if count}
    for mode in modes:
        if unknown := [label for label in mode.split("-") if label not in known]:
            return f"target.modes: {mode} has the site {unknown[0]}: {nearest(unknown[0], known)}"
        if mode not in paths and reverse_mode(mode) not in paths:
            return f"target.modes: no path of the site model is {mode}: {nearest(mode, paths)}"
    return None


def study(inputs: Any, _: Any) -> str | None:
    """Return why the inputs of a study do not go together: carrier, elements, cells and cutoffs."""
    if not inputs or any(name not in inputs for name in ("sites", "learn", "sweep")):
        return None
    carrier = inputs["sites"].base.attributes.get("carrier")
    explore = inputs["learn"]["iteration"]["explore"]
    for name, parameters in (("learn.iteration.explore.md", explore["md"]), ("sweep.md", inputs["sweep"]["md"])):
        if parameters["carrier"] != carrier:
            return f"the carrier of {name} is {parameters['carrier']}, that of the site model {carrier}: make them one"
    if inputs["sweep"]["md"].get_dict().get("max_deviation_eV_A") is not None:
        return "sweep.md.max_deviation_eV_A: a study sweeps with one potential, which has no deviation; leave it out"
    if problem := _modes_of_target({**inputs["sweep"], "sites": inputs["sites"]}, ("sites",)):
        return f"sweep.{problem}"
    structure = inputs.get("structure") or inputs["sites"].get_outline()
    if carrier not in structure.get_symbols_set():
        return f"the structure {structure.get_formula()} holds no {carrier}, the carrier of the site model"
    if "structure" in inputs and (problem := with_potentials(inputs.get("relax"), [structure])):
        return problem
    return _settings(inputs, structure) or _cells(inputs, structure)


def _settings(inputs: Mapping[str, Any], structure: orm.StructureData) -> str | None:
    """Return why the labels of a study would not belong to the frames of its molecular dynamics."""
    runs = [inputs["aimd"]["vasp"], inputs["learn"]["iteration"]["label"]["vasp"]] if "aimd" in inputs else []
    needed = {"parameters", "potential_family", "potential_mapping"}
    if not runs or any(not needed <= set(vasp) or with_potentials(vasp, [structure]) for vasp in runs):
        return None
    sampled, labelled = (requested_settings([structure], vasp) for vasp in runs)
    reason = conflict(sampled, labelled)
    return (
        f"the labels (learn.iteration.label.vasp) would not belong to the frames of aimd: {reason}" if reason else None
    )


def _cells(inputs: Mapping[str, Any], structure: orm.StructureData) -> str | None:
    committees = (inputs["learn"]["iteration"]["committee"], inputs["learn"]["final"])
    cutoffs = [training_parameters(committee["train"]["parameters"]).cutoff_A for committee in committees]
    cell = np.array(structure.cell)
    try:
        repeated = as_matrix(inputs["sweep"]["supercell"].get_list()) @ cell
    except ValueError as error:
        return f"sweep.supercell: {error}"
    for tested in size_settings(inputs["sweep"]["sizes"].get_dict()).cells:
        if problem := _too_small(f"{list(tested)} of sweep.sizes", as_matrix(tested) @ cell, cutoffs[1]):
            return problem
    explored = as_matrix(inputs["aimd_supercell"].get_list()) @ cell if "aimd_supercell" in inputs else cell
    return _too_small("to explore in", explored, cutoffs[0]) or _too_small("of the sweep", repeated, cutoffs[1])


def _too_small(which: str, cell: NDArray[np.float64], cutoff: float) -> str | None:
    height = float(cell_heights(cell).min())
    if height >= cutoff:
        return None
    return f"the cell {which} is {height:.2f} Å high, less than the cutoff of {cutoff:g} Å: take a larger one"
