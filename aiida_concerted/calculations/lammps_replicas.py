"""Several runs of molecular dynamics in one job: a small cell leaves a device idle most of the time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo, CodeRunMode
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_concerted.calculations.jobs import copy_potential, run_as_one_process
from aiida_concerted.calculations.lammps_md import PARSED_FILES, LammpsMdCalculation
from aiida_concerted.calculations.lammps_run import (
    check_run,
    model_files,
    ordered_models,
    write_run,
)
from aiida_concerted.formats import lammps_input
from aiida_concerted.formats.lammps_replicas import enter, partitions_script, words_of_partitions, words_of_process
from aiida_concerted.queries.replicas import REPLICAS

NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
"""What a replica may be called: it names a folder of the job and links in the provenance."""

INPUTS: Mapping[str, type[orm.Data]] = {
    "structure": orm.StructureData,
    "parameters": orm.Dict,
    "restart": orm.SinglefileData,
}
"""Inputs of each replica; ``restart`` may be left out."""

OUTPUTS = ("results", "trajectory", "model_deviation", "thermo", "structure", "restart")
"""Outputs of each replica, those of ``concerted.lammps.md``."""

ALONE_STASHED = "frames of runs that share a job are brought home; give each a job of its own to stash them"
"""Why a job of several runs leaves no frames where they are made."""

EXIT_STATUS = "exit_status"
"""Key of the results of a replica: the exit status that it would have had alone, 0 where it came to its end."""


class LammpsReplicasCalculation(LammpsMdCalculation):
    """Runs several replicas in one job, each with its own structure, temperature, seed, log and restart files.

    Every replica has a folder of its own and runs as it would alone. Without MPI each is a process; with MPI they are
    the partitions of one LAMMPS, which share the processes of the job evenly.
    """

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:
        """Define the ports and the exit code of jobs of which not every replica came to its end."""
        super().define(spec)
        for name in INPUTS:
            del spec.inputs[name]
        for name in OUTPUTS:
            del spec.outputs[name]
        spec._default_output_node = None  # it was the results of the one run
        spec.input_namespace(
            REPLICAS,
            dynamic=True,
            help="By name of the replica: `structure` where it begins (Å), `parameters` (see `MdParameters`), and "
            "`restart` where it goes on.",
        )
        spec.inputs.validator = cls.validate_inputs
        run_as_one_process(spec, "concerted.lammps.replicas")
        spec.output_namespace(
            REPLICAS,
            dynamic=True,
            help="By name of the replica the outputs of `concerted.lammps.md`; `exit_status` in its `results` is what "
            "it would have ended with alone.",
        )
        spec.exit_code(
            414,
            "ERROR_REPLICAS_FAILED",
            message="{n_failed} of {n_replicas} replicas did not come to their end: {reasons}",
            invalidates_cache=True,
        )

    @classmethod
    def validate_inputs(cls, value: Any, ctx: Any) -> str | None:
        """Return why inputs that are fine one by one do not go together."""
        if any(name not in ctx for name in (REPLICAS, "models")):
            return None  # a work chain that exposes this calculation sets them when it runs
        if not value.get("models"):
            return "models needs at least one potential"
        if not value.get(REPLICAS):
            return "replicas needs at least one run"
        for name, run in value[REPLICAS].items():
            if (complaint := complaint_of_ports(name, run, INPUTS, optional=("restart",))) is not None:
                return complaint
            try:
                check_run(run, ordered_models(value["models"]))
            except ValueError as error:
                return f"replicas.{name}: {error}"
        if value.get("metadata", {}).get("options", {}).get("stash"):
            return f"metadata.options.stash: {ALONE_STASHED}"
        return cls._uneven(value)

    @classmethod
    def _uneven(cls, value: Any) -> str | None:
        """Return why the processes of MPI cannot be those of the replicas."""
        options, computer = value.get("metadata", {}).get("options", {}), getattr(value.get("code"), "computer", None)
        if not options.get("withmpi") or computer is None:
            return None
        n_processes, n_replicas = _n_processes(computer, options["resources"]), len(value[REPLICAS])
        if n_processes % n_replicas == 0:
            return None
        return (
            f"metadata.options.resources: {n_processes} processes cannot be shared evenly by {n_replicas} replicas; "
            "ask for a multiple, or set withmpi to false"
        )

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write the potentials, and script and structure of every replica into a folder of its own."""
        models = ordered_models(self.inputs.models)
        files = model_files(models)
        for name, model in zip(files, models, strict=True):
            copy_potential(model, folder, name)
        names = sorted(self.inputs[REPLICAS])
        for name in names:
            write_run(
                folder.get_subfolder(name, create=True), self.inputs[REPLICAS][name], self._script, models[0],
                [f"../{file}" for file in files], timeout_s=self._timeout_s(), begin=enter(name),
            )  # fmt: skip
        info = CalcInfo()
        if self.inputs.metadata.options.withmpi:
            with folder.open(self._script, "w") as handle:
                handle.write(partitions_script(names, self._script))
            info.codes_info = [self._partitions(names)]
        else:
            info.codes_info = [self._process(name) for name in names]
            info.codes_run_mode = CodeRunMode.PARALLEL
        info.provenance_exclude_list = [*files, *(f"{name}/{lammps_input.START_RESTART}" for name in names)]
        output = self.inputs.metadata.options.output_filename  # of each replica, or of all where they are one program
        kept = [_kept_in_place(name, file) for name in names for file in (lammps_input.LOG, output)]
        info.retrieve_list = [output, *kept]
        info.retrieve_temporary_list = [_kept_in_place(name, file) for name in names for file in PARSED_FILES]
        return info

    @property
    def _script(self) -> str:
        name: str = self.inputs.metadata.options.input_filename
        return name

    def _process(self, name: str) -> CodeInfo:
        """Return the command of one replica that is a process of its own."""
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = words_of_process(name, self._script)
        code.stdout_name = f"{name}/{self.inputs.metadata.options.output_filename}"
        code.join_files = True
        return code

    def _partitions(self, names: list[str]) -> CodeInfo:
        """Return the command of all replicas as partitions of one LAMMPS."""
        computer = self.node.computer
        assert computer is not None  # noqa: S101 - AiiDA sets it before
        processes = _n_processes(computer, self.inputs.metadata.options.resources)
        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = words_of_partitions(len(names), processes // len(names), self._script)
        code.stdout_name = self.inputs.metadata.options.output_filename
        code.join_files = True
        return code


def _n_processes(computer: orm.Computer, resources: Mapping[str, Any]) -> int:
    """Return how many processes MPI starts."""
    return int(computer.get_scheduler().create_job_resource(**resources).get_tot_num_mpiprocs())


def complaint_of_ports(
    name: str, run: Any, kinds: Mapping[str, type[orm.Data]], *, optional: tuple[str, ...]
) -> str | None:
    """Return why the inputs of a replica are refused before they are looked at together.

    :param kinds: what each input is a node of.
    :param optional: the inputs that may be left out.
    """
    if NAME.fullmatch(name) is None:
        return f"replicas.{name}: a name is a letter, then letters, digits and single underscores"
    if not isinstance(run, Mapping):
        return f"replicas.{name}: give {', '.join(kinds)}"
    for key in run:
        if key not in kinds:
            return f"replicas.{name}: unknown input '{key}', it takes {', '.join(kinds)}"
    for key, kind in kinds.items():
        if run.get(key) is None:
            if key in optional:
                continue
            return f"replicas.{name}.{key} is missing"
        if not isinstance(run[key], kind):
            return f"replicas.{name}.{key} must be a {kind.__name__}, got a {type(run[key]).__name__}"
    return None


def _kept_in_place(name: str, file: str) -> tuple[str, str, int]:
    """Return what AiiDA must be told to retrieve a file into a folder of the same name."""
    return (f"{name}/{file}", ".", 2)
