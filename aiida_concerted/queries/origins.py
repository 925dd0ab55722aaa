"""Where the frames of a dataset come from, as far as the graph of this profile tells.

A frame names the computation of its energy and its step there. All else stands in the graph: what a label was computed
of was picked by an exploration, from a run at a temperature, because a committee disagreed there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from aiida import orm

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.queries.calls import CALLS

TEMPERATURES = ("temperature_K", "final_temperature_K")
"""Inputs of a run of molecular dynamics: the second is there where it is heated or cooled."""

MAX_LEVELS = 8
"""Work chains above a calculation: a study, its loop, the turn, the labelling, two that mend, aiida-vasp's own."""

PICKED = ("candidates__", "candidate_")
"""What the label of a structure that was picked begins with, by a job where the frames stay or by a calcfunction; the
name of the run and the number of the frame follow."""

DEVIATIONS = ("deviations__", "deviation__")
"""What the labels of the inputs of either begin with that hold deviations, before the name of the run."""


@dataclass(frozen=True)
class FrameOrigin:
    """Where one frame comes from; what nobody knows is ``None``.

    :param kind: ``label`` (picked by an exploration), ``dynamics`` (first-principles molecular dynamics), ``computed``
        (some other computation of this profile) or ``elsewhere``.
    :param source: UUID of the computation of its energy, or what an import called it.
    :param step: step in that computation, counted from 1.
    :param job: PK of that computation.
    :param work_chain: PK of the exploration that picked the frame, or of the molecular dynamics that it belongs to.
    :param run: name of the run of the exploration.
    :param temperature_K: temperature of the run in K.
    :param run_step: step of that run.
    :param deviation_eV_A: maximal force deviation of the committee in eV Å⁻¹ for which it was picked.
    """

    kind: str
    source: str
    step: int
    job: int | None = None
    work_chain: int | None = None
    run: str | None = None
    temperature_K: float | None = None
    run_step: int | None = None
    deviation_eV_A: float | None = None


def frame_origins(dataset: LabelledFramesData) -> list[FrameOrigin]:
    """Return where each frame comes from; an empty list where the dataset does not say."""
    said = dataset.get_frames().origins
    uuids = {source for source, _ in said}
    known = {**_dynamics(uuids), **_labels(uuids)}
    return [
        replace(known[source], step=step) if source in known else FrameOrigin("elsewhere", source, step)
        for source, step in said
    ]


def frame_temperatures(dataset: LabelledFramesData) -> list[float | None]:
    """Return the temperature in K at which molecular dynamics sampled each frame, ``None`` where nobody knows.

    That of first-principles molecular dynamics is its thermostat's; a run that is heated or cooled has none.
    """
    return [origin.temperature_K for origin in frame_origins(dataset)] or [None] * len(dataset)


