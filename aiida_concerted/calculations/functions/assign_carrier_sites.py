"""From a trajectory the site of every carrier."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.calculations.analysis_parameters import analysis_parameters
from aiida_concerted.calculations.functions.context import crystal_framework
from aiida_concerted.calculations.result_nodes import result_context
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.reduction.contents import NO_HISTORY, carrier_history, departure_attributes


@calcfunction
def assign_carrier_sites(
    trajectory: MolecularDynamicsData,
    sites: SiteNetworkData,
    parameters: orm.Dict,
    structure: orm.StructureData | None = None,
) -> SiteHistoryData | ExitCode:
    """Return which site each carrier is nearest to, at every frame.

    :param trajectory: one run at one temperature.
    :param sites: the site network of the material.
    :param parameters: see :class:`AnalysisParameters`; ``material``, ``discard_ps`` and ``study_uuid`` are looked at.
    :param structure: the crystal that the run began from, which fixes the origin of the sites; without it the time
        average of the framework does.
    """
    try:
        settings = analysis_parameters(parameters)
    except ValueError as error:
        return ExitCode(210, str(error))
    try:
        run, crystal = trajectory.get_trajectory(), crystal_framework(structure, trajectory)
        history, placed = carrier_history(run, sites.get_network(), settings, crystal)
    except ValueError as error:
        return ExitCode(410, NO_HISTORY.format(error))
    context = {**result_context(trajectory.base.attributes.all, settings), **departure_attributes(run, crystal)}
    return SiteHistoryData(history, placed, context=context)
