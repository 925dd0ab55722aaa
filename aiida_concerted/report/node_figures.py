"""One figure of one node: a result by itself, or what a study holds of a kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from aiida import orm

from aiida_concerted.common.hints import nearest
from aiida_concerted.data.result import ResultData
from aiida_concerted.data.results import (
    ArrheniusData,
    DiffusivityData,
    ModeFrequenciesData,
    SiteStatisticsData,
    VacancyFormationData,
)
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.plotting import publication_style
from aiida_concerted.report.content import HistoryContent, LearningContent, MakingContent, StudyContent
from aiida_concerted.report.figures import ReportFigure, learning, overview, single, sites, transport
from aiida_concerted.report.gather import as_result, gather_study
from aiida_concerted.report.graph import inputs_of
from aiida_concerted.report.published import Published

Maker = Callable[[StudyContent, Published], list[ReportFigure]]


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    :param of_study: draws it for a study; ``None`` where a study has no such figure.
    :param results: classes of single results that it can be drawn for.
    :param of_result: draws it for one of those; as for a study when not given.
    """

    of_study: Maker | None
    results: tuple[type[orm.Data], ...] = ()
    of_result: Maker | None = None

    @property
    def takes(self) -> str:
        """Return in words what it can be drawn for."""
        names = [f"a {cls.__name__}" for cls in self.results] + (["a study"] if self.of_study else [])
        return " or ".join(names)


def _one_fit(content: StudyContent, published: Published) -> list[ReportFigure]:
    if content.arrhenius and content.arrhenius[0]["quantity"] == "mode_frequency":
        return sites.mode_figure(content, published)
    return transport.arrhenius_figure(content, published)


KINDS: dict[str, Kind] = {
    "diffusivity": Kind(transport.displacement_figure, (DiffusivityData,)),
    "anisotropy": Kind(transport.plane_share_figure, (DiffusivityData,)),
    "arrhenius": Kind(transport.arrhenius_figure, (ArrheniusData,), _one_fit),
    "modes": Kind(sites.mode_figure, (ModeFrequenciesData,), single.mode_figure),
    "lags": Kind(None, (ModeFrequenciesData,), single.lag_figure),
    "occupancy": Kind(sites.occupancy_figure, (SiteStatisticsData,), single.occupancy_figure),
    "residence": Kind(sites.residence_figure, (SiteStatisticsData,), single.residence_figure),
    "raster": Kind(sites.raster_figures, (SiteHistoryData,)),
    "vacancy": Kind(sites.vacancy_figure, (VacancyFormationData,)),
    "committee": Kind(lambda content, published: learning.deviation_figures(content, published)[:1]),
    "selection": Kind(learning.selection_figure),
    "learning-curves": Kind(learning.curve_figure),
    "parity-energy": Kind(lambda content, published: _parity(content, published, "energy")),
    "parity-force": Kind(lambda content, published: _parity(content, published, "force")),
    "provenance": Kind(overview.provenance_figure),
}


def _parity(content: StudyContent, published: Published, quantity: str) -> list[ReportFigure]:
    return [item for item in learning.parity_figures(content, published) if item.key == f"parity-{quantity}"]


def figure_of_node(kind: str, node: orm.Node) -> ReportFigure:
    """Return the figure of a kind for a result or a study, drawn as in a report.

    :raises ValueError: if the kind is unknown, the node is not of a class it is drawn for, or holds nothing to draw.
    """
    if kind not in KINDS:
        raise ValueError(f"there is no figure '{kind}': {nearest(kind, KINDS)}")
    chosen = KINDS[kind]
    make = chosen.of_study if isinstance(node, orm.WorkflowNode) else chosen.of_result or chosen.of_study
    if make is None or not isinstance(node, (orm.WorkflowNode, *chosen.results)):
        raise ValueError(f"node {node.pk} is a {type(node).__name__}: the figure '{kind}' is drawn for {chosen.takes}")
    content = gather_study(node) if isinstance(node, orm.WorkflowNode) else content_of_result(node)
    with publication_style():
        figures = make(content, Published.of(content.material))
    return _the_only_one(kind, node, figures)


def _the_only_one(kind: str, node: orm.Node, figures: list[ReportFigure]) -> ReportFigure:
    if not figures:
        raise ValueError(f"node {node.pk} holds nothing to draw for the figure '{kind}'")
    if len(figures) > 1:
        titles = "; ".join(figure.title for figure in figures)
        raise ValueError(f"node {node.pk} has {len(figures)} figures '{kind}' ({titles}): give the PK of one result")
    return figures[0]


def content_of_result(node: orm.Node) -> StudyContent:
    """Return what a report would gather if there were only this result, and for a fit the results it was made from."""
    attributes = node.base.attributes.all
    empty = _empty_content(node)
    if isinstance(node, SiteHistoryData):
        history = HistoryContent(node.uuid, float(attributes["temperature_K"]), node.get_history())
        return replace(empty, histories=(history,))
    if not isinstance(node, ResultData):
        raise ValueError(f"node {node.pk} is a {type(node).__name__}, not a result")
    result = as_result(node)
    if isinstance(node, ArrheniusData):
        sources = _sources_of(node)
        named = (str(attributes["mode"]),) if attributes.get("mode") else ()
        return replace(
            empty,
            arrhenius=(result,),
            named_modes=named,
            diffusivities=tuple(as_result(item) for item in sources if isinstance(item, DiffusivityData)),
            modes=tuple(as_result(item) for item in sources if isinstance(item, ModeFrequenciesData)),
        )
    if isinstance(node, VacancyFormationData):
        return replace(empty, vacancy=result)
    if isinstance(node, DiffusivityData):
        return replace(empty, diffusivities=(result,))
    if isinstance(node, SiteStatisticsData):
        return replace(empty, site_statistics=(result,))
    return replace(empty, modes=(result,))


def _sources_of(fit: ArrheniusData) -> list[ResultData]:
    """Return the results that a fit was made from, the coldest first."""
    creator = fit.creator
    found = inputs_of(creator).values() if creator is not None else ()
    results = [item for item in found if isinstance(item, ResultData)]
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
