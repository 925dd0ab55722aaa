"""Result nodes from what they hold and where their run comes from; calcfunctions and parsers make them alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_concerted.data.results import DiffusivityData, ModeFrequenciesData, SiteStatisticsData
from aiida_concerted.data.sites import SiteHistoryData
from aiida_concerted.reduction.contents import ResultContent
from aiida_concerted.reduction.parameters import AnalysisParameters

OF_HISTORY = (
    "material",
    "formula",
    "carrier",
    "level_of_theory",
    "n_atoms",
    "temperature_K",
    "study_uuid",
    "framework_departure_A",
)
"""Attributes of a history that the results made from it share."""


def result_context(facts: Mapping[str, Any], settings: AnalysisParameters) -> dict[str, Any]:
    """Return the attributes that results of one run share.

    :param facts: attributes of the node of the run's trajectory, wherever its frames are.
    :param settings: parameters of the analysis; ``material`` wins over the trajectory's own, the formula stands for a
        material without a name.
    """
    return {
        "material": settings.material or facts.get("material") or facts["formula"],
        "formula": facts["formula"],
        "carrier": facts["carrier"],
        "level_of_theory": facts.get("level_of_theory"),
        "n_atoms": facts["n_atoms"],
        "temperature_K": facts.get("temperature_K"),
        "study_uuid": settings.study_uuid,
    }


def diffusivity_node(content: ResultContent, context: Mapping[str, Any]) -> DiffusivityData:
    """Return the unstored node of a diffusivity.

    :param context: what :func:`result_context` says of the run.
    """
    return DiffusivityData({**context, **content.attributes}, content.result, content.arrays)


def site_nodes(
    statistics: ResultContent, modes: ResultContent, history: SiteHistoryData
) -> tuple[SiteStatisticsData, ModeFrequenciesData]:
    """Return the unstored nodes of the statistics of the sites and of the concerted modes.

    :param history: the history that both were made from.
    """
    attributes = history.base.attributes.all
    context = {key: attributes[key] for key in OF_HISTORY if key in attributes}
    return (
        SiteStatisticsData({**context, **statistics.attributes}, statistics.result, statistics.arrays),
        ModeFrequenciesData({**context, **modes.attributes}, modes.result, modes.arrays),
    )
