"""Molecular dynamics with deep potentials in LAMMPS."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.constants import elements as ELEMENTS
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida_lammps.calculations.raw import LammpsRawCalculation

from aiida_concerted.calculations.jobs import copy_potential, run_as_one_process
from aiida_concerted.calculations.lammps_restart import restart_point
from aiida_concerted.common.cells import cell_heights
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.formats import lammps_input
from aiida_concerted.formats.lammps_data import lammps_axes, write_lammps_data
from aiida_concerted.formats.lammps_frames import frame_files
from aiida_concerted.formats.lammps_input import build_lammps_input
from aiida_concerted.formats.md_parameters import MdParameters

MASSES = {entry["symbol"]: entry["mass"] for entry in ELEMENTS.values()}

PARSED_FILES = (
    lammps_input.CARRIERS_DCD,
    lammps_input.FRAMEWORK_DCD,
    lammps_input.FRAMEWORK_MEAN,
    lammps_input.DEVIATION,
    lammps_input.FINAL_DUMP,
    lammps_input.FINAL_RESTART,
    *lammps_input.RESTARTS,
)
"""What a run leaves beside its log; it is read and not kept as files."""

CONTEXT = ("level_of_theory", "material", "study_uuid", "potential_sha256", "seed")
"""What the node of a run's trajectory says of where it comes from."""

TIMER_MARGIN_S = 60
"""Wall time in s kept for starting and for writing the last files, at most a tenth of what there is."""


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


