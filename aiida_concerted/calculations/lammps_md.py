"""Molecular dynamics with LAMMPS and deep potentials."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida_lammps.calculations.raw import LammpsRawCalculation
from ase.data import atomic_masses, atomic_numbers

from aiida_concerted.analysis.sites import cell_heights
from aiida_concerted.calculations.lammps_parameters import (
    HELP,
    check_parameters,
    physics_of,
    steps_of,
)
from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.formats.lammps_data import write_lammps_data
from aiida_concerted.formats.lammps_input import (
    CARRIERS_FILE,
    DATA_FILE,
    DEVIATION_FILE,
    DRIFT_FILE,
    FRAMEWORK_FILE,
    LOG_FILE,
    write_lammps_input,
)

CLEAN_END_S = 60
"""Seconds before the scheduler's limit at which LAMMPS is asked to end by itself."""


def validate_inputs(inputs: Any, _: Any) -> str | None:
    """Return why the inputs cannot run together, in one line."""
    if not inputs or any(key not in inputs for key in ("structure", "models", "parameters")):
        return None
    models = list(inputs["models"].values())
    if not models:
        return "models must hold one potential at least: the first one drives the run"
    try:
        cell, _positions, species = arrays_of_structure(inputs["structure"])
    except ValueError as error:
        return str(error)
    settings = inputs["parameters"].get_dict()
    formula = inputs["structure"].get_formula()
    if (carrier := settings.get("carrier")) is not None and carrier not in species:
        return f"the structure {formula} has no {carrier}: give the carrier that it has, or another structure"
    if len({tuple(model.type_map) for model in models}) > 1:
        return "the potentials of a committee must have one type_map"
    if unknown := sorted(set(species) - set(models[0].type_map)):
        known = ", ".join(models[0].type_map)
        return f"the potential knows {known}, but {formula} also has {', '.join(unknown)}: train on frames with these"
    height, cutoff = float(cell_heights(cell).min()), max(model.cutoff_A for model in models)
    if height < cutoff:
        return (
            f"the cell is {height:.2f} Å high, less than the potential's cutoff of {cutoff:g} Å: "
            "repeat it until each height exceeds the cutoff"
        )
    return None


class LammpsMdCalculation(LammpsRawCalculation):
    """Runs NVT molecular dynamics and records carriers, framework and the committee's deviation apart."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the ports and exit codes on top of aiida-lammps' raw calculation."""
        super().define(spec)
        for port in ("script", "files", "filenames", "settings"):
            del spec.inputs[port]
        spec.inputs.validator = validate_inputs
        spec.input("structure", valid_type=orm.StructureData, help="Where the run begins (Å).")
        spec.input_namespace(
            "models",
            valid_type=DeepPotentialData,
            dynamic=True,
            help="Potentials by name, in alphabetical order: the first drives the run, the rest give the deviation.",
        )
        spec.input(
            "parameters", valid_type=orm.Dict, serializer=orm.to_aiida_type, validator=check_parameters, help=HELP
        )
        spec.inputs["metadata"]["options"]["parser_name"].default = "concerted.lammps.md"
        spec.inputs["metadata"]["options"]["resources"].default = lambda: {
            "num_machines": 1,
            "num_mpiprocs_per_machine": 1,
        }
        spec.output(
            "results", valid_type=orm.Dict, help="Steps, speed in steps/s, mean temperature in K, how it ended."
        )
        spec.output(
            "trajectory",
            valid_type=MolecularDynamicsData,
            required=False,
            help="The recorded part: unwrapped positions in Å, times in ps.",
        )
        spec.output(
            "thermo", valid_type=orm.ArrayData, required=False,
            help="Time in ps (warm-up negative), temperature in K, energies in eV, pressure in bar.",
        )  # fmt: skip
        spec.output(
            "model_deviation", valid_type=orm.ArrayData, required=False,
            help="Deviation of the committee: forces in eV/Å, virials in eV, with the frame each row belongs to.",
        )  # fmt: skip
        spec.exit_code(310, "ERROR_OUTPUT_MISSING", message="LAMMPS left no log.", invalidates_cache=True)
        spec.exit_code(
            320, "ERROR_NO_DEEPMD", invalidates_cache=True,
            message="This LAMMPS has no pair style deepmd: point the code to an lmp with the DeePMD-kit plugin.",
        )  # fmt: skip
        spec.exit_code(330, "ERROR_LAMMPS", message="LAMMPS stopped with an error: {error}", invalidates_cache=True)
        spec.exit_code(
            410, "ERROR_INTERRUPTED", invalidates_cache=True,
            message="The run was killed after {steps} of {total} recorded steps; what it left is attached.",
        )  # fmt: skip
        spec.exit_code(
            420, "ERROR_WALLTIME", invalidates_cache=True,
            message="The run ended at its wall time after {steps} of {total} recorded steps: give it more, or shorten it.",
        )  # fmt: skip
        spec.exit_code(
            501, "ERROR_RUNAWAY", message="The temperature ran away at step {step}: the potential broke down."
        )
        spec.exit_code(
            502, "ERROR_LOST_ATOMS", message="Atoms were lost: the potential broke down, or the step is long."
        )
        spec.exit_code(503, "ERROR_NOT_A_NUMBER", message="Energies are not numbers from step {step} on.")

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write script, atoms and potentials."""
        settings = self.inputs.parameters.get_dict()
        cell, positions, species = arrays_of_structure(self.inputs.structure)
        models = [self.inputs.models[name] for name in sorted(self.inputs.models)]
        types = tuple(models[0].type_map)
        names = [f"model_{index}.pb" for index in range(len(models))]
        script = write_lammps_input(
            physics_of(settings, types, species), steps_of(settings, len(models)), names, walltime_s=self._walltime()
        )
        masses = {symbol: float(atomic_masses[atomic_numbers[symbol]]) for symbol in types}
        options = self.inputs.metadata.options
        for name, content in (
            (options.input_filename, script),
            (DATA_FILE, write_lammps_data(cell, positions, species, types, masses)),
        ):
            with folder.open(name, "w", encoding="utf-8") as handle:
                handle.write(content)
        codeinfo = self._code_info()
        calcinfo = CalcInfo()
        calcinfo.codes_info = [codeinfo]
        calcinfo.local_copy_list = [
            (model.uuid, model.filename, name) for model, name in zip(models, names, strict=True)
        ]
        calcinfo.retrieve_list = [options.output_filename, LOG_FILE]
        calcinfo.retrieve_temporary_list = [CARRIERS_FILE, FRAMEWORK_FILE, DRIFT_FILE, DEVIATION_FILE]
        return calcinfo

    def _walltime(self) -> int | None:
        limit = self.inputs.metadata.options.get("max_wallclock_seconds")
        return None if limit is None else max(int(limit) - CLEAN_END_S, int(limit) // 2)

    def _code_info(self) -> CodeInfo:
        options = self.inputs.metadata.options
        codeinfo = CodeInfo()
        codeinfo.cmdline_params = ["-in", options.input_filename, "-log", LOG_FILE]
        codeinfo.code_uuid = self.inputs.code.uuid
        codeinfo.stdout_name = options.output_filename
        return codeinfo
