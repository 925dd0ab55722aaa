"""An axes and a result in, the axes back."""

from aiida_concerted.plotting.learning import (
    Exploration,
    plot_deviation_distributions,
    plot_deviation_over_time,
    plot_learning_curves,
    plot_parity,
    plot_selection,
)
from aiida_concerted.plotting.modes import plot_mode_frequencies
from aiida_concerted.plotting.provenance import ProvenanceStage, plot_provenance
from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries
from aiida_concerted.plotting.sites import plot_occupancies, plot_residence_times, plot_site_raster
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from aiida_concerted.plotting.transport import (
    DisplacementCurve,
    plot_arrhenius_diffusivity,
    plot_displacements,
    plot_plane_share,
)
from aiida_concerted.plotting.vacancies import plot_vacancy_energies

__all__ = [
    "ArrheniusLine",
    "DisplacementCurve",
    "Exploration",
    "ProvenanceStage",
    "TemperatureSeries",
    "figure_bytes",
    "new_figure",
    "plot_arrhenius_diffusivity",
    "plot_deviation_distributions",
    "plot_deviation_over_time",
    "plot_displacements",
    "plot_learning_curves",
    "plot_mode_frequencies",
    "plot_occupancies",
    "plot_parity",
    "plot_plane_share",
    "plot_provenance",
    "plot_residence_times",
    "plot_selection",
    "plot_site_raster",
    "plot_vacancy_energies",
    "publication_style",
]
