"""From a run so far how well it knows what a sweep is to find out."""

from __future__ import annotations

from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.effort import EffortTarget
from aiida_concerted.analysis.site_analysis import analyse_history
from aiida_concerted.calculations.analysis_parameters import AnalysisParameters, analysis_parameters
from aiida_concerted.calculations.functions.assign_carrier_sites import carrier_history
from aiida_concerted.calculations.functions.compute_diffusivity import transport_of
from aiida_concerted.calculations.functions.context import departure_context
from aiida_concerted.common.estimate import Interval
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.results import MAX_FRAMEWORK_DEPARTURE_A
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData

HALF_WIDTH_OF_95 = 1.96
"""Half of a 95 % interval in standard errors."""


@calcfunction
def judge_run(
    trajectory: MolecularDynamicsData,
    parameters: orm.Dict,
    target: orm.Dict,
    structure: orm.StructureData | None = None,
    sites: SiteNetworkData | None = None,
) -> orm.Dict | ExitCode:
    """Return the quantities of a sweep's target and their errors as one run knows them so far.

    A run that is too short or too still for a quantity lacks it, which is an answer too: it has to become longer. These
    are no results: those come from the whole run.

    :param trajectory: one run at one temperature.
    :param parameters: see :class:`AnalysisParameters`.
    :param target: see :class:`EffortTarget`.
    :param structure: the crystal that the run began from; a framework that has left it holds the run.
    :param sites: the site network, needed where the target names modes.
    """
    try:
        settings = analysis_parameters(parameters)
        wanted = from_mapping(EffortTarget, target.get_dict(), "target")
    except ValueError as error:
        return ExitCode(210, str(error))
    judgement: dict[str, Any] = {
        "temperature_K": trajectory.base.attributes.get("temperature_K"),
        "duration_ps": trajectory.duration_ps,
    }
    departure = departure_context(structure, trajectory).get("framework_departure_A", 0.0)
    if departure > MAX_FRAMEWORK_DEPARTURE_A:
        return orm.Dict({**judgement, "held": f"the framework is {departure:.1f} Å from its crystal"})
    judgement |= _transport(trajectory, settings)
    if wanted.modes and sites is not None:
        judgement["events"] = _events(trajectory, sites, settings, structure, wanted.modes)
    return orm.Dict(judgement)


def _transport(trajectory: MolecularDynamicsData, settings: AnalysisParameters) -> dict[str, Any]:
    """Return diffusivity and Haven ratio with their errors, where the run has them."""
    try:
        result = transport_of(trajectory, settings)
    except ValueError as error:
        return {"is_sampled": False, "reason": str(error)}
    found: dict[str, Any] = {
        "diffusivity_m2_s": [result.tracer.value, result.tracer.stderr],
        "is_sampled": result.sampling == "sufficient",
    }
    if result.haven_ratio is not None and (stderr := _stderr(result.haven_ratio)) is not None:
        found["haven_ratio"] = [result.haven_ratio.value, stderr]
    return found


def _stderr(interval: Interval) -> float | None:
    """Return the standard error of an interval, from its width where it is not given; ``None`` for an open one."""
    if interval.stderr is not None:
        return interval.stderr
    if interval.lower is None or interval.upper is None:
        return None
    return (interval.upper - interval.lower) / (2.0 * HALF_WIDTH_OF_95)


def _events(
    trajectory: MolecularDynamicsData,
    sites: SiteNetworkData,
    settings: AnalysisParameters,
    structure: orm.StructureData | None,
    modes: tuple[str, ...],
) -> dict[str, list[float]]:
    """Return events above background and their standard error by mode, of the modes that have any."""
    try:
        history, placed = carrier_history(trajectory, sites, settings, structure)
        analysis = analyse_history(
            history,
            placed,
            window_ps=settings.window_ps,
            recrossing_ps=settings.recrossing_ps,
            seed=settings.seed,
        )
    except ValueError:
        return {}  # no site model fits, or too short: said where the results are made
    found = {mode.label: mode.events for mode in analysis.modes if mode.label in modes and mode.events is not None}
    errors = {label: _stderr(events) for label, events in found.items()}
    return {label: [found[label].value, error] for label, error in errors.items() if error is not None}
