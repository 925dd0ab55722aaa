"""One figure of one node: a result by itself, or what a study holds of a kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from aiida import orm

from aiida_concerted.common.figure_kinds import FIGURE_KINDS, kind_named
from aiida_concerted.common.hints import nearest
from aiida_concerted.data.results import (
    ArrheniusData,
    DiffusivityData,
    ModeFrequenciesData,
    SiteStatisticsData,
    VacancyFormationData,
)
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.plotting import publication_style
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.figures import ReportFigure, single, sites, transport
from aiida_concerted.report.figures.collect import MAKERS, Maker
from aiida_concerted.report.gather import gather_study
from aiida_concerted.report.gather_trajectories import OF_FRAMES, TOLERANCE_K, with_trajectories
from aiida_concerted.report.node_content import content_of_result
from aiida_concerted.report.published import Published

CLASSES: dict[str, type[orm.Data]] = {
    "diffusivity": DiffusivityData,
    "fit": ArrheniusData,
    "modes": ModeFrequenciesData,
    "statistics": SiteStatisticsData,
    "history": SiteHistoryData,
    "trajectory": MolecularDynamicsData,
    "vacancy": VacancyFormationData,
}
"""The node types of the words in a kind's ``of``."""


def _one_fit(content: StudyContent, published: Published) -> list[ReportFigure]:
    if content.arrhenius and content.arrhenius[0]["quantity"] == "mode_frequency":
        return sites.mode_figure(content, published)
    return transport.arrhenius_figure(content, published)


BY_THEMSELVES: dict[str, Maker] = {
    "arrhenius": _one_fit,
    "modes": single.mode_figure,
    "lags": single.lag_figure,
    "occupancy": single.occupancy_figure,
    "residence": single.residence_figure,
}
"""What draws a result at one temperature, where a study's figure is drawn over its temperatures."""

READ_FOR = {
    "density": frozenset({"density"}),
    "rdf": frozenset({"rdf"}),
    "van-hove-distinct": frozenset({"van_hove"}),
    "van-hove-self": frozenset({"van_hove"}),
    "event": frozenset({"event"}),
}
"""What a kind has a trajectory read for."""

BY_PAIR = "rdf"


class NothingToDrawError(ValueError):
    """A node has no figure of a kind, or more than one."""


@dataclass(frozen=True)
class Kind:
    """A kind of figure.

    :param of_study: draws it for a study; ``None`` where a study has no such figure but at one temperature.
    :param results: classes of single results that it can be drawn for.
    :param of_result: draws it for one of those.
    :param parts: what trajectories are read for.
    """

    of_study: Maker | None
    results: tuple[type[orm.Data], ...]
    of_result: Maker | None
    parts: frozenset[str]

    @classmethod
    def named(cls, name: str) -> Kind:
        """Return the kind of a name in the list of figures."""
        of_study, alone = MAKERS.get(name), BY_THEMSELVES.get(name)
        results = tuple(CLASSES[word] for word in FIGURE_KINDS[name].of if word in CLASSES)
        return cls(of_study, results, alone or of_study, READ_FOR.get(name, frozenset()))

    @property
    def takes(self) -> str:
        """Return in words what it can be drawn for."""
        names = [f"a {cls.__name__}" for cls in self.results]
        return " or ".join([*names, "a study" if self.of_study else "a study at one temperature"])


KINDS: dict[str, Kind] = {name: Kind.named(name) for name in FIGURE_KINDS}


