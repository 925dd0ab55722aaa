"""A molecular-dynamics trajectory, in memory or not: carriers at every frame, framework at its own stride."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.positions import PositionArray, RelativePositions, all_finite

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Trajectory:
    """One run (segments joined) at one temperature.

    Carriers and framework may lie outside the memory, such as in an open HDF5 file; see :mod:`.positions`.

    :param carrier: element symbol of the mobile species.
    :param carriers: unwrapped Cartesian positions in Å in the laboratory frame, shape ``(n_frames, n_carriers, 3)``.
    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``; the time average where the cell fluctuates.
    :param frame_interval_ps: time between frames in ps.
    :param framework_species: element symbol of each framework atom.
    :param framework: unwrapped framework positions in Å, shape ``(n_stored, n_framework, 3)``, every
        ``framework_stride``-th frame beginning with frame 0.
    :param framework_displacement: plain mean displacement of the framework since frame 0 in Å, shape ``(n_frames, 3)``;
        ``None`` where the run has no framework atoms.
    :param temperature_K: target temperature in K, if known.
    :raises ValueError: if shapes disagree, a number is not finite, or there are fewer than two frames.
    """

    carrier: str
    carriers: PositionArray
    cell: FloatArray
    frame_interval_ps: float
    framework_species: tuple[str, ...] = ()
    framework: PositionArray | None = None
    framework_stride: int = 1
    framework_displacement: FloatArray | None = None
    temperature_K: float | None = None

    def __post_init__(self) -> None:
        if len(self.carriers.shape) != 3 or self.carriers.shape[2] != 3:
            raise ValueError(f"carriers must have the shape (n_frames, n_carriers, 3), got {self.carriers.shape}")
        if self.n_frames < 2 or self.n_carriers < 1:
            raise ValueError(f"a trajectory needs two frames and one carrier, got {self.carriers.shape}")
        if self.cell.shape != (3, 3):
            raise ValueError(f"cell must have the shape (3, 3), got {self.cell.shape}")
        if not self.frame_interval_ps > 0:
            raise ValueError(f"the frame interval must be positive, got {self.frame_interval_ps} ps")
        if self.framework_displacement is not None and self.framework_displacement.shape != (self.n_frames, 3):
            raise ValueError(f"framework_displacement must have the shape ({self.n_frames}, 3)")
        if self.framework is not None and self.framework.shape[1:] != (len(self.framework_species), 3):
            raise ValueError("framework must have one position for each of framework_species")
        for name in ("carriers", "cell", "framework", "framework_displacement"):
            array = getattr(self, name)
            if array is None:
                continue
            if not (all_finite(array) if len(array.shape) == 3 else np.isfinite(array).all()):
                raise ValueError(f"{name} must be finite")

    @property
    def n_frames(self) -> int:
        """Return the number of frames."""
        return int(self.carriers.shape[0])

    @property
    def n_carriers(self) -> int:
        """Return the number of carriers."""
        return int(self.carriers.shape[1])

    @property
    def n_atoms(self) -> int:
        """Return the number of atoms, framework included."""
        return self.n_carriers + len(self.framework_species)

    @property
    def volume_A3(self) -> float:
        """Return the volume of the cell in Å³."""
        return float(abs(np.linalg.det(self.cell)))

    @property
    def duration_ps(self) -> float:
        """Return the time between the first and the last frame in ps."""
        return (self.n_frames - 1) * self.frame_interval_ps

    def relative_to_framework(self) -> PositionArray:
        """Return the carriers' positions in the frame of the framework in Å (the laboratory's where there is none).

        Nothing is read or computed before frames or particles of it are asked for by slices.
        """
        if self.framework_displacement is None:
            return self.carriers
        return RelativePositions(self.carriers, self.framework_displacement)
