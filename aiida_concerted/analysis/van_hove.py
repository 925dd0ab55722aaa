"""Van Hove correlation functions: how far a carrier has gone, and who has taken its place.

``G(r, t) = G_s(r, t) + G_d(r, t)``: the probability to find at distance ``r`` after time ``t`` the same particle, or
another one. As in the literature on solid electrolytes the self part is given as 4πr²G_s (its integral is one) and
the distinct part relative to the mean density, G_d/ρ. A peak of the distinct part at ``r → 0`` shows carriers that
follow each other.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from aiida_concerted.analysis.rows import check_positions
from aiida_concerted.common.positions import PositionArray, RelativePositions, take_frames
from aiida_concerted.common.threads import map_in_threads
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

N_BLOCKS = 10
N_LAGS = 20
LONGEST_SHARE = 4
"""Longest default lag as a fraction of the run: beyond it the origins all share their ends."""

CORE_RADIUS_A = 1.0
"""Distance in Å within which a carrier has taken another's place: below half of most distances between sites."""


@dataclass(frozen=True)
class VanHove:
    """Both parts of the van Hove function.

    :param r_A: middle of each shell in Å, shape ``(n_bins,)``.
    :param edges_A: edges of the shells in Å, shape ``(n_bins + 1,)``.
    :param lag_ps: lags in ps, shape ``(n_lags,)``.
    :param self_part: 4πr²G_s in Å⁻¹, averaged over each shell, shape ``(n_lags, n_bins)``.
    :param distinct: G_d/ρ, shape ``(n_lags, n_bins)``.
    :param distinct_stderr: its standard error from blocks of time origins.
    :param n_origins: time origins of each lag, shape ``(n_lags,)``.
    """

    r_A: FloatArray
    edges_A: FloatArray
    lag_ps: FloatArray
    self_part: FloatArray
    distinct: FloatArray
    distinct_stderr: FloatArray
    n_origins: IntArray

    @property
    def self_density(self) -> FloatArray:
        """Return G_s itself in Å⁻³, exactly averaged over each shell, shape ``(n_lags, n_bins)``."""
        return self.self_part * np.diff(self.edges_A) / shell_volumes(self.edges_A)

    def as_dict(self) -> dict[str, list[float] | list[list[float]]]:
        """Return the section ``van_hove`` of the analysis JSON."""
        return {
            "r_A": self.r_A.tolist(),
            "lag_ps": self.lag_ps.tolist(),
            "self": self.self_part.tolist(),
            "distinct": self.distinct.tolist(),
        }


def van_hove(
    positions: PositionArray,
    cell: FloatArray,
    *,
    frame_interval_ps: float,
    lags: Sequence[int] | IntArray | None = None,
    r_max: float | None = None,
    bin_width: float = 0.1,
    max_origins: int = 200,
    drift: FloatArray | None = None,
) -> VanHove:
    """Return the van Hove functions with time origins spread over the whole run.

    An ideal gas of N particles has the distinct part (N - 1)/N in every shell.

    :param positions: unwrapped positions in Å, shape ``(n_frames, n_particles, 3)``.
    :param cell: lattice vectors as rows in Å.
    :param frame_interval_ps: time between frames in ps.
    :param lags: lags in frames; twenty from one frame to a quarter of the run when not given.
    :param r_max: outer edge of the last shell in Å; half the smallest height of the cell when not given.
    :param bin_width: width of a shell in Å.
    :param max_origins: time origins for each lag at most.
    :param drift: displacement of the frame of reference in Å, shape ``(n_frames, 3)``.
    :raises ValueError: if a shape is wrong, a lag is not inside the run, or the shells are not possible.

    Cost ``O(n_particles²)`` for each lag and origin; only the frames in which these begin and end are held.
    """
    check_positions(positions, drift)
    n_frames = positions.shape[0]
    chosen = _checked_lags(n_frames, lags)
    edges = shell_edges(_default_radius(cell) if r_max is None else r_max, bin_width)
    origins = [spread_frames(n_frames - lag, max_origins) for lag in chosen.tolist()]
    parts = _all_lags(RelativePositions(positions, drift), chosen, origins, cell, edges)
    return VanHove(
        r_A=0.5 * (edges[1:] + edges[:-1]),
        edges_A=edges,
        lag_ps=np.asarray(chosen * frame_interval_ps, dtype=np.float64),
        self_part=np.array([part[0] for part in parts]),
        distinct=np.array([part[1] for part in parts]),
        distinct_stderr=np.array([part[2] for part in parts]),
        n_origins=np.array([len(starts) for starts in origins], dtype=np.int64),
    )


