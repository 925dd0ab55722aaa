"""All figures that a study has the data for."""

from __future__ import annotations

from collections.abc import Callable

from aiida_concerted.plotting import publication_style
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.figures import learning, overview, paths, quality, sites, structure, transport
from aiida_concerted.report.figures.base import ReportFigure
from aiida_concerted.report.published import Published

Maker = Callable[[StudyContent, Published], list[ReportFigure]]

MAKERS: tuple[Maker, ...] = (
    transport.arrhenius_figure,
    transport.displacement_figure,
    transport.plane_share_figure,
    quality.haven_figure,
    quality.sampling_figure,
    quality.size_figures,
    sites.mode_figure,
    paths.mode_paths_figure,
    structure.event_figures,
    structure.density_figures,
    sites.occupancy_figure,
    sites.residence_figure,
    paths.site_occupancy_figure,
    sites.raster_figures,
    structure.radial_figures,
    structure.van_hove_figures,
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
