"""All figures that a study has the data for."""

from __future__ import annotations

from collections.abc import Callable

from aiida_concerted.plotting import publication_style
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.figures import learning, overview, sites, transport
from aiida_concerted.report.figures.base import ReportFigure
from aiida_concerted.report.published import Published

Maker = Callable[[StudyContent, Published], list[ReportFigure]]

MAKERS: tuple[Maker, ...] = (
    transport.arrhenius_figure,
    transport.displacement_figure,
    transport.plane_share_figure,
    sites.mode_figure,
    sites.occupancy_figure,
    sites.residence_figure,
    sites.raster_figures,
    sites.vacancy_figure,
    learning.deviation_figures,
    learning.selection_figure,
    learning.curve_figure,
    learning.parity_figures,
    overview.provenance_figure,
)


def make_figures(content: StudyContent, published: Published) -> list[ReportFigure]:
    """Return the figures in the order of the report; those without data are left out."""
    with publication_style():
        return [figure for make in MAKERS for figure in make(content, published)]