def carrier_van_hove(
    trajectory: Trajectory,
    *,
    lags: Sequence[int] | IntArray | None = None,
    r_max: float | None = None,
    bin_width: float = 0.1,
    max_origins: int = 200,
) -> VanHove:
    """Return the van Hove functions of a run's carriers in the frame of its framework, as :func:`van_hove` does."""
    return van_hove(
        trajectory.carriers,
        trajectory.cell,
        frame_interval_ps=trajectory.frame_interval_ps,
        lags=lags,
        r_max=r_max,
        bin_width=bin_width,
        max_origins=max_origins,
        drift=trajectory.framework_displacement,
    )


def characteristic_time(
    functions: VanHove, *, core_radius_A: float = CORE_RADIUS_A, fraction: float = 0.5
) -> float | None:
    """Return the time in ps after which others have begun to take the carriers' places.

    It is the first lag at which the distinct part, averaged over the volume within ``core_radius_A``, reaches
    ``fraction`` of its largest value over all lags, interpolated between lags. Both numbers are conventions: quote
    them with the time. If the first lag is beyond it already, that lag is returned: the time is then no longer than
    this.

    :return: ``None`` where no lag shows another particle in the core.
    :raises ValueError: if no shell lies within ``core_radius_A`` or ``fraction`` is not between zero and one.
    """
    inside = functions.edges_A[1:] <= core_radius_A + 1e-9
    if not inside.any() or not 0 < fraction <= 1:
        raise ValueError(f"the core {core_radius_A} Å must hold a shell and the fraction {fraction} lie in (0, 1]")
    core = np.average(functions.distinct[:, inside], axis=1, weights=shell_volumes(functions.edges_A)[inside])
    order = np.argsort(functions.lag_ps)
    times, values = functions.lag_ps[order], core[order]
    threshold = fraction * float(values.max())
    if threshold <= 0:
        return None
    first = int(np.argmax(values >= threshold))
    if first == 0:
        return float(times[0])
    share = (threshold - values[first - 1]) / (values[first] - values[first - 1])
    return float(times[first - 1] + share * (times[first] - times[first - 1]))


def _all_lags(
    positions: PositionArray, lags: IntArray, origins: list[IntArray], cell: FloatArray, edges: FloatArray
) -> list[tuple[FloatArray, FloatArray, FloatArray]]:
    """Return self part, distinct part and its error of each lag."""
    ends = [starts + lag for starts, lag in zip(origins, lags, strict=True)]
    # Every frame that some lag begins or ends in is read once, in the order of the run.
    needed = np.unique(np.concatenate([*origins, *ends]))
    snapshots = take_frames(positions, needed)

    def of_lag(number: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        before, after = (np.searchsorted(needed, frames[number]) for frames in (origins, ends))
        return _one_lag(snapshots, before, after, cell, edges)

    return list(map_in_threads(of_lag, range(len(lags))))


def _one_lag(
    snapshots: FloatArray, before: IntArray, after: IntArray, cell: FloatArray, edges: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return self part, distinct part and its error of one lag from the snapshots in which it begins and ends."""
    translations, inverse = image_translations(cell, edges[-1]), np.linalg.inv(cell)
    own = np.zeros((len(before), len(edges) - 1))
    others = np.zeros((len(before), len(edges) - 1))
    for row, (first, last) in enumerate(zip(snapshots[before], snapshots[after], strict=True)):
        own[row] = np.histogram(np.linalg.norm(last - first, axis=1), bins=edges)[0]
        others[row] = count_pairs(first @ inverse, last @ inverse, cell, translations, edges, same=True)
    n_particles = snapshots.shape[1]
    density = n_particles / abs(np.linalg.det(cell))
    distinct, stderr = block_average(others / (n_particles * density * shell_volumes(edges)), N_BLOCKS)
    return own.mean(axis=0) / (n_particles * np.diff(edges)), distinct, stderr


def _checked_lags(n_frames: int, lags: Sequence[int] | IntArray | None) -> IntArray:
    if lags is None:
        return np.unique(np.geomspace(1, max(1, n_frames // LONGEST_SHARE), N_LAGS).round().astype(np.int64))
    chosen = np.asarray(lags, dtype=np.int64)
    if chosen.ndim != 1 or not len(chosen) or chosen.min() < 0 or chosen.max() >= n_frames:
        raise ValueError(f"lags must lie between 0 and {n_frames - 1} frames, got {chosen.tolist()}")
    return chosen


def _default_radius(cell: FloatArray) -> float:
    return float(0.5 / np.linalg.norm(np.linalg.inv(cell), axis=0).max())
