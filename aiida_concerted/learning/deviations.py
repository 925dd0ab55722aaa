"""The deviation of a committee over one exploration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class RunDeviation:
    """How far the members of a committee disagree on each frame of one run.

    :param steps: step of each frame, ascending without repetition, shape ``(n_frames,)``.
    :param max_force: maximal deviation of a force in eV Å⁻¹, shape ``(n_frames,)``; NaN where a member broke down.
    :param max_virial: maximal deviation of the virial by atom in eV, shape ``(n_frames,)``.
    :param system: name of what the run began from.
    :param temperature_K: temperature of the run.
    :raises ValueError: if the shapes differ or the steps do not ascend.
    """

    steps: IntArray
    max_force: FloatArray
    max_virial: FloatArray | None = None
    system: str = ""
    temperature_K: float | None = None

    def __post_init__(self) -> None:
        columns = [self.steps, self.max_force] + ([] if self.max_virial is None else [self.max_virial])
        shapes = {np.shape(column) for column in columns}
        if shapes != {(len(self.steps),)}:
            raise ValueError(f"steps and deviations must have one number a frame, got shapes {sorted(shapes)}")
        if (np.diff(self.steps) <= 0).any():
            raise ValueError("the steps of a run must ascend without repetition: use RunDeviation.from_rows")

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.steps)

    @classmethod
    def from_rows(
        cls,
        steps: IntArray,
        max_force: FloatArray,
        max_virial: FloatArray | None = None,
        *,
        first_step: int = 0,
        system: str = "",
        temperature_K: float | None = None,
    ) -> RunDeviation:
        """Return the deviation of a run whose rows may repeat a step, as a restart or a minimisation writes them.

        The last row of a step counts, for that is the one whose coordinates were kept.

        :param steps: step of each row in any order, shape ``(n_rows,)``.
        :param first_step: rows before this step are left out (DP-GEN's ``model_devi_skip``).
        """
        rows = np.asarray(steps, dtype=np.int64)
        kept, from_the_end = np.unique(rows[::-1], return_index=True)
        last = len(rows) - 1 - from_the_end
        last = last[kept >= first_step]
        virial = None if max_virial is None else np.asarray(max_virial, dtype=np.float64)[last]
        force = np.asarray(max_force, dtype=np.float64)[last]
        return cls(rows[last], force, virial, system=system, temperature_K=temperature_K)
