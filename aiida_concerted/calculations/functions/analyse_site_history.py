"""From the sites of the carriers their statistics and concerted modes."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.calculations.analysis_parameters import analysis_parameters
from aiida_concerted.calculations.result_nodes import site_nodes
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData
from aiida_concerted.reduction.contents import NO_STATISTICS, site_contents


@calcfunction
def analyse_site_history(
    history: SiteHistoryData, sites: SiteNetworkData, parameters: orm.Dict
) -> dict[str, orm.Data] | ExitCode:
    """Return ``statistics`` (occupancy, residence times, hops) and ``modes`` (concerted two-ion hops by class).

    :param history: site of every carrier over a run.
    :param sites: the network that the history was made with.
    :param parameters: see :class:`AnalysisParameters`; ``window_ps``, ``recrossing_ps`` and ``seed`` are looked at.
    """
    try:
        settings = analysis_parameters(parameters)
    except ValueError as error:
        return ExitCode(210, str(error))
    try:
        contents = site_contents(history.get_history(), history.place(sites.get_network()), settings)
    except ValueError as error:
        return ExitCode(410, NO_STATISTICS.format(error))
    statistics, modes = site_nodes(*contents, history)
    return {"statistics": statistics, "modes": modes}
