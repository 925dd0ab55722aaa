"""The cell of a run: one for all frames, or the mean of one that fluctuates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Positions = NDArray[np.floating[Any]]

MAX_FLUCTUATION = 0.10
"""Largest strain of the cell from its mean; in a cell that changes more, one mean cell describes nothing."""

_SAME = 1e-6


class CellTracker:
    """Brings frames of a fluctuating cell to a common one by their fractional coordinates.

    :param cell: lattice vectors of the first frame as rows in Å.
    :param origin: corner of the cell in Å, zero when not given.
    """

    def __init__(self, cell: FloatArray, origin: FloatArray | None = None) -> None:
        self._origin = np.zeros(3) if origin is None else origin
        self.cell = np.array(cell, dtype=np.float64)
        self._inverse = np.linalg.inv(self.cell)
        self._total = np.zeros((3, 3))
        self._n_frames = 0
        self._lowest, self._highest = np.eye(3), np.eye(3)

    def to_first(self, positions: Positions, cells: FloatArray) -> Positions:
        """Return positions whose fractional coordinates are kept, in the first frame's cell.

        :param positions: Cartesian positions in Å, shape ``(n, n_atoms, 3)``.
        :param cells: cell of each frame in Å, shape ``(n, 3, 3)``.
        """
        seen = cells[:1] if cells.strides[0] == 0 else cells
        if (np.abs(seen - self.cell) <= _SAME * np.abs(self.cell).max()).all():
            return positions
        maps = np.linalg.inv(cells) @ self.cell
        return (np.matmul(positions - self._origin, maps) + self._origin).astype(positions.dtype)

    def count(self, cells: FloatArray) -> None:
        """Take up the cells of frames that are kept."""
        if not len(cells):
            return
        # summed in the order of frames, so that the mean does not depend on how they came in blocks
        self._total = np.concatenate([self._total[None], cells]).sum(axis=0)
        self._n_frames += len(cells)
        strains = (cells[:1] if cells.strides[0] == 0 else cells) @ self._inverse
        self._lowest = np.minimum(self._lowest, strains.min(axis=0))
        self._highest = np.maximum(self._highest, strains.max(axis=0))

    @property
    def is_constant(self) -> bool:
        """Return whether all cells were the same."""
        return bool((self._highest - self._lowest).max() <= _SAME)

    @property
    def mean(self) -> FloatArray:
        """Return the mean cell in Å, the first one where all are the same."""
        return self.cell if self.is_constant else self._total / self._n_frames

    @property
    def to_mean(self) -> tuple[FloatArray, FloatArray]:
        """Return matrix and shift that take positions (rows) in the first cell to the mean one."""
        matrix = self._inverse @ self.mean
        return matrix, self._origin - self._origin @ matrix

    @property
    def fluctuation(self) -> float:
        """Return the largest component of the strain from the mean cell."""
        strain = self.mean @ self._inverse
        return float(np.maximum(self._highest - strain, strain - self._lowest).max())
