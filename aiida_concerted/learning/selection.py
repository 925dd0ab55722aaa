"""Which explored frames a committee of potentials knows, which it should learn, and which are beyond it.

The vocabulary is DP-GEN's [Zhang2020]_: by its maximal force deviation a frame is accurate, a candidate or failed.

.. [Zhang2020] Y. Zhang et al., Comput. Phys. Commun. 253, 107206 (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class TrustLevels:
    """Limits on a maximal deviation: accurate below ``lower``, failed from ``upper``.

    Deviations of forces are in eV Å⁻¹, those of virials by atom in eV.

    :raises ValueError: unless 0 < lower < upper.
    """

    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not 0 < self.lower < self.upper:
            raise ValueError(f"trust levels must obey 0 < lower < upper, got {self.lower} and {self.upper}")


@dataclass(frozen=True)
class Classification:
    """For each frame of one run whether it is accurate, a candidate or failed; exactly one of the three holds."""

    accurate: BoolArray
    candidate: BoolArray
    failed: BoolArray

    def counts(self) -> dict[str, int]:
        """Return the number of frames in each class."""
        return {name: int(getattr(self, name).sum()) for name in ("accurate", "candidate", "failed")}


def classify(max_deviation: FloatArray, trust: TrustLevels) -> Classification:
    """Return the class of each frame by its maximal force deviation.

    A deviation that is not a number means that a member of the committee broke down: the frame failed.

    :param max_deviation: maximal force deviation in eV Å⁻¹, shape ``(n_frames,)``.
    :param trust: the trust levels; the lower one belongs to the candidates, the upper one to the failed.
    """
    accurate = max_deviation < trust.lower
    candidate = (max_deviation >= trust.lower) & (max_deviation < trust.upper)
    return Classification(accurate=accurate, candidate=candidate, failed=~(accurate | candidate))