def callers_of(uuids: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
    """Return UUID and PK of the work chains above each process, the nearest first, one statement a level."""
    above: dict[str, list[tuple[str, int]]] = {uuid: [] for uuid in uuids}
    last = {uuid: uuid for uuid in above}
    for _ in range(MAX_LEVELS):
        caller = _callers(set(last.values()))
        found = {uuid: caller[process] for uuid, process in last.items() if process in caller}
        if not found:
            break
        for uuid, chain in found.items():
            above[uuid].append(chain)
        last = {uuid: chain for uuid, (chain, _) in found.items()}
    return above


def _callers(uuids: set[str]) -> dict[str, tuple[str, int]]:
    """Return UUID and PK of the caller of each process that has one."""
    if not uuids:
        return {}
    builder = orm.QueryBuilder()
    builder.append(orm.ProcessNode, filters={"uuid": {"in": list(uuids)}}, project="uuid", tag="called")
    called = {"type": {"in": [kind.value for kind in CALLS]}}
    builder.append(orm.WorkflowNode, with_outgoing="called", edge_filters=called, project=["uuid", "id"])
    return {process: (uuid, pk) for process, uuid, pk in builder.all()}


def _dynamics(uuids: set[str]) -> dict[str, FrameOrigin]:
    """Return the origin of what computations of this profile computed, and of molecular dynamics at what temperature.

    The nearest work chain above that has a temperature is the run.
    """
    jobs = _pks(uuids)
    above = callers_of(jobs)
    given = _temperature_inputs({chain for chains in above.values() for chain, _ in chains})
    found = {}
    for uuid, job in jobs.items():
        run = next(((chain, pk) for chain, pk in above[uuid] if chain in given), None)
        if run is None:
            found[uuid] = FrameOrigin("computed", uuid, 0, job)
            continue
        values = set(given[run[0]].values())
        temperature = values.pop() if len(values) == 1 else None
        found[uuid] = FrameOrigin("dynamics", uuid, 0, job, work_chain=run[1], temperature_K=temperature)
    return found


def _pks(uuids: set[str]) -> dict[str, int]:
    if not uuids:
        return {}
    builder = orm.QueryBuilder()
    builder.append(orm.CalcJobNode, filters={"uuid": {"in": list(uuids)}}, project=["uuid", "id"])
    return dict(builder.all())


def _temperature_inputs(uuids: set[str]) -> dict[str, dict[str, float]]:
    """Return the temperatures in K that work chains were given, by their UUIDs and the names of the inputs."""
    if not uuids:
        return {}
    builder = orm.QueryBuilder()
    builder.append(orm.WorkflowNode, filters={"uuid": {"in": list(uuids)}}, project="uuid", tag="chain")
    builder.append(
        orm.Float, with_outgoing="chain", edge_filters={"label": {"in": list(TEMPERATURES)}}, edge_project="label",
        project="attributes.value",
    )  # fmt: skip
    found: dict[str, dict[str, float]] = {}
    for uuid, value, name in builder.all():
        found.setdefault(uuid, {})[name] = value
    return found


def _labels(uuids: set[str]) -> dict[str, FrameOrigin]:
    """Return the origin of labels of structures that a selection picked, by the UUIDs of the computations."""
    if not uuids:
        return {}
    builder = orm.QueryBuilder()
    builder.append(orm.CalcJobNode, filters={"uuid": {"in": list(uuids)}}, project=["uuid", "id"], tag="job")
    builder.append(orm.StructureData, with_outgoing="job", tag="structure")
    builder.append(
        orm.CalculationNode, with_outgoing="structure", edge_filters={"label": {"like": "candidate%"}},
        edge_project="label", project="uuid",
    )  # fmt: skip
    rows = builder.all()
    selections = {selection: _Selection(selection) for _, _, selection, _ in rows}
    return {uuid: selections[selection].origin(uuid, job, label) for uuid, job, selection, label in rows}


class _Selection:
    """A selection with the deviations that it picked by, each read once.

    :param uuid: of the process that picked.
    """

    def __init__(self, uuid: str) -> None:
        node: Any = orm.load_node(uuid)
        links = node.base.links.get_incoming(node_class=orm.ArrayData).all()
        self._deviations = {
            _rest(link.link_label, DEVIATIONS): _rows(link.node)
            for link in links
            if link.link_label.startswith(DEVIATIONS)
        }
        self._runs: Mapping[str, Any] = node.outputs.statistics.get_dict().get("runs", {})
        chains = callers_of([uuid])[uuid]
        self._chain = chains[0][1] if chains else None

    def origin(self, uuid: str, job: int, label: str) -> FrameOrigin:
        """Return the origin of a frame by the label under which it was picked."""
        run, _, frame = _rest(label, PICKED).rpartition("_f")
        row = self._deviations.get(run, {}).get(int(frame), {})
        return FrameOrigin(
            "label", uuid, 0, job, work_chain=self._chain, run=run,
            temperature_K=self._runs.get(run, {}).get("temperature_K"),
            run_step=row.get("step"), deviation_eV_A=row.get("deviation"),
        )  # fmt: skip


def _rest(label: str, starts: tuple[str, ...]) -> str:
    """Return a label without what it begins with."""
    return next((label.removeprefix(start) for start in starts if label.startswith(start)), label)


def _rows(node: orm.ArrayData) -> dict[int, dict[str, Any]]:
    """Return step and deviation in eV Å⁻¹ by number of the frame."""
    frames, deviations = node.get_array("frame"), node.get_array("max_devi_f_eV_A")
    steps = node.get_array("step") if "step" in node.get_arraynames() else [None] * len(frames)
    return {
        int(frame): {"step": None if step is None else int(step), "deviation": float(value)}
        for frame, step, value in zip(frames, steps, deviations, strict=True)
        if np.isfinite(value)
    }
