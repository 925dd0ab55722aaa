"""Laying a site network over a trajectory: the integer supercell, the origin and the sites of the whole cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.origin import MAX_RESIDUAL_A, OriginFit, find_origin, measure_origin
from aiida_concerted.analysis.sites import SiteNetwork, Supercell, basin_edges, canonical_mode, merge_groups
from aiida_concerted.analysis.supercell import supercell_matrices

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Candidate = tuple[IntArray, float]

GOOD_RESIDUAL_A = 0.4
"""Residual in Å at which no other orientation of the supercell is tried; thermal averages of LGPS stay below 0.3 Å."""


@dataclass(frozen=True)
class PlacedNetwork:
    """A site network in the cell of a trajectory.

    Sites are numbered unit cell by unit cell; where the network has groups, ``basin`` maps those numbers to the groups
    that act as sites and everything else here (``labels``, ``positions``, ``edges``) refers to these.

    :param network: the reference sites of the unit cell.
    :param cell: lattice vectors of the trajectory as rows in Å.
    :param supercell: rows are the trajectory's lattice vectors in units of the site cell's.
    :param origin_shift: fractional shift (of the site cell) of the sites in the trajectory.
    :param residual_A: root mean square distance in Å of framework atoms from the model's, where these fixed the origin.
    :param strain: largest linear strain of the trajectory's cell relative to the site cell.
    :param labels: label of each site.
    :param positions: Cartesian positions of the sites in Å, shape ``(n_sites, 3)``.
    :param basin: site that each reference site of the supercell belongs to.
    :param edges: directed edges as sorted rows ``(from, to)``, shape ``(n_edges, 2)``.
    """

    network: SiteNetwork
    cell: FloatArray
    supercell: Supercell
    origin_shift: FloatArray
    residual_A: float | None
    strain: float
    labels: tuple[str, ...]
    positions: FloatArray
    basin: IntArray
    edges: IntArray

    @property
    def n_sites(self) -> int:
        """Return the number of sites in the trajectory's cell."""
        return len(self.labels)

    @property
    def n_cells(self) -> int:
        """Return the number of site cells in the trajectory's cell."""
        return self.supercell.n_cells

    @property
    def counts(self) -> dict[str, int]:
        """Return the number of sites of each label."""
        names, counts = np.unique(np.array(self.labels), return_counts=True)
        found = dict(zip(names.tolist(), counts.tolist(), strict=True))
        return {label: found[label] for label in self.network.counts if label in found}

    @property
    def supercell_summary(self) -> list[int] | list[list[int]]:
        """Return three integers where the supercell is diagonal, otherwise the 3×3 matrix."""
        matrix = self.supercell.matrix
        if np.count_nonzero(matrix - np.diag(np.diag(matrix))) == 0:
            return [int(extent) for extent in np.diag(matrix)]
        return [[int(number) for number in row] for row in matrix]

    def is_edge(self, origin: IntArray, destination: IntArray) -> NDArray[np.bool_]:
        """Return whether a hop between each pair of sites follows an edge."""
        keys = self.edges[:, 0] * self.n_sites + self.edges[:, 1]
        asked = np.asarray(origin, dtype=np.int64) * self.n_sites + np.asarray(destination, dtype=np.int64)
        if not len(keys):
            return np.zeros(asked.shape, dtype=bool)
        place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
        return keys[place] == asked

    def mode_of_labels(self) -> dict[tuple[str, str, str], str]:
        """Return the class of every ordered triple of labels."""
        names = list(self.network.counts)
        return {(a, b, c): canonical_mode(a, b, c, self.network.modes) for a in names for b in names for c in names}


def place_network(
    network: SiteNetwork,
    cell: FloatArray,
    *,
    framework_positions: FloatArray | None = None,
    framework_species: tuple[str, ...] | None = None,
    origin_shift: tuple[float, float, float] | None = None,
    carrier_positions: FloatArray | None = None,
) -> PlacedNetwork:
    """Return the network placed in a trajectory's cell.

    The cell must be an integer supercell of the site cell, strain and rotation allowed. The origin is ``origin_shift``,
    else the network's own, else that under which the model's framework sites meet the trajectory's framework atoms
    (where several do equally well, as when only some of the framework is in the model, the one that puts the carriers
    closest to the sites), else zero. A shift that is given is checked against the framework where there is one.

    :param cell: lattice vectors of the trajectory as rows in Å.
    :param framework_positions: time-averaged Cartesian positions of the framework atoms in Å, shape ``(n, 3)``.
    :param framework_species: element of each of them.
    :param origin_shift: shift of the sites in fractions of the site cell.
    :param carrier_positions: some positions of carriers in Å, shape ``(m, 3)``, which decide between equal origins.
    :raises ValueError: if the cell is no supercell of the site cell or the framework does not fit within 0.6 Å.
    """
    cell = np.asarray(cell, dtype=np.float64)
    candidates = supercell_matrices(network.cell, cell)
    given = origin_shift if origin_shift is not None else network.origin_shift
    shift = None if given is None else np.asarray(given, dtype=np.float64)
    if not network.framework_elements or framework_positions is None or framework_species is None:
        return _lay(network, cell, candidates[0], OriginFit(np.zeros(3) if shift is None else shift, None))
    atoms = (framework_positions, framework_species, carrier_positions)
    return _lay(network, cell, *_best_placement(network, cell, candidates, *atoms, given=shift))


