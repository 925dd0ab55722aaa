"""What a report would gather of one result by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiida import orm

from aiida_concerted.data.result import ResultData
from aiida_concerted.data.results import (
    ArrheniusData,
    DiffusivityData,
    ModeFrequenciesData,
    SiteStatisticsData,
    VacancyFormationData,
)
from aiida_concerted.data.sites import SiteHistoryData, SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.report.content import HistoryContent, LearningContent, MakingContent, StudyContent
from aiida_concerted.report.gather import as_result
from aiida_concerted.report.gather_trajectories import event_of, structure_of
from aiida_concerted.report.graph import inputs_of

NO_PARTS: frozenset[str] = frozenset()


def content_of_result(node: orm.Node, parts: frozenset[str] = NO_PARTS) -> StudyContent:
    """Return what a report would gather if there were only this result, and for a fit the results it was made from.

    :param parts: what the trajectory behind it is to be read for; see
        :func:`aiida_concerted.report.gather_trajectories.with_trajectories`.
    :raises ValueError: if it is no result, or the trajectory is wanted and is not here.
    """
    empty = _empty_content(node)
    if isinstance(node, SiteHistoryData):
        return _of_history(node, empty, parts)
    if isinstance(node, MolecularDynamicsData):
        return replace(empty, structures=(structure_of(node, parts=parts),))
    if not isinstance(node, ResultData):
        raise ValueError(f"node {node.pk} is a {type(node).__name__}, not a result")
    result = as_result(node)
    if isinstance(node, ArrheniusData):
        return _of_fit(node, empty)
    if isinstance(node, VacancyFormationData):
        return replace(empty, vacancy=result)
    if isinstance(node, DiffusivityData):
        return replace(empty, diffusivities=(result,))
    if isinstance(node, SiteStatisticsData):
        return replace(empty, site_statistics=(result,))
    return _of_modes(node, replace(empty, modes=(result,)), parts)


def _of_history(node: SiteHistoryData, empty: StudyContent, parts: frozenset[str]) -> StudyContent:
    history = HistoryContent(node.uuid, float(node.base.attributes.get("temperature_K")), node.get_history())
    content = replace(empty, histories=(history,))
    if not parts:
        return content
    made_from = _made_from(node)
    run, sites = made_from.get("trajectory"), made_from.get("sites")
    if not isinstance(run, MolecularDynamicsData) or not isinstance(sites, SiteNetworkData):
        raise ValueError(f"the trajectory and the sites behind node {node.pk} are not here: this figure needs both")
    return replace(content, structures=(structure_of(run, node.place(sites.get_network()), parts=parts),))


def _of_modes(node: ResultData, content: StudyContent, parts: frozenset[str]) -> StudyContent:
    made_from = _made_from(node)
    history, sites = made_from.get("history"), made_from.get("sites")
    if isinstance(sites, SiteNetworkData):
        named = tuple(sites.base.attributes.get("modes", ()))
        content = replace(content, network=sites.get_network(), sites_uuid=sites.uuid, named_modes=named)
    if "event" not in parts:
        return content
    run = _made_from(history).get("trajectory") if isinstance(history, SiteHistoryData) else None
    if not isinstance(run, MolecularDynamicsData) or content.network is None or history is None:
        raise ValueError(f"the trajectory and the sites behind node {node.pk} are not here: this figure needs both")
    event = event_of(content.modes, run, history, history.place(content.network))
    return replace(content, events=() if event is None else (event,))


def _of_fit(node: ArrheniusData, empty: StudyContent) -> StudyContent:
    sources = _sources_of(node)
    mode = node.get("mode")
    return replace(
        empty,
        arrhenius=(as_result(node),),
        named_modes=(str(mode),) if mode else (),
        diffusivities=tuple(as_result(item) for item in sources if isinstance(item, DiffusivityData)),
        modes=tuple(as_result(item) for item in sources if isinstance(item, ModeFrequenciesData)),
    )


def _made_from(node: orm.Data) -> dict[str, Any]:
    """Return what a node was computed from by the label of its link, nothing where that is not here."""
    creator = node.creator
    return inputs_of(creator) if creator is not None else {}


def _sources_of(fit: ArrheniusData) -> list[ResultData]:
    """Return the results that a fit was made from, the coldest first."""
    results = [item for item in _made_from(fit).values() if isinstance(item, ResultData)]
    return sorted(results, key=lambda item: float(item.get("temperature_K", 0.0)))


def _empty_content(node: orm.Node) -> StudyContent:
    attributes = node.base.attributes.all
    return StudyContent(
        uuid=node.uuid,
        pk=int(node.pk or 0),
        label=node.label,
        state="stored",
        is_finished_ok=True,
        created=node.ctime,
        changed=node.mtime,
        material=str(attributes.get("material", "unknown")),
        formula=str(attributes.get("formula", "unknown")),
        carrier=str(attributes.get("carrier", "unknown")),
        level_of_theory=str(attributes.get("level_of_theory", "unknown")),
        structure=None,
        site_labels=(),
        named_modes=(),
        temperatures_K=(),
        diffusivities=(),
        site_statistics=(),
        modes=(),
        arrhenius=(),
        histories=(),
        vacancy=None,
        learning=LearningContent(),
        making=MakingContent((), (), {}, (), 0),
        missing=(),
    )
