"""What the calculations of the package have in common."""

from __future__ import annotations

import shutil

from aiida.common.folders import Folder
from aiida.engine import CalcJobProcessSpec

from aiida_concerted.data.potential import DeepPotentialData


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
