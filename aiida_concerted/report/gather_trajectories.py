"""What only the trajectories of a study tell: densities, pair functions, and one concerted event of each run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from aiida import orm

from aiida_concerted.analysis.concerted_event import MARGIN_PS, ConcertedEvent, EventPlace, choose_event, cut_out
from aiida_concerted.analysis.density import DensityMap, carrier_density
from aiida_concerted.analysis.placement import PlacedNetwork
from aiida_concerted.analysis.whole_run import AnalysisSettings, analyse_run
from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData
from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.report.content import EventContent, Result, StructureContent, StudyContent
from aiida_concerted.report.graph import below, first_of_each_temperature, inputs_of, part_outputs

MAX_COORDINATES = 30_000_000
"""Numbers read of one trajectory at most, a quarter of a gigabyte; of a longer run only its beginning is looked at."""

DENSITY_SPACING_A = 0.25
TOLERANCE_K = 1e-3
"""A temperature in K is met within this: it is stored as a number with digits."""

PAIRS_ONLY = frozenset({"transport", "sites", "recrossing", "density"})
"""Parts of the analysis of a run that a study has as results already, or that are made differently here."""

OF_FRAMES = "densities, pair functions and events"
"""What is missing of runs whose frames are not at home."""

PARTS = frozenset({"density", "rdf", "van_hove", "event"})
"""What a trajectory is read for."""


def with_trajectories(
    content: StudyContent,
    study: orm.ProcessNode,
    *,
    parts: frozenset[str] = PARTS,
    temperature_K: float | None = None,
) -> StudyContent:
    """Return the content with what the trajectories of the study tell; unchanged where they are not there.

    :param content: what :func:`gather_study` returned for the study.
    :param parts: those of ``PARTS`` to be looked for; each takes its time.
    :param temperature_K: of the only run to be looked at; all when not given.
    """
    sweep = part_outputs(study, "sweep", "SweepWorkChain")
    trajectories, histories = below(sweep, "trajectories"), below(sweep, "site_histories")
    sites = inputs_of(study).get("sites")
    structures, events = [], []
    runs = {label: node for label, node in trajectories.items() if isinstance(node, MolecularDynamicsData)}
    for label, node in first_of_each_temperature(runs).items():
        if not is_at(node, temperature_K):
            continue
        history = histories.get(label)
        placed = _placed(history, sites)
        if parts - {"event"}:
            structures.append(structure_of(node, placed, parts=parts))
        if placed is None or not isinstance(history, SiteHistoryData) or "event" not in parts:
            continue
        if (event := event_of(content.modes, node, history, placed)) is not None:
            events.append(event)
    return replace(
        content,
        structures=tuple(sorted(structures, key=lambda item: item.temperature_K)),
        events=tuple(sorted(events, key=lambda item: item.temperature_K)),
        missing=(*content.missing, *_elsewhere(trajectories)),
    )


def _elsewhere(trajectories: Mapping[str, orm.Data]) -> tuple[str, ...]:
    """Return what is missing because frames stay where they were made, in one line, if anything is."""
    stay = [node for node in trajectories.values() if isinstance(node, StashedTrajectoryData)]
    if not stay:
        return ()
    where = ", ".join(sorted({node.computer.label for node in stay if node.computer is not None}))
    runs = "run" if len(stay) == 1 else f"{len(stay)} runs"
    return (f"{OF_FRAMES} of the {runs} whose frames stay on {where}",)


def is_at(node: orm.Data, temperature_K: float | None) -> bool:
    """Return whether a run is at a temperature; any is where none is asked for."""
    found = node.base.attributes.get("temperature_K", None)
    return temperature_K is None or (found is not None and abs(float(found) - temperature_K) < TOLERANCE_K)


def structure_of(
    node: MolecularDynamicsData, placed: PlacedNetwork | None = None, *, parts: frozenset[str] = PARTS
) -> StructureContent:
    """Return densities and pair functions of a run, or of its beginning where it is long.

    :param placed: the sites in the run's cell; the density is folded into their unit cell.
    :param parts: those of ``PARTS`` to be computed.
    """
    run = _beginning(node)
    pairs = analyse_run(run, None, AnalysisSettings(skip=PAIRS_ONLY | ({"rdf", "van_hove"} - parts)))
    return StructureContent(
        uuid=node.uuid,
        temperature_K=float(node.base.attributes.get("temperature_K", 0.0)),
        used_ps=run.duration_ps,
        duration_ps=node.duration_ps,
        density=_density(run, placed) if "density" in parts else None,
        sites={} if placed is None else _sites_by_label(placed),
        rdf=pairs.rdf,
        van_hove=pairs.van_hove,
    )


def _placed(history: Any, sites: Any) -> PlacedNetwork | None:
    if not isinstance(history, SiteHistoryData) or not isinstance(sites, SiteNetworkData):
        return None
    return history.place(sites.get_network())


def _beginning(node: MolecularDynamicsData) -> Trajectory:
    n_numbers = 3 * int(node.base.attributes.get("n_atoms"))
    return _span(node, 0, max(2, min(node.n_frames, MAX_COORDINATES // n_numbers)))


def _span(node: MolecularDynamicsData, first: int, last: int) -> Trajectory:
    """Return the frames from ``first``, at which the framework must be stored, to before ``last``."""
    with node.reader() as reader:
        header = reader.header
        stride = header.framework_stride
        return Trajectory(
            carrier=header.carrier,
            carriers=reader.carriers(first, last),
            cell=header.cell,
            frame_interval_ps=header.frame_interval_ps,
            framework_species=header.framework_species,
            framework=reader.framework(first // stride, -(-last // stride)),
            framework_stride=stride,
            framework_displacement=reader.framework_displacement(first, last),
            temperature_K=header.temperature_K,
        )


def _density(run: Trajectory, placed: PlacedNetwork | None) -> DensityMap:
    if placed is None:
        return carrier_density(run, spacing_A=DENSITY_SPACING_A)
    unit_cell = np.linalg.solve(placed.supercell.matrix, placed.cell).astype(np.float64)
    x, y, z = placed.origin_shift.tolist()
    return carrier_density(run, spacing_A=DENSITY_SPACING_A, unit_cell=unit_cell, origin_shift=(x, y, z))


def _sites_by_label(placed: PlacedNetwork) -> Mapping[str, Any]:
    labels = np.array(placed.network.labels)
    return {label: placed.network.fractional[labels == label] for label in placed.network.counts}


def event_of(
    modes: Sequence[Result], node: MolecularDynamicsData, history: SiteHistoryData, placed: PlacedNetwork
) -> EventContent | None:
    """Return one concerted event of a run, ``None`` where there is none to show.

    :param modes: results of which the one at the run's temperature says what counts as concerted.
    """
    temperature = float(history.base.attributes.get("temperature_K"))
    rule = next((item for item in modes if item.temperature_K == temperature), None)
    if rule is None:
        return None
    found = choose_event(
        history.get_history(), placed, window_ps=rule["window_ps"], recrossing_ps=rule["recrossing_ps"]
    )
    if found is None:
        return None
    return EventContent((node.uuid, history.uuid), temperature, found.carriers, _cut(node, placed, found))


def _cut(node: MolecularDynamicsData, placed: PlacedNetwork, place: EventPlace) -> ConcertedEvent:
    """Return the event from the frames about it alone."""
    stride = int(node.base.attributes.get("framework_stride", 1))
    reach = round(MARGIN_PS / node.frame_interval_ps) + abs(place.frames[0] - place.frames[1]) + stride
    first = max(place.middle_frame - reach, 0) // stride * stride
    run = _span(node, first, min(place.middle_frame + reach + 1, node.n_frames))
    begun = replace(place, frames=(place.frames[0] - first, place.frames[1] - first))
    return cut_out(run, placed, begun)
