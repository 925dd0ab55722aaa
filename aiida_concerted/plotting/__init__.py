"""An axes and a result in, the axes back."""

from aiida_concerted.plotting.densities import plot_density_projection, plot_density_section, project
from aiida_concerted.plotting.files import DrawnFigure, write_figure
from aiida_concerted.plotting.learning import (
    Exploration,
    plot_deviation_distributions,
    plot_deviation_over_time,
    plot_learning_curves,
    plot_parity,
    plot_selection,
)
from aiida_concerted.plotting.modes import plot_mode_frequencies
from aiida_concerted.plotting.pair_functions import (
    plot_radial_by_temperature,
    plot_radial_distributions,
    plot_van_hove_curves,
    plot_van_hove_map,
)
from aiida_concerted.plotting.provenance import ProvenanceStage, plot_provenance
from aiida_concerted.plotting.run_figures import plot_run, run_figures
from aiida_concerted.plotting.run_modes import plot_lag_histogram, plot_run_modes
from aiida_concerted.plotting.run_sites import (
    plot_recrossing,
    plot_residence_by_label,
    plot_site_occupancies,
    plot_survival,
)
from aiida_concerted.plotting.run_transport import CellSizes, plot_cell_sizes, plot_directions, plot_run_displacements
from aiida_concerted.plotting.series import ArrheniusLine, TemperatureSeries
from aiida_concerted.plotting.sites import plot_occupancies, plot_residence_times, plot_site_raster
from aiida_concerted.plotting.style import figure_bytes, new_figure, publication_style
from aiida_concerted.plotting.temperature_figures import plot_arrhenius, temperature_figures
from aiida_concerted.plotting.transport import (
    DisplacementCurve,
    plot_arrhenius_diffusivity,
    plot_displacements,
    plot_haven_ratios,
    plot_plane_share,
)
from aiida_concerted.plotting.vacancies import plot_vacancy_energies

__all__ = [
    "ArrheniusLine",
    "CellSizes",
    "DisplacementCurve",
    "DrawnFigure",
    "Exploration",
    "ProvenanceStage",
    "TemperatureSeries",
    "figure_bytes",
    "new_figure",
    "plot_arrhenius",
    "plot_arrhenius_diffusivity",
    "plot_cell_sizes",
    "plot_density_projection",
    "plot_density_section",
    "plot_deviation_distributions",
    "plot_deviation_over_time",
    "plot_directions",
    "plot_displacements",
    "plot_haven_ratios",
    "plot_lag_histogram",
    "plot_learning_curves",
    "plot_mode_frequencies",
    "plot_occupancies",
    "plot_parity",
    "plot_plane_share",
    "plot_provenance",
    "plot_radial_by_temperature",
    "plot_radial_distributions",
    "plot_recrossing",
    "plot_residence_by_label",
    "plot_residence_times",
    "plot_run",
    "plot_run_displacements",
    "plot_run_modes",
    "plot_selection",
    "plot_site_occupancies",
    "plot_site_raster",
    "plot_survival",
    "plot_vacancy_energies",
    "plot_van_hove_curves",
    "plot_van_hove_map",
    "project",
    "publication_style",
    "run_figures",
    "temperature_figures",
    "write_figure",
]