def _best_placement(
    network: SiteNetwork,
    cell: FloatArray,
    candidates: list[Candidate],
    framework_positions: FloatArray,
    framework_species: tuple[str, ...],
    carrier_positions: FloatArray | None,
    given: FloatArray | None = None,
) -> tuple[Candidate, OriginFit]:
    """Return the supercell and the origin under which the framework meets the model's.

    :param given: the origin, where it is not to be found but only to be checked.
    :raises ValueError: if it does not within 0.6 Å.
    """
    fits: list[tuple[float, Candidate, OriginFit]] = []
    for candidate in candidates:
        to_unit = np.linalg.inv(cell) @ candidate[0]
        carriers = None if carrier_positions is None else carrier_positions @ to_unit
        framework = framework_positions @ to_unit
        if given is None:
            fit = find_origin(network, framework, framework_species, carriers)
        else:
            fit = measure_origin(network, framework, framework_species, given)
        fits.append((fit.residual_A or 0.0, candidate, fit))
        if fits[-1][0] <= GOOD_RESIDUAL_A:
            break
    residual, candidate, fit = min(fits, key=lambda item: item[0])
    if residual > MAX_RESIDUAL_A:
        origin = "the best origin found: is it this material?"
        if given is not None:
            origin = "the origin_shift that is given: leave it out to have the origin found"
        raise ValueError(
            f"the framework atoms are {residual:.2f} Å (root mean square) from those of the site model "
            f"'{network.material}', more than {MAX_RESIDUAL_A} Å, with {origin}"
        )
    return candidate, fit


def _lay(network: SiteNetwork, cell: FloatArray, candidate: Candidate, origin: OriginFit) -> PlacedNetwork:
    matrix, strain = candidate
    supercell = Supercell(matrix)
    basin, labels = merge_groups(network, supercell)
    in_unit_cells = (supercell.translations[:, None, :] + network.fractional[None, :, :]).reshape(-1, 3) + origin.shift
    _, first = np.unique(basin, return_index=True)
    return PlacedNetwork(
        network=network,
        cell=cell,
        supercell=supercell,
        origin_shift=origin.shift,
        residual_A=origin.residual_A,
        strain=strain,
        labels=labels,
        positions=in_unit_cells[first] @ np.linalg.inv(matrix) @ cell,
        basin=basin,
        edges=basin_edges(network, supercell, basin),
    )


@dataclass(frozen=True)
class Placement:
    """What is kept of a network that was placed: enough to place it again.

    :param cell: lattice vectors of the trajectory as rows in Å.
    :param supercell: three integers, or a 3×3 matrix where the supercell is not diagonal.
    :param origin_shift: fractional shift (of the site cell) of the sites in the trajectory.
    :param residual_A: root mean square distance in Å of framework atoms from the model's, where these fixed the origin.
    """

    cell: FloatArray
    supercell: list[int] | list[list[int]]
    origin_shift: tuple[float, float, float]
    residual_A: float | None = None

    @classmethod
    def of(cls, placed: PlacedNetwork) -> Placement:
        """Return what is kept of a placed network."""
        x, y, z = placed.origin_shift.tolist()
        residual = None if placed.residual_A is None else float(placed.residual_A)
        return cls(placed.cell, placed.supercell_summary, (x, y, z), residual)

    @classmethod
    def from_attributes(cls, cell: FloatArray, attributes: Mapping[str, Any]) -> Placement:
        """Return the placement that :meth:`as_attributes` was taken of."""
        x, y, z = attributes["origin_shift"]
        return cls(cell, attributes["supercell"], (x, y, z), attributes.get("residual_A"))

    def as_attributes(self) -> dict[str, Any]:
        """Return all but the cell, JSON-compatible; a residual that is not known is absent."""
        known = {} if self.residual_A is None else {"residual_A": self.residual_A}
        return {"supercell": self.supercell, "origin_shift": list(self.origin_shift), **known}

    def place(self, network: SiteNetwork, labels: tuple[str, ...]) -> PlacedNetwork:
        """Return the network placed as it was.

        :param labels: label of each site as it was placed.
        :raises ValueError: if it is not the same network.
        """
        placed = place_network(network, self.cell, origin_shift=self.origin_shift)
        if placed.labels != labels:
            raise ValueError(f"the site model '{network.material}' is not the one this history was made with")
        return placed
