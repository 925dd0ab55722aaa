"""Positions that tell how much of them has been read: the progress of kernels that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiida_concerted.common.positions import PositionArray
from aiida_concerted.common.trajectory import Trajectory

SMALLEST_STEP = 0.01
"""Progress is told in steps of this fraction."""

ALMOST_DONE = 0.99
"""What is told at most before the end: after the last frame some work remains."""


@dataclass
class Watch:
    """Counts the numbers read from positions during one stage.

    :param report: called with the fraction of the stage that is done.
    :param n_expected: numbers that the stage reads.
    """

    report: Callable[[float], None]
    n_expected: float
    _n_read: float = 0.0
    _told: float = 0.0

    def count(self, n_read: int) -> None:
        """Take note of numbers read, and tell where it matters."""
        self._n_read += n_read
        fraction = min(self._n_read / max(self.n_expected, 1.0), ALMOST_DONE)
        if fraction >= self._told + SMALLEST_STEP:
            self._told = fraction
            self.report(fraction)


class WatchedPositions:
    """Positions that are those of another array, and tell a watch whenever some of them are read.

    :param source: positions in Å, shape ``(n_frames, n_particles, 3)``.
    """

    def __init__(self, source: PositionArray) -> None:
        self._source = source
        self.watch: Watch | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Return frames, particles and axes."""
        return self._source.shape

    @property
    def ndim(self) -> int:
        """Return 3."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Return the type of the numbers as they are kept."""
        return self._source.dtype

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Return the pieces in which the source lies on its disk, ``None`` where it does not."""
        found: tuple[int, ...] | None = getattr(self._source, "chunks", None)
        return found

    def __len__(self) -> int:
        """Return the number of frames."""
        return self.shape[0]

    def __getitem__(self, key: Any, /) -> Any:
        """Return the positions that the source has there."""
        positions = self._source[key]
        if self.watch is not None:
            self.watch.count(int(np.size(positions)))
        return positions


def watched(trajectory: Trajectory) -> tuple[Trajectory, WatchedPositions]:
    """Return the trajectory with carriers that can be watched, and these."""
    positions = WatchedPositions(trajectory.carriers)
    same = copy(trajectory)
    # Making a trajectory reads all of it to look for numbers that are not finite; these have been looked at.
    object.__setattr__(same, "carriers", positions)
    return same, positions
