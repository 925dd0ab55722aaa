"""The site of every carrier at every frame."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.nearest import NearestSite
from aiida_concerted.analysis.placement import PlacedNetwork
from aiida_concerted.analysis.rows import check_positions, coordinate_rows
from aiida_concerted.common.positions import PositionArray, particle_blocks
from aiida_concerted.common.threads import map_in_threads

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def assign_sites(positions: PositionArray, placed: PlacedNetwork) -> NDArray[np.int32]:
    """Return the nearest site of every carrier at every frame; for a long run see :func:`site_history`.

    Differences are taken in fractions of the trajectory's cell and measured with the metric of the *site* cell, so that
    strain does not move the borders between sites. The nearest site is exact in any cell, however skew, and whether or
    not the positions are wrapped.

    :param positions: Cartesian positions in Å relative to the framework, shape ``(n_frames, n_carriers, 3)``.
    :param placed: the sites of the trajectory's cell.
    :return: site numbers of ``placed``, shape ``(n_frames, n_carriers)``.
    :raises ValueError: if ``positions`` does not have the shape above or holds a number that is not finite.
    """
    sites_of = _assignment(positions, placed, None)
    return np.concatenate([sites_of(particles) for particles in particle_blocks(positions)]).T


def site_history(
    positions: PositionArray,
    placed: PlacedNetwork,
    frame_interval_ps: float,
    framework_displacement: FloatArray | None = None,
) -> SiteHistory:
    """Return the run-length encoded sites of all carriers, some carriers at a time to bound memory.

    :param positions: as for :func:`assign_sites`, or in the laboratory's frame with ``framework_displacement``.
    :param frame_interval_ps: time between frames in ps.
    :param framework_displacement: displacement of the framework in Å to take off, shape ``(n_frames, 3)``.
    :raises ValueError: as :func:`assign_sites` does.
    """
    sites_of = _assignment(positions, placed, framework_displacement)

    def runs_of(particles: slice) -> list[tuple[IntArray, NDArray[np.int32]]]:
        return [_runs(sites) for sites in sites_of(particles)]

    runs = [run for block in map_in_threads(runs_of, particle_blocks(positions)) for run in block]
    return SiteHistory(
        n_frames=positions.shape[0],
        frame_interval_ps=frame_interval_ps,
        labels=placed.labels,
        offsets=np.concatenate([[0], np.cumsum([len(starts) for starts, _ in runs])]).astype(np.int64),
        starts=np.concatenate([starts for starts, _ in runs]),
        sites=np.concatenate([sites for _, sites in runs]),
    )


def _assignment(
    positions: PositionArray, placed: PlacedNetwork, drift: FloatArray | None
) -> Callable[[slice], NDArray[np.int32]]:
    """Return the function that gives the sites of some carriers, shape ``(n_carriers, n_frames)``."""
    check_positions(positions, drift)
    network = placed.network
    to_units = np.linalg.inv(placed.cell) @ placed.supercell.matrix
    nearest = NearestSite(network.fractional + placed.origin_shift, network.cell)
    basin = placed.basin.astype(np.int32)

    def sites_of(particles: slice) -> NDArray[np.int32]:
        rows = coordinate_rows(positions, particles, drift)
        if not np.isfinite(rows).all():
            raise ValueError("positions must be finite")
        numbers = np.empty((len(rows), rows.shape[2]), dtype=np.int32)
        nearest.follow(rows, to_units, placed.supercell, numbers)
        return basin[numbers] if network.groups else numbers

    return sites_of


def _runs(sites: NDArray[np.int32]) -> tuple[IntArray, NDArray[np.int32]]:
    """Return the first frame of each stay of one carrier, and its site."""
    starts = np.concatenate([[0], np.flatnonzero(sites[1:] != sites[:-1]) + 1])
    return starts, sites[starts]
