"""What the results of one run hold, before they are nodes: numbers for queries, all of it, and curves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.assignment import site_history
from aiida_concerted.analysis.diffusion import TransportResult, estimate_diffusivity
from aiida_concerted.analysis.framework import framework_departure
from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.placement import PlacedNetwork
from aiida_concerted.analysis.site_analysis import SiteAnalysis, analyse_history, first_frame_after, place_in
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.common.positions import from_frame
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.reduction.parameters import AnalysisParameters

FloatArray = NDArray[np.float64]

NO_DIFFUSIVITY = "no diffusivity from this trajectory: {}"
NO_HISTORY = "the carriers have no sites: {}"
NO_STATISTICS = "this history has no site statistics: {}"
"""Why a result is missing."""

DEPARTURE = "framework_departure_A"
"""Attribute that says how far the framework has gone from the crystal in Å."""


@dataclass(frozen=True)
class ResultContent:
    """What a result node is made of, but for where its run comes from.

    :param attributes: numbers for queries by name; what was not computable is ``None``.
    :param result: the whole result, JSON-compatible.
    :param arrays: curves by name, units in the names.
    """

    attributes: dict[str, Any]
    result: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)


def departure_attributes(run: Trajectory, crystal: FloatArray | None) -> dict[str, float]:
    """Return the attribute that says how far the framework has gone in Å, none where that cannot be known.

    :param crystal: framework positions in Å of the crystal that the run began from, atoms in the run's order.
    """
    return {} if crystal is None else {DEPARTURE: framework_departure(run, crystal)}


def transport_of(run: Trajectory, settings: AnalysisParameters) -> TransportResult:
    """Return the transport of one run as the parameters of an analysis ask for it.

    :raises ValueError: if the run is too short or too still.
    """
    return estimate_diffusivity(
        run,
        charge=settings.charge,
        discard_ps=settings.discard_ps,
        fit_window_ps=settings.fit_window_ps,
        seed=settings.seed,
    )


def diffusivity_content(run: Trajectory, settings: AnalysisParameters, crystal: FloatArray | None) -> ResultContent:
    """Return diffusivities, Haven ratio and conductivities of one run, with its displacement curves.

    :param crystal: framework positions in Å of the crystal that the run began from, where it is known.
    :raises ValueError: if the run is too short or too still.
    """
    result = transport_of(run, settings)
    return ResultContent(
        attributes={
            **departure_attributes(run, crystal),
            "duration_ps": run.duration_ps - settings.discard_ps,
            **_transport_attributes(result),
        },
        result=result.as_dict()["diffusivity"],
        arrays={
            "lag_ps": result.lag_ps,
            "tracer_A2": result.msd_tracer_A2,
            "collective_A2": result.msd_collective_A2,
        },
    )


def _transport_attributes(result: TransportResult) -> dict[str, Any]:
    charge, haven = result.charge_diffusivity, result.haven_ratio
    return {
        "diffusivity_m2_s": result.tracer.value,
        "diffusivity_stderr_m2_s": result.tracer.stderr,
        "charge_diffusivity_m2_s": charge.value if charge else None,
        "charge_diffusivity_stderr_m2_s": charge.stderr if charge else None,
        "haven_ratio": haven.value if haven else None,
        "haven_ratio_stderr": haven.stderr if haven else None,
        "conductivity_S_m": result.nernst_einstein.value if result.nernst_einstein else None,
        "conductivity_stderr_S_m": result.nernst_einstein.stderr if result.nernst_einstein else None,
        "ab_share": result.ab_share.value if result.ab_share else None,
        "n_hops": result.n_hops_effective,
        "sampling": result.sampling,
        "method": result.method,
    }


def carrier_history(
    run: Trajectory, network: SiteNetwork, settings: AnalysisParameters, crystal: FloatArray | None
) -> tuple[SiteHistory, PlacedNetwork]:
    """Return which site each carrier is nearest to, and the network as it lies in the run's cell.

    :param crystal: framework positions in Å of the crystal that the run began from, where it is known.
    :raises ValueError: if the cell is no supercell of the network's, the framework does not fit, or nothing is left
        after ``discard_ps``.
    """
    placed = place_in(run, network, crystal=crystal)
    first = first_frame_after(run, settings.discard_ps)
    return site_history(from_frame(run.relative_to_framework(), first), placed, run.frame_interval_ps), placed


def site_analysis(history: SiteHistory, placed: PlacedNetwork, settings: AnalysisParameters) -> SiteAnalysis:
    """Return everything that follows from where the carriers sit, as the parameters of an analysis ask for it.

    :raises ValueError: if the history is too short.
    """
    return analyse_history(
        history, placed, window_ps=settings.window_ps, recrossing_ps=settings.recrossing_ps, seed=settings.seed
    )


def site_contents(
    history: SiteHistory, placed: PlacedNetwork, settings: AnalysisParameters
) -> tuple[ResultContent, ResultContent]:
    """Return the statistics of the sites and the concerted modes of a run.

    :param placed: the network, placed as it was for the history.
    :raises ValueError: if the history is too short.
    """
    result = site_analysis(history, placed, settings)
    content = result.as_dict()
    definition = {"window_ps": settings.window_ps, "recrossing_ps": settings.recrossing_ps}
    return _statistics(result, content, definition), _modes(content, definition)


def _statistics(result: SiteAnalysis, content: dict[str, Any], definition: dict[str, float]) -> ResultContent:
    statistics = result.statistics
    times = {label: residence.time_ps for label, residence in statistics.residence.items()}
    known = {label: time.as_dict() for label, time in times.items() if time is not None}
    return ResultContent(
        attributes={
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


def _modes(content: dict[str, Any], definition: dict[str, float]) -> ResultContent:
    keys = ("modes", "exchanges", "chains", "mode_definition")
    # A run too short for a background has counts, but no frequencies.
    given = {mode["label"]: mode.get("frequency_per_cell_s") for mode in content["modes"]}
    frequencies = {label: value for label, value in given.items() if value is not None}
    return ResultContent(
        attributes={
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
