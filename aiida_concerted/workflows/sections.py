"""The keys that sections of protocols take beside those that a protocol sets: all that the port behind them takes."""

from __future__ import annotations

import dataclasses

from aiida_concerted.analysis.effort import EffortTarget
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.learning.settings import SelectionSettings, StoppingSettings
from aiida_concerted.reduction.parameters import AnalysisParameters
from aiida_concerted.workflows.sweep_runs import SizeSettings


def _fields(cls: type, *without: str) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(cls) if field.name not in without)


MD_KEYS = _fields(MdParameters, "temperature_K", "seed")
"""Parameters of molecular dynamics but for those that work chains set for each run."""

ANALYSIS_KEYS = _fields(AnalysisParameters, "seed", "study_uuid")
"""Parameters of the analysis but for those that work chains set."""

SELECTION_KEYS = _fields(SelectionSettings)
"""What may be said about the selection of frames."""

STOPPING_KEYS = _fields(StoppingSettings)
"""What may be said about the end of a learning loop."""

TARGET_KEYS = _fields(EffortTarget)
"""What may be said about how well the results of a sweep must be known."""

SIZE_KEYS = _fields(SizeSettings)
"""What may be said about the test of the size of the cell."""
