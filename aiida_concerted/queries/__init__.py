"""Questions across every material in a profile or an archive; the words are those of ``aiida-concerted query``."""

from aiida_concerted.queries.search import (
    arrhenius,
    diffusivities,
    frames,
    modes,
    occupancies,
    potentials,
    query,
    trajectories,
    vacancies,
)
from aiida_concerted.queries.table import ResultTable

__all__ = [
    "ResultTable",
    "arrhenius",
    "diffusivities",
    "frames",
    "modes",
    "occupancies",
    "potentials",
    "query",
    "trajectories",
    "vacancies",
]
