"""Sites of a material without a site model: where the density of the carriers has its maxima."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.components import connected
from aiida_concerted.analysis.density_basins import Basins, find_basins, smoothed
from aiida_concerted.analysis.framework import framework_average
from aiida_concerted.analysis.site_symmetry import UnitSymmetry, framework_symmetry
from aiida_concerted.analysis.sites import DEFAULT_MAX_EDGE_A, SiteNetwork, neighbour_pairs
from aiida_concerted.common.cells import cell_heights
from aiida_concerted.common.positions import frame_blocks
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_VOXELS = 16_000_000
MAX_POSITIONS = 20_000_000
"""Positions that a density is counted from; of longer runs every n-th frame is taken."""

CHANCE = 1e-6
"""Chance that a uniform density as short as the run has a maximum that counts."""

MAX_THRESHOLD = 10.0
"""Maxima that high above the mean every solid has."""

MAX_LABELS = 24
"""Labels above which all sites get one: classes of paths grow as the cube of the labels."""

CENTRE_CUT = 0.1
LONGEST_EDGE_A = 6.0
EDGE_RANGE = (1.1, 1.3)


@dataclass(frozen=True)
class SiteSearch:
    """What counts as a site.

    :param smoothing_A: standard deviation in Å of the Gaussian that smooths the density.
    :param spacing_A: longest edge of a voxel in Å; it grows where a cell would need more than 16 million voxels.
    :param peak_ratio: smoothed density of a maximum, over the mean density of the cell, from which on it counts; it
        is higher in short runs, where noise makes maxima too.
    :param saddle_ratio: two maxima are one site where the density between them exceeds this part of the lower one's:
        with 0.5 the barrier is below 0.7 kT.
    :param reach_A: distance in Å beyond which two maxima are never one site.
    :param min_occupancy: mean number of carriers about a maximum from which on it counts.
    :param max_edge_A: longest hop that counts as one step, in Å; guessed from the distances between sites if not given.
    :raises ValueError: if a number is out of range.
    """

    smoothing_A: float = 0.3
    spacing_A: float = 0.2
    peak_ratio: float = 2.0
    saddle_ratio: float = 0.5
    reach_A: float = 1.5
    min_occupancy: float = 0.02
    max_edge_A: float | None = None

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value}")
        if self.saddle_ratio >= 1.0 or self.peak_ratio <= 1.0:
            raise ValueError("saddle_ratio must be below 1 and peak_ratio above 1")


@dataclass(frozen=True)
class FoundSites:
    """Sites found in a run, and how.

    :param network: the sites in the run's own cell, relative to the framework.
    :param occupancy: mean carriers in the basin of each site, shape ``(n_sites,)``.
    :param labelled_by: ``symmetry``, ``site`` (each its own label) or ``none`` (one label for all).
    :param n_operations: symmetry operations of the average framework, 1 where none but the identity was found.
    :param unplaced_fraction: part of the carriers' time outside the basins of sites.
    :param search: thresholds.
    """

    network: SiteNetwork
    occupancy: FloatArray
    labelled_by: str
    n_operations: int
    unplaced_fraction: float
    search: SiteSearch

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of what was found, without the sites themselves."""
        return {
            "counts": self.network.counts,
            "max_edge_A": self.network.max_edge_A,
            "unplaced_fraction": self.unplaced_fraction,
            "labelled_by": self.labelled_by,
            "n_operations": self.n_operations,
            **{key: value for key, value in asdict(self.search).items() if value is not None},
        }


