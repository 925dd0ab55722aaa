"""From a trajectory the site of every carrier."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.assignment import site_history
from aiida_concerted.analysis.site_analysis import first_frame_after, place_in
from aiida_concerted.calculations.functions.context import result_context
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData


@calcfunction
def assign_carrier_sites(
    trajectory: MolecularDynamicsData, sites: SiteNetworkData, parameters: orm.Dict
) -> SiteHistoryData | ExitCode:
    """Return which site each carrier is nearest to, at every frame.

    :param trajectory: one run at one temperature.
    :param sites: the site network of the material.
    :param parameters: ``material``, optional ``discard_ps`` in ps and ``study_uuid``.
    """
    settings = parameters.get_dict()
    run = trajectory.get_trajectory()
    try:
        placed = place_in(run, sites.get_network())
        first = first_frame_after(run, settings.get("discard_ps", 0.0))
        history = site_history(run.relative_to_framework()[first:], placed, run.frame_interval_ps)
    except ValueError as error:
        return ExitCode(410, f"the carriers have no sites: {error}")
    return SiteHistoryData(history, placed, context=result_context(trajectory, settings))
