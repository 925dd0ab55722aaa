"""From the sites of the carriers their statistics and concerted modes."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.site_analysis import SiteAnalysis, analyse_history
from aiida_concerted.data.results import ModeFrequenciesData, SiteStatisticsData
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData

CONTEXT = ("material", "formula", "carrier", "level_of_theory", "n_atoms", "temperature_K", "study_uuid")


@calcfunction
def analyse_site_history(
    history: SiteHistoryData, sites: SiteNetworkData, parameters: orm.Dict
) -> dict[str, orm.Data] | ExitCode:
    """Return ``statistics`` (occupancy, residence times, hops) and ``modes`` (concerted two-ion hops by class).

    :param history: site of every carrier over a run.
    :param sites: the network that the history was made with.
    :param parameters: ``window_ps`` and ``recrossing_ps`` in ps, and ``seed`` of the null model.
    """
    settings = parameters.get_dict()
    try:
        result = analyse_history(
            history.get_history(),
            history.place(sites.get_network()),
            window_ps=settings["window_ps"],
            recrossing_ps=settings["recrossing_ps"],
            seed=settings.get("seed", 0),
        )
    except ValueError as error:
        return ExitCode(410, f"this history has no site statistics: {error}")
    attributes = history.base.attributes.all
    context = {key: attributes[key] for key in CONTEXT if key in attributes}
    departure = attributes.get("framework_departure_A")
    definition = {"window_ps": settings["window_ps"], "recrossing_ps": settings["recrossing_ps"]}
    statistics = _statistics(result, {**context, "framework_departure_A": departure}, definition)
    return {"statistics": statistics, "modes": _modes(result, context, definition)}


def _statistics(result: SiteAnalysis, context: dict[str, Any], definition: dict[str, float]) -> SiteStatisticsData:
    content = result.as_dict()
    statistics = result.statistics
    times = {label: residence.time_ps for label, residence in statistics.residence.items()}
    return SiteStatisticsData(
        attributes={
            **context,
            "occupancy": {label: value.value for label, value in statistics.occupancy.by_label.items()},
            "residence_time_ps": {label: time.value for label, time in times.items() if time is not None},
            "n_hops": int(result.hops.counted),
            "recrossing_ps": definition["recrossing_ps"],
        },
        result={key: content[key] for key in ("sites", "hops", "origin_shift", "placement")},
        arrays={"occupancy_by_site": statistics.occupancy.by_site},
    )


def _modes(result: SiteAnalysis, context: dict[str, Any], definition: dict[str, float]) -> ModeFrequenciesData:
    content = result.as_dict()
    keys = ("modes", "exchanges", "chains", "mode_definition")
    # A run too short for a background has counts, but no frequencies.
    frequencies = {mode["label"]: mode.get("frequency_per_cell_s") for mode in content["modes"]}
    return ModeFrequenciesData(
        attributes={
            **context,
            "modes": {label: value["value"] for label, value in frequencies.items() if value is not None},
            **definition,
        },
        result={key: content[key] for key in keys},
    )
