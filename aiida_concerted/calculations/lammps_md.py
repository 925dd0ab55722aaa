"""Molecular dynamics with deep potentials in LAMMPS."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida_lammps.calculations.raw import LammpsRawCalculation

from aiida_concerted.calculations.jobs import copy_potential, run_as_one_process
from aiida_concerted.calculations.lammps_restart import restart_point
from aiida_concerted.calculations.lammps_run import (
    check_run,
    check_stash,
    md_parameters,
    model_files,
    ordered_models,
    stashed_files,
    write_run,
)
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.formats import lammps_input

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

TIMER_MARGIN_S = 60
"""Wall time in s kept for starting and for writing the last files, at most a tenth of what there is."""


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