class LammpsMdCalculation(LammpsRawCalculation):
    """Heats, equilibrates and runs a structure with one or several deep potentials; the production is kept.

    The first model (by name) drives the run; with several, their deviation is written along the way.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the ports and exit codes."""
        super().define(spec)
        for name in ("script", "files", "filenames"):
            del spec.inputs[name]
        spec.input("structure", valid_type=orm.StructureData, help="Where the run begins (positions and cell in Å).")
        spec.input_namespace(
            "models",
            dynamic=True,
            valid_type=DeepPotentialData,
            help="Potentials by name; the first in alphabetical order drives the run, the others give the deviation.",
        )
        spec.input(
            "parameters",
            valid_type=orm.Dict,
            serializer=orm.to_aiida_type,
            validator=cls.validate_parameters,
            help="Parameters of the run, see `MdParameters`: carrier, temperature_K, production_ps, timestep_fs, …",
        )
        spec.input(
            "restart",
            valid_type=orm.SinglefileData,
            required=False,
            validator=cls.validate_restart,
            help="Where the run goes on: the output `restart` of one with the same parameters, or of a shorter one.",
        )
        spec.inputs.validator = cls.validate_inputs
        run_as_one_process(spec, "concerted.lammps.md")
        cls.define_outputs(spec)
        cls.define_exit_codes(spec)
        cls.define_verdicts(spec)

    @classmethod
    def define_outputs(cls, spec: CalcJobProcessSpec) -> None:
        """Define the outputs."""
        spec.outputs["results"].required = False
        spec.outputs[
            "results"
        ].help = "Steps done, speed in steps/s, mean temperature in K, energy drift, how it ended."
        spec.output(
            "trajectory",
            valid_type=MolecularDynamicsData,
            required=False,
            help="The production: carriers at every frame (Å, ps), framework at its stride.",
        )
        spec.output(
            "model_deviation",
            valid_type=orm.ArrayData,
            required=False,
            help="Deviation of the committee in eV/Å (forces) and eV (virial by atom), with the frame it belongs to.",
        )
        spec.output(
            "thermo",
            valid_type=orm.ArrayData,
            required=False,
            help="Temperature in K, energies in eV, pressure in bar over all steps, heating included.",
        )
        spec.output("structure", valid_type=orm.StructureData, required=False, help="The last configuration (Å).")
        spec.output(
            "restart",
            valid_type=orm.SinglefileData,
            required=False,
            help="LAMMPS' newest restart file from which the same trajectory goes on; its attribute `step` says where.",
        )
        spec.default_output_node = "results"

    @classmethod
    def define_exit_codes(cls, spec: CalcJobProcessSpec) -> None:
        """Define the exit codes of runs that the machine ended, or that left nothing to read."""
        spec.exit_code(
            320,
            "ERROR_PAIR_STYLE_MISSING",
            message="This LAMMPS has no pair style 'deepmd': install LAMMPS and DeePMD-kit together "
            "(pip install 'deepmd-kit[cpu,lmp]'), or set LAMMPS_PLUGIN_PATH in the code's prepend text.",
            invalidates_cache=True,
        )
        spec.exit_code(
            322,
            "ERROR_NO_TRAJECTORY",
            message="The run ended and its frames cannot be read: {reason}.",
            invalidates_cache=True,
        )
        spec.exit_code(
            410,
            "ERROR_STOPPED_BY_TIMER",
            message="LAMMPS stopped at step {step} of {n_steps}, its wall time out; the frames so far are attached.",
            invalidates_cache=True,
        )
        spec.exit_code(
            411,
            "ERROR_CUT_SHORT",
            message="LAMMPS was cut short at step {step} of {n_steps}: killed, out of memory, machine down; "
            "the frames so far are attached.",
            invalidates_cache=True,
        )

        spec.exit_code(
            412,
            "ERROR_OUT_OF_MEMORY",
            message="The run was out of memory ({error}) after step {step}: take a smaller cell or fewer "
            "models, or ask for more. The frames so far are attached.",
            invalidates_cache=True,
        )

    @classmethod
    def define_verdicts(cls, spec: CalcJobProcessSpec) -> None:
        """Define the exit codes of runs whose physics says no."""
        spec.exit_code(
            510,
            "ERROR_ATOMS_LOST",
            message="Atoms were lost after step {step} ({error}): the potential does not know what it met. "
            "Train it on such frames, or lower timestep_fs. The frames before are attached.",
        )
        spec.exit_code(
            511,
            "ERROR_EXPLODED",
            message="The run exploded after step {step} ({error}): the potential does not know what it met. "
            "Train it on such frames, or lower timestep_fs. The frames before are attached.",
        )
        spec.exit_code(
            513,
            "ERROR_ENERGY_NOT_CONSERVED",
            message="The conserved energy jumped by {jump:.1f} eV before step {step}: the potential has a hole, or "
            "timestep_fs is too long. The frames are attached, {n_sound} of them from before.",
        )
        spec.exit_code(
            514,
            "ERROR_BAD_START",
            message="The run broke down as soon as it began ({error}): its structure has atoms too close, or is far "
            "from all that the potential knows. Relax it, or train on structures like it.",
        )
        spec.exit_code(
            512,
            "ERROR_NOT_FINITE",
            message="Positions or energies are not finite after step {step} ({error}). The frames before are attached.",
        )

        spec.exit_code(
            515,
            "ERROR_COMMITTEE_DISAGREES",
            message="The committee disagreed by more than {level:g} eV/Å from step {first} to {last}: the potential "
            "does not know what it met. Train it on such frames. The frames are attached.",
        )
        spec.exit_code(
            516,
            "ERROR_FRAMEWORK_MELTED",
            message="The framework left its places by step {step} ({error}): the material melts, or the potential does "
            "not hold it. The frames before are attached.",
        )
        spec.exit_code(
            517,
            "ERROR_TEMPERATURE_ADRIFT",
            message="The temperature was not that of the heat bath by step {step} ({error}): shorten timestep_fs or "
            "thermostat_damping_ps. The frames before are attached.",
        )

    @staticmethod
    def validate_parameters(value: orm.Dict, _: Any) -> str | None:
        """Return why parameters are refused."""
        try:
            md_parameters(value)
        except ValueError as error:
            return str(error)
        return None

    @staticmethod
    def validate_restart(value: orm.SinglefileData | None, _: Any) -> str | None:
        """Return why a restart file is refused."""
        try:
            _ = None if value is None else restart_point(value)
        except ValueError as error:
            return str(error)
        return None

    @classmethod
    def validate_inputs(cls, value: Any, ctx: Any) -> str | None:
        """Return why inputs that are fine one by one do not go together."""
        if any(name not in ctx for name in ("structure", "models", "parameters")):
            return None  # a work chain that exposes this calculation sets them when it runs
        if not value.get("models"):
            return "models needs at least one potential"
        try:
            check_run(value, ordered_models(value["models"]))
            options = value.get("metadata", {}).get("options", {})
            check_stash(options, value["structure"], md_parameters(value["parameters"]).carrier)
        except ValueError as error:
            return str(error)
        return None

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the script, the structure and the potentials."""
        models = ordered_models(self.inputs.models)
        files = model_files(models)
        for name, model in zip(files, models, strict=True):
            copy_potential(model, folder, name)
        write_run(
            folder, self.inputs, self.inputs.metadata.options.input_filename, models[0], files,
            timeout_s=self._timeout_s(),
        )  # fmt: skip
        return self._calc_info(files)

    def _timeout_s(self) -> int | None:
        """Return the wall time that LAMMPS may use, so that it ends by itself before the scheduler ends it."""
        seconds = self.inputs.metadata.options.get("max_wallclock_seconds")
        return None if seconds is None else max(1, int(seconds - min(TIMER_MARGIN_S, 0.1 * seconds)))

    def _calc_info(self, models: list[str]) -> CalcInfo:
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [
            "-in", self.inputs.metadata.options.input_filename, "-log", lammps_input.LOG, "-screen", "none",
        ]  # fmt: skip
        code.stdout_name = self.inputs.metadata.options.output_filename
        info = CalcInfo()
        info.codes_info = [code]
        info.provenance_exclude_list = [*models, lammps_input.START_RESTART]
        info.retrieve_list = [lammps_input.LOG, self.inputs.metadata.options.output_filename]
        if "settings" in self.inputs:
            info.retrieve_list += self.inputs.settings.get_dict().get("additional_retrieve_list", [])
        stay = stashed_files(self.inputs.metadata.options)
        info.retrieve_temporary_list = [name for name in PARSED_FILES if name not in stay]
        return info
