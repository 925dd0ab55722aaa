"""Two versions of a dataset side by side."""

from __future__ import annotations

from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.learning.datasets import Difference, compare


def compare_versions(older: LabelledFramesData, newer: LabelledFramesData) -> Difference:
    """Return which frames the newer version of a dataset has more and which it has less.

    :raises ValueError: if the labels are of different levels of theory: then no frame of one is one of the other.
    """
    if older.level_of_theory != newer.level_of_theory:
        raise ValueError(
            "versions of a dataset have one level of theory, these have "
            f"'{older.level_of_theory}' and '{newer.level_of_theory}'"
        )
    return compare(older.get_frames(), newer.get_frames())
