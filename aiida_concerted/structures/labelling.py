"""Which site of a site model an atom of an ordered or relaxed structure belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from aiida_concerted.analysis.placement import place_network
from aiida_concerted.analysis.sites import SiteNetwork

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class NearestSite:
    """The site nearest to an atom.

    :param label: its label.
    :param distance_A: distance from it in Å, measured with the metric of the site model's cell.
    """

    label: str
    distance_A: float


def nearest_sites(
    positions: FloatArray, sites: FloatArray, labels: Sequence[str], cell: FloatArray
) -> list[NearestSite]:
    """Return the nearest site of each position.

    Differences are taken in fractional coordinates and measured in the cell of the site model, so that the strain of a
    relaxed lattice does not move the borders between sites.

    :param positions: fractional coordinates in the unit cell of the site model, shape ``(n_positions, 3)``.
    :param sites: fractional coordinates of the sites, shape ``(n_sites, 3)``.
    :param labels: label of each site.
    :param cell: lattice vectors of the site model as rows in Å.
    """
    differences = positions[:, None, :] - sites[None, :, :]
    differences -= np.round(differences)
    # In a skewed cell the rounded difference need not be the shortest: look at the neighbouring images as well.
    images = np.array(np.meshgrid(*[(-1, 0, 1)] * 3)).reshape(3, -1).T
    vectors = (differences[:, :, None, :] + images[None, None]) @ cell
    distances = np.linalg.norm(vectors, axis=-1).min(axis=-1)
    nearest = distances.argmin(axis=1)
    return [NearestSite(labels[site], float(distances[k, site])) for k, site in enumerate(nearest)]


def label_carriers(atoms: Atoms, carrier: str, network: SiteNetwork) -> dict[int, NearestSite]:
    """Return the nearest site of every carrier by its index among the atoms.

    The lattice may be strained, and the origin another one: it is found from the framework.

    :param atoms: a cell, or an integer supercell, of the material that the network describes.
    :param carrier: element symbol of the mobile ion.
    :raises ValueError: if the carrier is absent, the cell is no supercell or the framework is not the network's.
    """
    symbols = np.asarray(atoms.get_chemical_symbols())
    carriers, framework = np.flatnonzero(symbols == carrier), np.flatnonzero(symbols != carrier)
    if not len(carriers):
        raise ValueError(f"the structure {atoms.get_chemical_formula()} holds no {carrier}")
    cell = np.asarray(atoms.cell)
    placed = place_network(
        network,
        cell,
        framework_positions=atoms.positions[framework],
        framework_species=tuple(symbols[framework]),
        carrier_positions=atoms.positions[carriers],
    )
    in_unit_cell = atoms.positions[carriers] @ np.linalg.inv(cell) @ placed.supercell.matrix - placed.origin_shift
    found = nearest_sites(in_unit_cell, network.fractional, network.labels, network.cell)
    return {int(index): site for index, site in zip(carriers, found, strict=True)}
