"""Which site of a site model an atom of an ordered or relaxed structure belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
