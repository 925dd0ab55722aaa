"""From a trajectory the diffusivity of its carriers."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.calculations.analysis_parameters import analysis_parameters
from aiida_concerted.calculations.functions.context import crystal_framework
from aiida_concerted.calculations.result_nodes import diffusivity_node, result_context
from aiida_concerted.data.results import DiffusivityData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.reduction.contents import NO_DIFFUSIVITY, diffusivity_content


@calcfunction
def compute_diffusivity(
    trajectory: MolecularDynamicsData, parameters: orm.Dict, structure: orm.StructureData | None = None
) -> DiffusivityData | ExitCode:
    """Return the tracer and charge diffusivity, Haven ratio and conductivities of one run.

    :param trajectory: one run at one temperature.
    :param parameters: see :class:`AnalysisParameters`; all but ``window_ps`` and ``recrossing_ps`` are looked at.
    :param structure: the crystal that the run began from, by which the result says how far its framework has gone.
    """
    try:
        settings = analysis_parameters(parameters)
    except ValueError as error:
        return ExitCode(210, str(error))
    try:
        crystal = crystal_framework(structure, trajectory)
        content = diffusivity_content(trajectory.get_trajectory(), settings, crystal)
    except ValueError as error:
        return ExitCode(410, NO_DIFFUSIVITY.format(error))
    return diffusivity_node(content, result_context(trajectory.base.attributes.all, settings))
