"""Trust levels from what the first committee of a loop says of known ground."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.learning.selection import TrustLevels
from aiida_concerted.learning.settings import SelectionSettings

CALIBRATE = "calibrate"
DEVIATION = "max_devi_f_eV_A"


@calcfunction
def calibrate_trust_levels(
    selection: orm.Dict, temperatures_K: orm.List | None = None, **deviations: orm.ArrayData
) -> dict[str, orm.Data] | ExitCode:
    """Return the settings of a selection with calibrated levels in them, and how these came about.

    :param selection: what :class:`~aiida_concerted.learning.settings.SelectionSettings` takes, ``calibrate`` in it; its
        force levels in general are replaced, those of single systems stay.
    :param temperatures_K: temperature of each frame in K, where levels are calibrated by temperature.
    :param deviations: deviation of the committee on known frames, by what these are: ``held_out`` or ``known``.
    """
    given = selection.get_dict()
    calibration = from_mapping(SelectionSettings, given, "selection").calibration()
    if calibration is None or len(deviations) != 1:
        return ExitCode(210, "a calibration needs the key calibrate, and the deviation on one set of frames")
    ((frames, node),) = deviations.items()
    column = node.get_array(DEVIATION)
    try:
        table = calibration.table(column, None if temperatures_K is None else temperatures_K.get_list())
    except ValueError as error:
        return ExitCode(510, str(error))
    levels = [{"temperature_K": T, **_pair(own)} for T, own in sorted(table.by_temperature.items())]
    calibrated = {key: value for key, value in given.items() if key != CALIBRATE} | _pair(table.general)
    if levels:
        calibrated["levels"] = [*given.get("levels", ()), *levels]
    record = {**vars(calibration), "frames": frames, **_facts(column), **_pair(table.general), "levels": levels}
    return {"selection": orm.Dict(calibrated), "calibration": orm.Dict(record)}


def _pair(levels: TrustLevels) -> dict[str, float]:
    return {"trust_lower_eV_A": levels.lower, "trust_upper_eV_A": levels.upper}


def _facts(column: np.ndarray) -> dict[str, Any]:
    return {
        "n_frames": len(column),
        "median_deviation_eV_A": float(np.median(column)),
        "max_deviation_eV_A": float(column.max()),
    }
