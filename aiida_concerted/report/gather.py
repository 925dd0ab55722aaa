"""From a study's node to the plain data of its report: the one place that reads nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiida import orm

from aiida_concerted.data.result import ResultData
from aiida_concerted.data.results import CellSizeData, DiffusivityData, VacancyFormationData
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData
from aiida_concerted.report.content import CellSizeContent, HistoryContent, Result, StudyContent
from aiida_concerted.report.gather_learning import LOOP, TRAINERS, gather_learning, trainer_of, training_outputs
from aiida_concerted.report.gather_processes import gather_making
from aiida_concerted.report.graph import (
    below,
    first_of_each_temperature,
    inputs_of,
    outputs_of,
    part_outputs,
    state_of,
)

SWEEP, VACANCY = "SweepWorkChain", "vacancy"

SIZES = "size"
"""Part of the label under which a sweep leaves the runs in cells of several sizes."""

EXPECTED = {
    "diffusivities": "diffusivities: no run of the sweep has been analysed",
    "site_statistics": "occupancies and residence times: no run has been assigned to sites",
    "modes": "concerted modes: no run has been searched for them",
    "arrhenius": "activation energies: fewer than two temperatures have been analysed",
    VACANCY: "vacancy formation energies: not asked for, not finished or failed",
}


def gather_study(study: orm.ProcessNode) -> StudyContent:
    """Return what a report says about a study, whatever state it is in.

    :param study: a study; a single sweep, learning loop, committee or training will do.
    """
    inputs = inputs_of(study)
    learn = training_outputs(study) or part_outputs(study, "learn", LOOP)
    trainer = study if learn else trainer_of(inputs)
    if trainer is not None and trainer is not study:
        learn = training_outputs(trainer) or outputs_of(trainer)
    results = _Results.of(study)
    context = _context(results.all, inputs, learn)
    sites = inputs.get("sites")
    labels, named = _site_model(inputs)
    return StudyContent(
        uuid=study.uuid,
        pk=int(study.pk or 0),
        label=study.label or study.process_label or "study",
        state=state_of(study),
        is_finished_ok=bool(study.is_finished_ok),
        created=study.ctime,
        changed=study.mtime,
        material=context["material"],
        formula=context["formula"],
        carrier=context["carrier"],
        level_of_theory=context["level_of_theory"],
        structure=_structure(outputs_of(study).get("structure") or inputs.get("structure")),
        site_labels=labels,
        named_modes=named,
        temperatures_K=_temperatures(inputs),
        diffusivities=results.diffusivities,
        site_statistics=results.site_statistics,
        modes=results.modes,
        arrhenius=results.arrhenius,
        histories=results.histories,
        vacancy=results.vacancy,
        learning=gather_learning(trainer or study, learn, inputs_of(trainer) if trainer else inputs),
        making=gather_making(study, learn, inputs),
        missing=_missing(study, results),
        network=sites.get_network() if isinstance(sites, SiteNetworkData) else None,
        sites_uuid=sites.uuid if sites is not None else None,
        cell_sizes=results.cell_sizes,
        size_test=results.size_test,
        effort=_effort(part_outputs(study, "sweep", SWEEP)),
    )


def _missing(study: orm.ProcessNode, results: _Results) -> tuple[str, ...]:
    """Return what a process of this kind should have and has not, in words."""
    if study.process_label in TRAINERS:
        return ()
    asked = [name for name in EXPECTED if name != VACANCY or study.process_label != SWEEP]
    return tuple(EXPECTED[name] for name in asked if not getattr(results, name))


@dataclass(frozen=True)
class _Results:
    diffusivities: tuple[Result, ...]
    site_statistics: tuple[Result, ...]
    modes: tuple[Result, ...]
    arrhenius: tuple[Result, ...]
    histories: tuple[HistoryContent, ...]
    vacancy: Result | None
    cell_sizes: tuple[CellSizeContent, ...]
    size_test: Result | None

    @classmethod
    def of(cls, study: orm.ProcessNode) -> _Results:
        sweep = part_outputs(study, "sweep", SWEEP)
        vacancy = part_outputs(study, "vacancy", "VaspVacancyWorkChain")
        diffusivities = below(sweep, "diffusivities")
        lengths_ps = {name: node.base.attributes.get("duration_ps", None) for name, node in diffusivities.items()}
        return cls(
            diffusivities=_by_temperature(diffusivities, {}),
            site_statistics=_by_temperature(below(sweep, "site_statistics"), lengths_ps),
            modes=_by_temperature(below(sweep, "modes"), lengths_ps),
            arrhenius=tuple(as_result(node) for node in below(sweep, "arrhenius").values()),
            histories=_histories(first_of_each_temperature(below(sweep, "site_histories")).values()),
            vacancy=next(
                (as_result(node) for node in vacancy.values() if isinstance(node, VacancyFormationData)), None
            ),
            cell_sizes=_cell_sizes({**sweep, **outputs_of(study)}),
            size_test=next((as_result(node) for node in sweep.values() if isinstance(node, CellSizeData)), None),
        )

    @property
    def all(self) -> list[Result]:
        found = [*self.diffusivities, *self.site_statistics, *self.modes, *self.arrhenius]
        return [*found, *([self.vacancy] if self.vacancy else [])]


def as_result(node: orm.Data) -> Result:
    """Return a result node as plain data."""
    content = node.get_result() if isinstance(node, ResultData) else {}
    arrays = node.get_arrays() if isinstance(node, ResultData) else {}
    stored = node.get_attributes() if isinstance(node, ResultData) else node.base.attributes.all
    attributes = {key: value for key, value in stored.items() if not key.startswith("_")}
    return Result(uuid=node.uuid, attributes=attributes, content=content, arrays=arrays)


def _by_temperature(nodes: Mapping[str, orm.Data], lengths_ps: Mapping[str, float | None]) -> tuple[Result, ...]:
    """Return results as plain data, coldest first, each with the length of its run where that is known."""
    found = []
    for name, node in nodes.items():
        result, length = as_result(node), lengths_ps.get(name)
        extra = {} if length is None else {"duration_ps": length}
        found.append(replace(result, attributes={**result.attributes, **extra}))
    return tuple(sorted(found, key=lambda result: result.temperature_K))


def _histories(nodes: Iterable[orm.Data]) -> tuple[HistoryContent, ...]:
    found = [
        HistoryContent(node.uuid, float(node.base.attributes.get("temperature_K")), node.get_history())
        for node in nodes
        if isinstance(node, SiteHistoryData)
    ]
    return tuple(sorted(found, key=lambda item: item.temperature_K))


def _cell_sizes(outputs: Mapping[str, orm.Data]) -> tuple[CellSizeContent, ...]:
    """Return the diffusivities of cells of several sizes, the smallest first."""
    found = {
        label.split("__")[-1]: as_result(node)
        for label, node in outputs.items()
        if SIZES in label and isinstance(node, DiffusivityData)
    }
    named = [CellSizeContent(_cell_name(label), result) for label, result in found.items()]
    return tuple(sorted(named, key=lambda item: int(item.result["n_atoms"])))


def _effort(sweep: Mapping[str, orm.Data]) -> Mapping[str, Any] | None:
    """Return how well the target of a sweep was reached, ``None`` where it had none."""
    plan = sweep.get("plan")
    return plan.get_dict() if isinstance(plan, orm.Dict) else None


def _cell_name(label: str) -> str:
    extents = re.search(r"(\d+)x(\d+)x(\d+)", label)
    return "×".join(extents.groups()) if extents else label


def _context(results: list[Result], inputs: Mapping[str, orm.Data], learn: Mapping[str, orm.Data]) -> dict[str, str]:
    """Return material, formula, carrier and level of theory from the results, or from what there is without any."""
    keys = ("material", "formula", "carrier", "level_of_theory")
    sources: list[Mapping[str, Any]] = [result.attributes for result in results]
    fallbacks = [inputs.get("sites"), learn.get("dataset"), inputs.get("dataset"), *inputs.values()]
    sources += [node.base.attributes.all for node in fallbacks if node is not None]
    return {key: str(next((source[key] for source in sources if source.get(key)), "unknown")) for key in keys}


def _structure(node: orm.Data | None) -> dict[str, Any] | None:
    if not isinstance(node, orm.StructureData):
        return None
    return {
        "uuid": node.uuid,
        "formula": node.get_formula(mode="hill_compact"),
        "n_atoms": len(node.sites),
        "cell_lengths_A": [float(length) for length in node.cell_lengths],
        "volume_A3": float(node.get_cell_volume()),
    }


def _site_model(inputs: Mapping[str, orm.Data]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    sites = inputs.get("sites")
    attributes = sites.base.attributes.all if sites is not None else {}
    return tuple(attributes.get("labels", ())), tuple(attributes.get("modes", ()))


def _temperatures(inputs: Mapping[str, orm.Data]) -> tuple[float, ...]:
    node = inputs.get("sweep__temperatures_K") or inputs.get("temperatures_K")
    return tuple(sorted(float(value) for value in node.get_list())) if isinstance(node, orm.List) else ()
