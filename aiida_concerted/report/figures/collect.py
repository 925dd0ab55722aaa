"""What draws each kind of figure for a study, and all figures that a study has the data for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from aiida_concerted.common.figure_kinds import FIGURE_KINDS
from aiida_concerted.plotting import publication_style
from aiida_concerted.report.content import StudyContent
from aiida_concerted.report.figures import learning, overview, paths, quality, sites, structure, transport
from aiida_concerted.report.figures.base import ReportFigure
from aiida_concerted.report.published import Published

Maker = Callable[[StudyContent, Published], list[ReportFigure]]

MAKERS: dict[str, Maker] = {
    "arrhenius": transport.arrhenius_figure,
    "msd": transport.displacement_figure,
    "anisotropy": transport.plane_share_figure,
    "haven": quality.haven_figure,
    "sampling": quality.sampling_figure,
    "size-msd": quality.size_displacement_figure,
    "size-diffusivity": quality.size_diffusivity_figure,
    "size-anisotropy": quality.size_anisotropy_figure,
    "modes": sites.mode_figure,
    "mode-paths": paths.mode_paths_figure,
    "event": structure.event_figures,
    "density": structure.density_figures,
    "occupancy": sites.occupancy_figure,
    "residence": sites.residence_figure,
    "site-occupancy": paths.site_occupancy_figure,
    "raster": sites.raster_figures,
    "rdf": structure.radial_figures,
    "van-hove-distinct": structure.distinct_part_figures,
    "van-hove-self": structure.self_part_figures,
    "vacancy": sites.vacancy_figure,
    "committee": learning.deviation_figure,
    "committee-time": learning.deviation_time_figure,
    "selection": learning.selection_figure,
    "learning-curves": learning.curve_figure,
    "parity-energy": learning.parity_energy_figure,
    "parity-force": learning.parity_force_figure,
    "provenance": overview.provenance_figure,
}
"""What draws a kind of figure for a study, in the order of the report."""


def make_figures(content: StudyContent, published: Published) -> list[ReportFigure]:
    """Return the figures in the order of the report; those without data are left out."""
    with publication_style():
        return [
            replace(figure, paper=FIGURE_KINDS[name].paper)
            for name, make in MAKERS.items()
            for figure in make(content, published)
        ]