def find_sites(
    trajectory: Trajectory,
    search: SiteSearch | None = None,
    *,
    material: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> SiteNetwork:
    """Return the sites of a run's carriers as a network in the run's own cell; see :func:`search_sites`."""
    return search_sites(trajectory, search, material=material, progress=progress).network


def search_sites(
    trajectory: Trajectory,
    search: SiteSearch | None = None,
    *,
    material: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> FoundSites:
    """Return the sites of a run's carriers and how they were found.

    The density of the carriers relative to the framework is counted on a grid, averaged over the symmetry of the
    average framework and smoothed; its maxima above ``peak_ratio`` times the mean are sites, insignificant ones merged
    (see :class:`SiteSearch`). A site lies at the centre of the density of its basin above a tenth of the maximum.
    Equivalent sites share a label, ``S1`` for the most occupied. Where elements on equal places break the symmetry, as
    Ge and P do in LGPS, and more than 24 labels come of it, the framework's elements are taken as one. Where no
    symmetry helps, each site has its own label or, for more than 24 sites, all have the label ``S``.

    The longest edge is that of :func:`guess_max_edge`. Nothing but one block of the carriers' positions is in memory.

    :param trajectory: one run.
    :param search: thresholds.
    :param material: key of the network.
    :param progress: called with the fraction of the positions that has been counted.
    :raises ValueError: if the run is too short, or the carriers prefer no places.
    """
    search = search or SiteSearch()
    cell = np.asarray(trajectory.cell, dtype=np.float64)
    symmetries = _symmetries(trajectory)
    for symmetry in symmetries:
        sites, occupancy, classes = _sites_of(trajectory, symmetry, search, progress)
        if classes.max() < MAX_LABELS:
            break
    labelled_by = "symmetry" if symmetry.n_operations > 1 else "site"
    if classes.max() >= MAX_LABELS:
        classes, labelled_by = np.zeros(len(sites), dtype=np.int64), "none"
    fractional = symmetry.in_run(sites)
    occupancy, classes = np.tile(occupancy, symmetry.n_cells), np.tile(classes, symmetry.n_cells)
    labels, order = _labels(classes, occupancy, fractional)
    framework = framework_average(trajectory)
    network = SiteNetwork(
        material=material,
        labels=labels,
        fractional=fractional[order],
        cell=cell,
        max_edge_A=search.max_edge_A or guess_max_edge(sites, symmetry.cell),
        # With the framework, another run that is given these sites shows whether its origin is the same.
        framework_elements=() if framework is None else tuple((symbol,) for symbol in trajectory.framework_species),
        framework_fractional=np.empty((0, 3)) if framework is None else framework @ np.linalg.inv(cell),
        origin_shift=(0.0, 0.0, 0.0),
    )
    unplaced = max(0.0, 1.0 - float(occupancy.sum()) / trajectory.n_carriers)
    return FoundSites(network, occupancy[order], labelled_by, symmetry.n_operations, unplaced, search)


def _symmetries(trajectory: Trajectory) -> list[UnitSymmetry]:
    """Return what may be taken as the crystal's symmetry, the best guess first."""
    framework = framework_average(trajectory)
    species = trajectory.framework_species
    found = []
    if framework is not None:
        kinds = (species, ("X",) * len(species)) if len(set(species)) > 1 else (species,)
        found = [framework_symmetry(np.asarray(trajectory.cell), framework, elements) for elements in kinds]
    return [
        *(symmetry for symmetry in found if symmetry is not None),
        UnitSymmetry.trivial(np.asarray(trajectory.cell)),
    ]


def _sites_of(
    trajectory: Trajectory, symmetry: UnitSymmetry, search: SiteSearch, progress: Callable[[float], None] | None
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return the sites in the unit cell of a symmetry: fractional coordinates, mean carriers, class."""
    mean = trajectory.n_carriers / trajectory.volume_A3
    threshold = _threshold(trajectory, symmetry, search)
    counted = symmetry.symmetrised(_count(trajectory, symmetry, search.spacing_A, progress))
    density = smoothed(counted, symmetry.cell, search.smoothing_A)
    reach = min(search.reach_A, 0.5 * float(cell_heights(symmetry.cell).min()))
    basins = find_basins(
        density, symmetry.cell, floor=CENTRE_CUT * mean, saddle_ratio=search.saddle_ratio, reach_A=reach
    )
    centres, carriers = _centres(density, basins, symmetry.cell, threshold * mean)
    classes = symmetry.classes(centres) if len(centres) else np.zeros(0, dtype=np.int64)
    orbits, occupancies = [], []
    for number in range(int(classes.max(initial=-1)) + 1):
        members = np.flatnonzero(classes == number)
        orbit = symmetry.orbit(centres[members[np.argmax(carriers[members])]])
        occupancy = float(carriers[members].sum()) / len(orbit)
        if occupancy >= search.min_occupancy:
            orbits.append(orbit)
            occupancies.append(occupancy)
    if not orbits:
        raise ValueError(
            f"no sites found: the density of {trajectory.carrier}, smoothed over {search.smoothing_A} Å, nowhere "
            f"exceeds {threshold:.2g} times its mean: give a site model, or a longer run"
        )
    sizes = [len(orbit) for orbit in orbits]
    return np.concatenate(orbits), np.repeat(occupancies, sizes), np.repeat(np.arange(len(orbits)), sizes)


def guess_max_edge(fractional: FloatArray, cell: FloatArray) -> float:
    """Return a limit in Å for hops that count as one step, from the distances between sites.

    It lies in the middle of the widest gap between distances from 1.1 to 1.3 times the shortest limit that joins all
    sites in one network. In LGPS that is 3.16 Å and the limit 3.77 Å.

    :param fractional: fractional coordinates of the sites, shape ``(n_sites, 3)``.
    :param cell: lattice vectors as rows in Å.
    """
    if len(fractional) < 2:
        return DEFAULT_MAX_EDGE_A
    first, second, _, distance = neighbour_pairs(fractional, cell, EDGE_RANGE[1] * LONGEST_EDGE_A)
    joining = _joining_distance(first, second, distance, len(fractional))
    if joining is None:
        nearest = np.full(len(fractional), LONGEST_EDGE_A)
        np.minimum.at(nearest, first, distance)
        joining = float(nearest.max())
    shortest, longest = (factor * joining for factor in EDGE_RANGE)
    inside = np.unique(distance[(distance > shortest) & (distance < longest)])
    bounds = np.concatenate([[shortest], inside, [longest]])
    widest = int(np.argmax(np.diff(bounds)))
    return round(float(bounds[widest : widest + 2].mean()), 2)


def _joining_distance(first: IntArray, second: IntArray, distance: FloatArray, n_sites: int) -> float | None:
    """Return the shortest distance whose edges join all sites, ``None`` where there is none up to 6 Å."""
    lengths = np.unique(distance[(first != second) & (distance <= LONGEST_EDGE_A)])
    low, high = 0, len(lengths)
    while low < high:
        middle = (low + high) // 2
        if _is_joined(first, second, distance <= lengths[middle] + 1e-9, n_sites):
            high = middle
        else:
            low = middle + 1
    return float(lengths[low]) if low < len(lengths) else None


def _is_joined(first: IntArray, second: IntArray, chosen: NDArray[np.bool_], n_sites: int) -> bool:
    return not connected(first[chosen], second[chosen], n_sites).any()


def _count(
    trajectory: Trajectory, symmetry: UnitSymmetry, spacing_A: float, progress: Callable[[float], None] | None
) -> FloatArray:
    """Return the number density of the carriers in Å⁻³ in a unit cell; voxel ``i`` of ``n`` is centred on ``i/n``."""
    shape = _grid_shape(symmetry.cell, spacing_A)
    positions = trajectory.relative_to_framework()
    stride = max(1, -(-trajectory.n_frames * trajectory.n_carriers // MAX_POSITIONS))
    inverse = np.linalg.inv(symmetry.cell)
    counts = np.zeros(int(np.prod(shape)), dtype=np.int64)
    n_frames = 0
    for block in frame_blocks(positions):
        taken = np.asarray(positions[block])[-block.start % stride :: stride]
        voxels = np.floor(taken.reshape(-1, 3) @ inverse * shape + 0.5).astype(np.int64) % shape
        np.add.at(counts, np.ravel_multi_index(tuple(voxels.T), shape), 1)
        n_frames += len(taken)
        if progress is not None:
            progress(block.stop / trajectory.n_frames)
    per_count = len(counts) / (n_frames * trajectory.volume_A3)
    return np.asarray(counts.reshape(shape) * per_count, dtype=np.float64)


def _grid_shape(cell: FloatArray, spacing_A: float) -> tuple[int, int, int]:
    lengths = np.linalg.norm(cell, axis=1)
    least = float((np.prod(lengths) / MAX_VOXELS) ** (1.0 / 3.0))
    n_a, n_b, n_c = (max(1, int(np.ceil(length / max(spacing_A, least)))) for length in lengths)
    return n_a, n_b, n_c


def _threshold(trajectory: Trajectory, symmetry: UnitSymmetry, search: SiteSearch) -> float:
    """Return the density over the mean from which on a maximum counts.

    It is higher than ``peak_ratio`` where a uniform density as short would reach that by chance.

    :raises ValueError: if it were above ten.
    """
    kernel = (4.0 * np.pi * search.smoothing_A**2) ** 1.5  # volume over which a Gaussian averages, 1/∫K²
    per_frame = trajectory.n_carriers / trajectory.volume_A3 * kernel * symmetry.n_operations
    n_places = max(1.0, trajectory.volume_A3 / symmetry.n_operations / kernel)
    threshold = _highest_by_chance(per_frame * trajectory.n_frames, n_places)
    if threshold > MAX_THRESHOLD:
        needed = trajectory.n_frames + 1
        while _highest_by_chance(per_frame * needed, n_places) > MAX_THRESHOLD:
            needed = int(np.ceil(1.1 * needed))
        raise ValueError(
            f"the run is too short to find sites in: {trajectory.n_frames} frames, and it takes about {needed} to tell "
            "maxima from noise: give a site model or more frames"
        )
    return max(search.peak_ratio, threshold)


def _highest_by_chance(counts: float, n_places: float) -> float:
    """Return what the highest of many Poisson numbers exceeds with a chance of one in a million, over their mean."""
    from scipy.stats import poisson  # here, for all of it takes the better part of a second to import

    return float(poisson.isf(CHANCE / n_places, counts)) / counts


def _centres(density: FloatArray, basins: Basins, cell: FloatArray, threshold: float) -> tuple[FloatArray, FloatArray]:
    """Return the centre of each basin that is high enough, in fractions, and the carriers in it."""
    flat, number = density.ravel(), basins.number.ravel()
    high = flat[basins.peaks] >= threshold
    n_basins = len(basins.peaks)
    inside = np.flatnonzero(number >= 0)
    basin = number[inside]
    voxel = abs(float(np.linalg.det(cell))) / flat.size
    occupancy = np.bincount(basin, weights=flat[inside], minlength=n_basins) * voxel
    core = flat[inside] >= CENTRE_CUT * flat[basins.peaks][basin]
    inside, basin = inside[core], basin[core]
    shape = np.array(density.shape)
    peaks = np.column_stack(np.unravel_index(basins.peaks, density.shape)) / shape
    away = np.column_stack(np.unravel_index(inside, density.shape)) / shape - peaks[basin]
    away -= np.rint(away)
    weight = np.bincount(basin, weights=flat[inside], minlength=n_basins)
    moment = [np.bincount(basin, weights=flat[inside] * away[:, axis], minlength=n_basins) for axis in range(3)]
    centres: FloatArray = (peaks + np.column_stack(moment) / weight[:, None]) % 1.0
    carriers: FloatArray = np.asarray(occupancy, dtype=np.float64)
    return centres[high], carriers[high]


def _labels(classes: IntArray, occupancy: FloatArray, fractional: FloatArray) -> tuple[tuple[str, ...], IntArray]:
    """Return the label of each site and the order of sites: by label, within it by position."""
    n_classes = int(classes.max()) + 1
    mean = np.bincount(classes, weights=occupancy) / np.bincount(classes)
    rank = np.empty(n_classes, dtype=np.int64)
    rank[np.argsort(-mean, kind="stable")] = np.arange(n_classes)
    x, y, z = np.round(fractional, 4).T
    order = np.lexsort((z, y, x, rank[classes]))
    names = ["S"] if n_classes == 1 else [f"S{number + 1}" for number in range(n_classes)]
    return tuple(names[rank[classes[site]]] for site in order), order
