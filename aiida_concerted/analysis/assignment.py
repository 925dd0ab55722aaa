"""The site of every carrier at every frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.history import SiteHistory, SiteHistoryBuilder
from aiida_concerted.analysis.nearest import NearestSite
from aiida_concerted.analysis.placement import PlacedNetwork

FloatArray = NDArray[np.float64]

CHUNK_POINTS = 2_000_000
"""Positions assigned at once: about 150 MB of working memory."""


def assign_sites(positions: FloatArray, placed: PlacedNetwork) -> NDArray[np.int32]:
    """Return the nearest site of every carrier at every frame.

    Differences are taken in fractions of the trajectory's cell and measured with the metric of the *site* cell, so that
    strain does not move the borders between sites. The nearest site is exact in any cell, however skew, and whether or
    not the positions are wrapped.

    :param positions: Cartesian positions in Å relative to the framework, shape ``(n_frames, n_carriers, 3)``.
    :param placed: the sites of the trajectory's cell.
    :return: site numbers of ``placed``, shape ``(n_frames, n_carriers)``.
    :raises ValueError: if ``positions`` does not have the shape above or holds a number that is not finite.
    """
    if positions.ndim != 3 or positions.shape[2] != 3:
        raise ValueError(f"positions must have the shape (n_frames, n_carriers, 3), got {positions.shape}")
    if not np.isfinite(positions).all():
        raise ValueError("positions must be finite")
    network = placed.network
    to_units = np.linalg.inv(placed.cell) @ placed.supercell.matrix
    numbers = np.empty(positions.shape[:2], dtype=np.int32)
    nearest = NearestSite(network.fractional + placed.origin_shift, network.cell)
    nearest.follow(positions, to_units, placed.supercell, numbers)
    return placed.basin[numbers].astype(np.int32) if network.groups else numbers


def site_history(
    positions: FloatArray,
    placed: PlacedNetwork,
    frame_interval_ps: float,
    framework_displacement: FloatArray | None = None,
) -> SiteHistory:
    """Return the run-length encoded sites of all carriers, assigned in chunks of frames to bound memory.

    :param positions: as for :func:`assign_sites`, or in the laboratory's frame with ``framework_displacement``.
    :param frame_interval_ps: time between frames in ps.
    :param framework_displacement: displacement of the framework in Å to take off, shape ``(n_frames, 3)``.
    """
    builder = SiteHistoryBuilder(placed.labels, frame_interval_ps)
    n_frames, n_carriers = positions.shape[:2]
    step = max(1, CHUNK_POINTS // max(1, n_carriers))
    for start in range(0, n_frames, step):
        chunk = positions[start : start + step]
        if framework_displacement is not None:
            chunk = chunk - framework_displacement[start : start + step, None, :]
        builder.append(assign_sites(chunk, placed))
    return builder.finish()
