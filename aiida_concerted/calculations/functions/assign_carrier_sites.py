"""From a trajectory the site of every carrier."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.assignment import site_history
from aiida_concerted.analysis.site_analysis import first_frame_after, place_in
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
    :param parameters: ``material``, optional ``discard_ps`` in ps and ``study_uuid``.
    :param structure: the crystal that the run began from, which fixes the origin of the sites; without it the time
        average of the framework does.
    """
    settings = parameters.get_dict()
    run = trajectory.get_trajectory()
    crystal = crystal_framework(structure, trajectory)
    try:
        placed = place_in(run, sites.get_network(), crystal=crystal)
        first = first_frame_after(run, settings.get("discard_ps", 0.0))
        history = site_history(from_frame(run.relative_to_framework(), first), placed, run.frame_interval_ps)
    except ValueError as error:
        return ExitCode(410, f"the carriers have no sites: {error}")
    context = {**result_context(trajectory, settings), **departure_context(structure, trajectory)}
    return SiteHistoryData(history, placed, context=context)
