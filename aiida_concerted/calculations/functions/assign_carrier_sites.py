"""From a trajectory the site of every carrier."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.assignment import site_history
from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.placement import PlacedNetwork
from aiida_concerted.analysis.site_analysis import first_frame_after, place_in
from aiida_concerted.calculations.analysis_parameters import AnalysisParameters, analysis_parameters
from aiida_concerted.calculations.functions.context import crystal_framework, departure_context, result_context
from aiida_concerted.common.positions import from_frame
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData


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
        history, placed = carrier_history(trajectory, sites, settings, structure)
    except ValueError as error:
        return ExitCode(410, f"the carriers have no sites: {error}")
    context = {**result_context(trajectory, settings), **departure_context(structure, trajectory)}
    return SiteHistoryData(history, placed, context=context)


def carrier_history(
    trajectory: MolecularDynamicsData,
    sites: SiteNetworkData,
    settings: AnalysisParameters,
    structure: orm.StructureData | None,
) -> tuple[SiteHistory, PlacedNetwork]:
    """Return which site each carrier is nearest to, and the network as it lies in the run's cell.

    :param structure: the crystal that the run began from, where it is known.
    :raises ValueError: if the cell is no supercell of the network's, the framework does not fit, or nothing is left
        after ``discard_ps``.
    """
    run = trajectory.get_trajectory()
    placed = place_in(run, sites.get_network(), crystal=crystal_framework(structure, trajectory))
    first = first_frame_after(run, settings.discard_ps)
    return site_history(from_frame(run.relative_to_framework(), first), placed, run.frame_interval_ps), placed
