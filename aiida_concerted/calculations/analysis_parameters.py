"""The parameters of an analysis in a node."""

from __future__ import annotations

from aiida import orm

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.reduction.parameters import AnalysisParameters


def analysis_parameters(parameters: orm.Dict) -> AnalysisParameters:
    """Return the checked parameters of an analysis.

    :raises ValueError: if a key is unknown (the nearest known one is named) or a value refused.
    """
    return from_mapping(AnalysisParameters, parameters.get_dict(), "analysis")