def figure_of_node(
    kind: str,
    node: orm.Node,
    *,
    temperature_K: float | None = None,
    pair: str | None = None,
    columns: int | None = None,
) -> ReportFigure:
    """Return the figure of a kind for a result or a study, drawn as in a report.

    :param kind: one of :data:`aiida_concerted.common.figure_kinds.FIGURE_KINDS`.
    :param temperature_K: of the only run of a study to be drawn.
    :param pair: species of a pair function, such as ``Li-S``, where there are several.
    :param columns: 1 or 2 columns of a page; as in the report when not given.
    :raises NothingToDrawError: if the node has no such figure, or several.
    :raises ValueError: if the kind is unknown, or the node is not of a class it is drawn for.
    """
    found = kind_named(kind)
    if found is None:
        raise ValueError(f"there is no figure '{kind}': {nearest(kind, FIGURE_KINDS)}")
    chosen = KINDS[found.name]
    if pair is not None and found.name != BY_PAIR:
        raise ValueError(f"the figure '{found.name}' is of no pair: leave --pair out")
    of_all = isinstance(node, orm.WorkflowNode) and temperature_K is None
    make = chosen.of_study if of_all else chosen.of_result
    if make is None or not isinstance(node, (orm.WorkflowNode, *chosen.results)):
        raise ValueError(
            f"node {node.pk} is a {type(node).__name__}: the figure '{found.name}' is drawn for {chosen.takes}"
        )
    if isinstance(node, orm.WorkflowNode):
        content = _of_study(node, temperature_K, chosen.parts)
    else:
        content = _alone(node, temperature_K, chosen.parts)
    with publication_style(columns):
        figures = make(content, Published.of(content.material))
    if not figures and (elsewhere := [text for text in content.missing if text.startswith(OF_FRAMES)]):
        raise NothingToDrawError(f"node {node.pk} has no figure '{found.name}': missing are {elsewhere[0]}")
    return replace(_the_only_one(found.name, node, figures, pair), paper=found.paper)


def _of_study(study: orm.ProcessNode, temperature_K: float | None, parts: frozenset[str]) -> StudyContent:
    content = gather_study(study)
    if temperature_K is not None:
        content = _at_temperature(content, temperature_K)
    return with_trajectories(content, study, parts=parts, temperature_K=temperature_K) if parts else content


def _alone(node: orm.Node, temperature_K: float | None, parts: frozenset[str]) -> StudyContent:
    if temperature_K is not None:
        raise ValueError(f"node {node.pk} is a {type(node).__name__}: --temperature-K is for a study")
    return content_of_result(node, parts)


def _at_temperature(content: StudyContent, temperature_K: float) -> StudyContent:
    """Return what a study has at one temperature.

    :raises ValueError: if it has none.
    """
    fields = ("diffusivities", "site_statistics", "modes", "histories")
    kept: dict[str, Any] = {
        name: tuple(item for item in getattr(content, name) if abs(item.temperature_K - temperature_K) < TOLERANCE_K)
        for name in fields
    }
    asked = any(abs(value - temperature_K) < TOLERANCE_K for value in content.temperatures_K)
    if not asked and not any(kept.values()):
        found = {item.temperature_K for name in fields for item in getattr(content, name)} | {*content.temperatures_K}
        known = ", ".join(f"{value:g}" for value in sorted(found)) or "no"
        raise ValueError(f"node {content.pk} has nothing at {temperature_K:g} K: it has runs at {known} K")
    return replace(content, **kept)


def _the_only_one(name: str, node: orm.Node, figures: list[ReportFigure], pair: str | None) -> ReportFigure:
    if pair is not None and figures:
        keys = {f"rdf-{word}".lower() for word in (pair, "-".join(reversed(pair.split("-"))))}
        known = ", ".join(figure.key.removeprefix("rdf-") for figure in figures)
        figures = [figure for figure in figures if figure.key.lower() in keys]
        if not figures:
            raise ValueError(f"node {node.pk} has no pair '{pair}': it has {known}")
    if not figures:
        raise NothingToDrawError(f"node {node.pk} holds nothing to draw for the figure '{name}'")
    if len(figures) > 1:
        titles = "; ".join(figure.title for figure in figures)
        way = "--pair" if name == BY_PAIR else "--temperature-K"
        raise NothingToDrawError(
            f"node {node.pk} has {len(figures)} figures '{name}' ({titles}): choose one with {way}"
        )
    return figures[0]
