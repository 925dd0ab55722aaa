"""From a trajectory the site of every carrier."""

from __future__ import annotations

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction
from numpy.typing import NDArray

from aiida_concerted.analysis.assignment import site_history
from aiida_concerted.analysis.site_analysis import first_frame_after, framework_departure, place_in
from aiida_concerted.calculations.functions.context import result_context
from aiida_concerted.data.conversion import arrays_of_structure
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
    crystal = None if structure is None else _framework_of(structure, trajectory)
    try:
        placed = place_in(run, sites.get_network(), crystal=crystal)
        first = first_frame_after(run, settings.get("discard_ps", 0.0))
        history = site_history(run.relative_to_framework()[first:], placed, run.frame_interval_ps)
    except ValueError as error:
        return ExitCode(410, f"the carriers have no sites: {error}")
    context = result_context(trajectory, settings)
    if crystal is not None:
        context["framework_departure_A"] = framework_departure(run, crystal)
    return SiteHistoryData(history, placed, context=context)


def _framework_of(structure: orm.StructureData, trajectory: MolecularDynamicsData) -> NDArray[np.float64] | None:
    """Return the framework's positions in Å in the trajectory's order, ``None`` where there is no framework."""
    with trajectory.reader() as reader:
        framework_ids = reader.header.framework_ids
    return arrays_of_structure(structure)[1][framework_ids] if len(framework_ids) else None
