"""Radial distribution functions between species, with shells of exact volume and block errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.pair_counts import (
    block_average,
    count_pairs,
    image_translations,
    shell_edges,
    shell_volumes,
    spread_frames,
)
from aiida_concerted.common.estimate import Estimate
from aiida_concerted.common.positions import take_frames
from aiida_concerted.common.threads import map_in_threads
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

N_BLOCKS = 10


@dataclass(frozen=True)
class RadialDistribution:
    """Density of the second species about the first, relative to its mean density.

    :param r_A: middle of each shell in Å, shape ``(n_bins,)``.
    :param g: relative density, shape ``(n_bins,)``.
    :param g_stderr: standard error from blocks of time.
    :param coordination: mean number of neighbours up to the outer edge of each shell.
    """

    r_A: FloatArray
    g: FloatArray
    g_stderr: FloatArray
    coordination: FloatArray

    @property
    def highest_peak(self) -> Estimate:
        """Return g(r) where it is largest, with its standard error."""
        index = int(np.argmax(self.g))
        return Estimate(float(self.g[index]), float(self.g_stderr[index]))

    @property
    def highest_peak_at_A(self) -> float:
        """Return the distance in Å at which g(r) is largest."""
        return float(self.r_A[np.argmax(self.g)])

    def as_dict(self) -> dict[str, list[float]]:
        """Return the JSON form."""
        return {"r_A": self.r_A.tolist(), "g": self.g.tolist(), "g_stderr": self.g_stderr.tolist()}


def radial_distribution(
    first: FloatArray,
    second: FloatArray | None,
    cell: FloatArray,
    *,
    r_max: float,
    bin_width: float = 0.1,
    max_frames: int = 200,
) -> RadialDistribution:
    """Return g(r) between two species, averaged over frames spread over the whole run.

    For like pairs an ideal gas of N particles gives (N - 1)/N, for unlike pairs one, in every shell. ``r_max`` may
    exceed half the cell: periodic images are counted, a particle's own images are not.

    :param first: positions in Å of the species in the centre, shape ``(n_frames, n, 3)``; wrapped or not.
    :param second: positions in the same frames of the species around it; ``None`` for like pairs.
    :param cell: lattice vectors as rows in Å.
    :param r_max: outer edge of the last shell in Å.
    :param bin_width: width of a shell in Å.
    :param max_frames: frames to use at most.
    :raises ValueError: if shapes disagree, a species is empty, or the shells are not possible.
    """
    around = first if second is None else second
    _check_positions(first, around, like=second is None)
    edges = shell_edges(r_max, bin_width)
    translations, inverse = image_translations(cell, edges[-1]), np.linalg.inv(cell)

    def of_frame(frame: int) -> IntArray:
        centre, other = first[frame] @ inverse, around[frame] @ inverse
        return count_pairs(centre, other, cell, translations, edges, same=second is None)

    counts = np.array(list(map_in_threads(of_frame, spread_frames(len(first), max_frames).tolist())))
    neighbours = counts / first.shape[1]
    density = around.shape[1] / abs(np.linalg.det(cell))
    g, g_stderr = block_average(neighbours / (density * shell_volumes(edges)), N_BLOCKS)
    return RadialDistribution(0.5 * (edges[1:] + edges[:-1]), g, g_stderr, np.cumsum(neighbours.mean(axis=0)))


def carrier_radial_distributions(
    trajectory: Trajectory, *, r_max: float, bin_width: float = 0.1, max_frames: int = 200
) -> dict[str, RadialDistribution]:
    """Return g(r) of the carriers with themselves and with every framework element, by pair (``Li-Li``, ``Li-S``).

    Parameters and exceptions as in :func:`radial_distribution`. Framework elements are looked at in the frames in which
    they are stored.
    """
    carrier, cell = trajectory.carrier, trajectory.cell
    result = {}
    if trajectory.n_carriers > 1:
        positions = take_frames(trajectory.carriers, spread_frames(trajectory.n_frames, max_frames))
        result[f"{carrier}-{carrier}"] = radial_distribution(positions, None, cell, r_max=r_max, bin_width=bin_width)
    if trajectory.framework is None:
        return result
    stored = spread_frames(trajectory.framework.shape[0], max_frames)
    carriers = take_frames(trajectory.carriers, stored * trajectory.framework_stride)
    framework = take_frames(trajectory.framework, stored)
    species = np.array(trajectory.framework_species)
    for element in dict.fromkeys(trajectory.framework_species):
        atoms = framework[:, species == element]
        result[f"{carrier}-{element}"] = radial_distribution(carriers, atoms, cell, r_max=r_max, bin_width=bin_width)
    return result


def _check_positions(first: FloatArray, second: FloatArray, *, like: bool) -> None:
    for positions in (first, second):
        if positions.ndim != 3 or positions.shape[2] != 3 or positions.size == 0:
            raise ValueError(f"positions must have the shape (n_frames, n_particles, 3), got {positions.shape}")
    if len(first) != len(second):
        raise ValueError(f"both species need the same frames, got {len(first)} and {len(second)}")
    if like and first.shape[1] < 2:
        raise ValueError("like pairs need two particles or more")
