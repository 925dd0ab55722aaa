"""What the calculations of the package have in common."""

from __future__ import annotations

import shutil

from aiida.common.datastructures import CodeInfo
from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec
from aiida.orm import AbstractCode

from aiida_concerted.data.potential import DeepPotentialData

BACKEND_OPTIONS = {"tensorflow": "--tf", "pytorch": "--pt"}
"""How ``dp`` is told which back end to use."""


def run_as_one_process(spec: CalcJobProcessSpec, parser: str) -> None:
    """Set the scheduler options of a calculation: its parser, and one process without MPI unless it is told otherwise.

    :param parser: entry point of the parser.
    """
    options = spec.inputs["metadata"]["options"]
    options["parser_name"].default = parser
    options["resources"].default = lambda: {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    options["withmpi"].default = False


def copy_potential(potential: DeepPotentialData, folder: Folder, name: str) -> None:
    """Write the model file of a potential into the folder of a calculation."""
    with potential.open(mode="rb") as source, folder.open(name, "wb") as target:
        shutil.copyfileobj(source, target)


def dp_command(code: AbstractCode, backend: str, words: list[str], log: str) -> CodeInfo:
    """Return one command of DeePMD-kit, its output and errors in one file.

    :param backend: ``tensorflow`` or ``pytorch``.
    """
    info = CodeInfo()
    info.code_uuid = code.uuid
    info.cmdline_params = [BACKEND_OPTIONS[backend], *words]
    info.stdout_name = log
    info.join_files = True
    info.withmpi = False
    return info
