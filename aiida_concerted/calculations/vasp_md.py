"""Molecular dynamics with VASP, one segment of a run that may be longer."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.common.datastructures import CalcInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida_vasp.calcs.vasp import VaspCalculation

from aiida_concerted.data.conversion import arrays_of_structure
from aiida_concerted.data.vasp import VASPRUN
from aiida_concerted.data.vasp_md import CONTCAR, OSZICAR, OUTCAR
from aiida_concerted.formats.contcar import parse_dynamics_state
from aiida_concerted.surrogate.state import STATE_FILE

STARTED = "concerted.started"
"""Holds the time at which the job began by its own clock, in s since 1970; the monitor of the wall time reads it."""

MAX_CELL_DIFFERENCE_A = 1e-5


class VaspMdCalculation(VaspCalculation):
    """Runs molecular dynamics with VASP, from a structure or from where another segment ended.

    What aiida-vasp's calculation lacks for it: velocities and the state of the thermostat go in and come out, and the
    files of many steps are not kept, only what the parser reads from them.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the ports and exit codes on top of aiida-vasp's."""
        super().define(spec)
        spec.input(
            "continuation", valid_type=orm.SinglefileData, required=False,
            help="CONTCAR of the segment before (Å, Å/fs), used as POSCAR to the last digit: positions, velocities and "
            "the thermostat's block. The structure then says only which atoms and potentials these are.",
        )  # fmt: skip
        spec.input(
            "state",
            valid_type=orm.SinglefileData,
            required=False,
            help="The surrogate's own state in full precision (Å, fs, eV), which goes with the continuation.",
        )
        spec.inputs.validator = validate_inputs
        spec.inputs["metadata"]["options"]["parser_name"].default = "concerted.vasp.md"
        spec.inputs["metadata"]["options"]["output_filename"].default = cls._VASP_OUTPUT
        cls.define_helps(spec)
        cls.define_outputs(spec)
        spec.exit_code(
            410, "ERROR_STOPPED_IN_ORDER", invalidates_cache=True,
            message="VASP stopped in order after {n_steps} of {n_requested} steps, as STOPCAR asks for; the steps and "
            "the state to go on from are attached.",
        )  # fmt: skip
        spec.exit_code(
            411, "ERROR_CUT_SHORT", invalidates_cache=True,
            message="VASP was cut short after {n_steps} of {n_requested} steps: wall time, memory, a stuck step, a "
            "machine down. The steps are attached; {n_before} of them come before the state to go on from.",
        )  # fmt: skip

    @classmethod
    def define_helps(cls, spec: CalcJobProcessSpec) -> None:
        """Say what aiida-vasp's ports leave unsaid."""
        options = spec.inputs["metadata"]["options"]
        options["parser_name"].help = "Entry point of the parser."
        options["input_filename"].help = "Input file that `verdi calcjob inputcat` shows."
        options["output_filename"].help = "Output file that `verdi calcjob outputcat` shows, where it was kept."

    @classmethod
    def define_outputs(cls, spec: CalcJobProcessSpec) -> None:
        """Define the outputs."""
        spec.outputs["trajectory"].help = (
            "Every complete step: Cartesian positions in Å, free energies in eV, forces in eV/Å, virials in eV; "
            "`electronic_converged` marks the steps that may be trained on."
        )
        spec.outputs["misc"].required = False
        spec.output(
            "continuation", valid_type=orm.SinglefileData, required=False,
            help="State from which the run goes on (Å, Å/fs): CONTCAR to the last digit.",
        )  # fmt: skip
        spec.output(
            "state", valid_type=orm.SinglefileData, required=False,
            help="The surrogate's own state in full precision (Å, fs, eV).",
        )  # fmt: skip
        spec.output(
            "results", valid_type=orm.Dict,
            help="Steps requested, complete, truncated and before the continuation; how it ended, level of theory.",
        )  # fmt: skip

    def write_poscar(self, dst: str) -> None:
        """Write the structure, or the state to go on from as it is."""
        if "continuation" not in self.inputs:
            super().write_poscar(dst)
            return
        with open(dst, "wb") as target:
            target.write(self.inputs.continuation.get_content(mode="rb"))

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the inputs; the outputs are retrieved to be read, and only those asked for are kept."""
        info = super().prepare_for_submission(folder)
        settings = self.inputs.settings.get_dict() if "settings" in self.inputs else {}
        read = [VASPRUN, OUTCAR, CONTCAR, OSZICAR, STATE_FILE, self._VASP_OUTPUT]
        info.retrieve_list = sorted(settings.get("ADDITIONAL_RETRIEVE_LIST", []))
        info.retrieve_temporary_list = sorted({*read, *settings.get("ADDITIONAL_RETRIEVE_TEMPORARY_LIST", [])})
        info.prepend_text = f"date +%s > {STARTED}"
        if "state" in self.inputs:
            info.local_copy_list.append((self.inputs.state.uuid, self.inputs.state.filename, STATE_FILE))
        return info


def validate_inputs(inputs: Any, namespace: Any) -> str | None:
    """Return why a continuation cannot stand for the structure, or a state has nothing to go with."""
    if not inputs:
        return None
    if "continuation" not in inputs:
        return "state needs the continuation that it belongs to" if "state" in inputs else None
    if "structure" not in inputs:
        return None  # a work chain that exposes this calculation sets it when it runs
    try:
        poscar = parse_dynamics_state(inputs["continuation"].get_content(mode="r"), "continuation")
        cell, _, species = arrays_of_structure(inputs["structure"])
    except ValueError as error:
        return str(error)
    if poscar.species != species:
        return "continuation has other atoms, or another order of them, than structure"
    if np.abs(poscar.cell - cell).max() > MAX_CELL_DIFFERENCE_A:
        return "continuation has another cell than structure: the lattice is fixed in these runs"
    return None
