"""How well one run knows what a sweep is to find out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.effort import EffortTarget
from aiida_concerted.analysis.framework import MAX_FRAMEWORK_DEPARTURE_A
from aiida_concerted.analysis.sites import SiteNetwork, reverse_mode
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.reduction.contents import (
    DEPARTURE,
    carrier_history,
    departure_attributes,
    site_analysis,
    transport_of,
)
from aiida_concerted.reduction.parameters import AnalysisParameters


def judgement_of(
    run: Trajectory,
    settings: AnalysisParameters,
    wanted: EffortTarget,
    *,
    crystal: NDArray[np.float64] | None = None,
    network: SiteNetwork | None = None,
) -> dict[str, Any]:
    """Return the quantities of a target and their errors as one run knows them so far, JSON-compatible.

    A run that is too short or too still for a quantity lacks it, which is an answer too: it has to become longer.

    :param crystal: framework positions in Å of the crystal that the run began from; a framework that has left it holds
        the run.
    :param network: the sites, needed where the target names modes.
    """
    judgement: dict[str, Any] = {
        "temperature_K": run.temperature_K,
        "duration_ps": run.duration_ps,
        "frame_interval_ps": run.frame_interval_ps,
    }
    departure = departure_attributes(run, crystal).get(DEPARTURE, 0.0)
    if departure > MAX_FRAMEWORK_DEPARTURE_A:
        return {**judgement, "held": f"the framework is {departure:.1f} Å from its crystal"}
    judgement |= _transport(run, settings)
    if wanted.modes and network is not None:
        judgement["events"] = _events(run, network, settings, crystal, wanted.modes)
    return judgement


def _transport(run: Trajectory, settings: AnalysisParameters) -> dict[str, Any]:
    """Return diffusivity and Haven ratio with their errors, where the run has them."""
    try:
        result = transport_of(run, settings)
    except ValueError as error:
        return {"is_sampled": False, "reason": str(error)}
    found: dict[str, Any] = {
        "diffusivity_m2_s": [result.tracer.value, result.tracer.stderr],
        "is_sampled": result.sampling == "sufficient",
    }
    if result.haven_ratio is not None and (stderr := result.haven_ratio.standard_error()) is not None:
        found["haven_ratio"] = [result.haven_ratio.value, stderr]
    return found


def _events(
    run: Trajectory,
    network: SiteNetwork,
    settings: AnalysisParameters,
    crystal: NDArray[np.float64] | None,
    modes: tuple[str, ...],
) -> dict[str, list[float]]:
    """Return events above background and their standard error by mode, of the modes that have any."""
    try:
        analysis = site_analysis(*carrier_history(run, network, settings, crystal), settings)
    except ValueError:
        return {}  # no site model fits, or too short: said where the results are made
    counted = {mode.label: mode.events for mode in analysis.modes}
    found = {}
    for mode in modes:
        events = counted.get(mode) or counted.get(reverse_mode(mode))  # a class has either of its two names
        if events is not None and (stderr := events.standard_error()) is not None:
            found[mode] = [events.value, stderr]
    return found
