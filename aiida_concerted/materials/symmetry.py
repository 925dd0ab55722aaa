"""Space-group orbits of a representative site."""

from __future__ import annotations

from functools import cache

import numpy as np
import spglib
from numpy.typing import NDArray

from aiida_concerted.analysis.sites import SiteNetwork

FloatArray = NDArray[np.float64]

N_HALL_NUMBERS = 530
COINCIDENCE = 1e-3
"""Fractional distance below which two images of a site are one: coordinates are printed with four digits."""

SITE_TOLERANCE_A = 0.01


@cache
def hall_number(spacegroup: int, origin: int | None) -> int:
    """Return the number of the setting in spglib's list of Hall symbols.

    Where a space group has two origin choices, the choice must be named; of other settings the standard one is taken.

    :raises ValueError: if the group does not exist or its origin choice is missing.
    """
    settings = {
        number: setting.choice
        for number in range(1, N_HALL_NUMBERS + 1)
        if (setting := spglib.get_spacegroup_type(number)) is not None and setting.number == spacegroup
    }
    if not settings:
        raise ValueError(f"spacegroup must be a number from 1 to 230, got {spacegroup}")
    chosen = {choice: number for number, choice in settings.items() if choice in ("1", "2")}
    if not chosen:
        if origin not in (None, 1):
            raise ValueError(f"space group {spacegroup} has a single origin choice: leave out 'origin: {origin}'")
        return min(settings)
    if str(origin) not in chosen:
        raise ValueError(f"space group {spacegroup} has two origin choices: add 'origin: 1' or 'origin: 2'")
    return chosen[str(origin)]


def check_metric(spacegroup: int, hall: int, cell: FloatArray) -> None:
    """Check that the operations of the group leave the lengths and angles of the cell as they are.

    :raises ValueError: if one does not.
    """
    metric = cell @ cell.T
    rotations, _ = _operations(hall)
    for rotation in rotations:
        if not np.allclose(rotation.T @ metric @ rotation, metric, atol=1e-3 * float(np.diag(metric).max())):
            raise ValueError(
                f"the cell does not have the symmetry of space group {spacegroup}: check its lengths and angles"
            )


def orbit(hall: int, position: FloatArray) -> FloatArray:
    """Return every image of a site within the unit cell.

    :param hall: Hall number of spglib.
    :param position: fractional coordinates of a representative, shape ``(3,)``.
    :return: fractional coordinates in [0, 1), the representative's first, shape ``(multiplicity, 3)``.
    """
    rotations, translations = _operations(hall)
    return distinct_images(position, rotations @ position + translations)


def distinct_images(position: FloatArray, images: FloatArray) -> FloatArray:
    """Return those images of a site that differ by more than lattice translations, the site itself first.

    :param position: fractional coordinates of the site, shape ``(3,)``.
    :param images: its images under symmetry operations, shape ``(n, 3)``.
    :return: fractional coordinates in [0, 1), shape ``(multiplicity, 3)``.
    """
    kept: list[FloatArray] = []
    for image in np.concatenate([position[None, :], images]):
        if not any(np.abs(image - other - np.rint(image - other)).max() < COINCIDENCE for other in kept):
            kept.append(image)
    folded: FloatArray = np.array(kept) % 1.0
    folded[folded > 1.0 - 1e-9] = 0.0
    return folded


def network_operations(network: SiteNetwork) -> tuple[NDArray[np.int64], FloatArray]:
    """Return the symmetry operations of a site network, framework and labels respected.

    :return: rotations on fractional column vectors, shape ``(n, 3, 3)``, and translations, shape ``(n, 3)``.
    :raises ValueError: if no symmetry can be found.
    """
    kinds = [*network.labels, *("framework " + "/".join(elements) for elements in network.framework_elements)]
    numbers = {kind: number for number, kind in enumerate(dict.fromkeys(kinds), start=1)}
    places = np.concatenate([network.fractional, network.framework_fractional])
    crystal = (network.cell.tolist(), places.tolist(), [numbers[kind] for kind in kinds])
    found = spglib.get_symmetry(crystal, symprec=SITE_TOLERANCE_A)
    if found is None:
        raise ValueError(f"the sites of '{network.material}' have no symmetry that could be found")
    return found["rotations"].astype(np.int64), found["translations"]


def _operations(hall: int) -> tuple[NDArray[np.int32], FloatArray]:
    operations = spglib.get_symmetry_from_database(hall)
    if operations is None:
        raise ValueError(f"spglib knows no Hall number {hall}")
    return operations["rotations"], operations["translations"]
