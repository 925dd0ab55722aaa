"""From the sites of the carriers their statistics and concerted modes."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.site_analysis import SiteAnalysis, analyse_history
from aiida_concerted.calculations.analysis_parameters import analysis_parameters
from aiida_concerted.data.results import ModeFrequenciesData, SiteStatisticsData
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData

CONTEXT = (
    "material",
    "formula",
    "carrier",
    "level_of_theory",
    "n_atoms",
    "temperature_K",
    "study_uuid",
    "framework_departure_A",
)


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
        result = analyse_history(
            history.get_history(),
            history.place(sites.get_network()),
            window_ps=settings.window_ps,
            recrossing_ps=settings.recrossing_ps,
            seed=settings.seed,
        )
    except ValueError as error:
        return ExitCode(410, f"this history has no site statistics: {error}")
    attributes = history.base.attributes.all
    context = {key: attributes[key] for key in CONTEXT if key in attributes}
    definition = {"window_ps": settings.window_ps, "recrossing_ps": settings.recrossing_ps}
    return {"statistics": _statistics(result, context, definition), "modes": _modes(result, context, definition)}


def _statistics(result: SiteAnalysis, context: dict[str, Any], definition: dict[str, float]) -> SiteStatisticsData:
    content = result.as_dict()
    statistics = result.statistics
    times = {label: residence.time_ps for label, residence in statistics.residence.items()}
    known = {label: time.as_dict() for label, time in times.items() if time is not None}
    return SiteStatisticsData(
        attributes={
            **context,
            "occupancy": {label: value.value for label, value in statistics.occupancy.by_label.items()},
            "occupancy_stderr": {label: value.stderr for label, value in statistics.occupancy.by_label.items()},
            "residence_time_ps": _each(known, "value"),
            "residence_time_lower_ps": _each(known, "lower"),
            "residence_time_upper_ps": _each(known, "upper"),
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
    given = {mode["label"]: mode.get("frequency_per_cell_s") for mode in content["modes"]}
    frequencies = {label: value for label, value in given.items() if value is not None}
    return ModeFrequenciesData(
        attributes={
            **context,
            "modes": _each(frequencies, "value"),
            "frequency_lower_per_cell_s": _each(frequencies, "lower"),
            "frequency_upper_per_cell_s": _each(frequencies, "upper"),
            "n_events": {mode["label"]: int(mode["raw"]) for mode in content["modes"]},
            **definition,
        },
        result={key: content[key] for key in keys},
    )


def _each(values: dict[str, dict[str, float]], key: str) -> dict[str, float]:
    """Return one number of each value; a side that the data do not bound is absent."""
    return {label: value[key] for label, value in values.items() if key in value}
