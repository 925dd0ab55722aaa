"""Where the framework stands, and whether it is still that of the crystal a run began from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.nearest import NearestSite
from aiida_concerted.analysis.pair_counts import spread_frames
from aiida_concerted.common.positions import frame_blocks, take_frames
from aiida_concerted.common.trajectory import Trajectory

FloatArray = NDArray[np.float64]

MAX_FRAMEWORK_DEPARTURE_A = 1.2
"""Beyond it no element of the framework keeps to its places: twice what vibration does in soft sulphides at 1000 K."""

DEPARTURE_FRAMES = 50
"""Frames of the second half of a run that its departure is measured in."""


def framework_average(trajectory: Trajectory) -> FloatArray | None:
    """Return the time average of the framework in Å, drift removed; ``None`` where there is no framework."""
    if trajectory.framework is None or not len(trajectory.framework_species):
        return None
    displacement = trajectory.framework_displacement
    total, n_stored = np.zeros(trajectory.framework.shape[1:]), trajectory.framework.shape[0]
    for stored in frame_blocks(trajectory.framework):
        total += np.sum(trajectory.framework[stored], axis=0, dtype=np.float64)
    if displacement is not None:
        total -= displacement[:: trajectory.framework_stride][:n_stored].sum(axis=0)
    average: FloatArray = total / n_stored
    return average


def framework_departure(trajectory: Trajectory, crystal: FloatArray) -> float:
    """Return how far the framework has gone from the crystal that the run began from, in Å.

    In frames of the second half of the run it is the root mean square distance of the atoms of an element from the
    nearest place of that element in the crystal, for the element that kept to its places best. Vibration leaves half
    an Å. Tetrahedra that turn exchange their corners, which moves no atom away from all places, while their centres
    stay; a framework that melts leaves no element in place.

    :param crystal: framework positions of the crystal in Å, atoms in the trajectory's order.
    :raises ValueError: if the trajectory has no framework.
    """
    framework = trajectory.framework
    if framework is None or not len(trajectory.framework_species):
        raise ValueError("a trajectory without framework atoms cannot tell how far its framework has gone")
    to_fractional = np.linalg.inv(trajectory.cell)
    places = (crystal + offset_of_first_frame(trajectory, crystal)) @ to_fractional
    n_stored = framework.shape[0]
    frames = n_stored // 2 + spread_frames(n_stored - n_stored // 2, DEPARTURE_FRAMES)
    positions = take_frames(framework, frames)
    if trajectory.framework_displacement is not None:
        positions -= trajectory.framework_displacement[frames * trajectory.framework_stride, None, :]
    species = np.array(trajectory.framework_species)
    mean_squares = []
    for element in dict.fromkeys(trajectory.framework_species):
        atoms = (positions[:, species == element] @ to_fractional).reshape(-1, 3)
        away = NearestSite(places[species == element], trajectory.cell).vectors(atoms)
        mean_squares.append(float((away**2).sum(axis=1).mean()))
    return float(np.sqrt(min(mean_squares)))


def offset_of_first_frame(trajectory: Trajectory, crystal: FloatArray) -> FloatArray:
    """Return the mean displacement of the framework between the crystal and the first frame in Å."""
    if trajectory.framework is None:
        raise ValueError("the trajectory holds no framework positions to lay on the crystal")
    offset: FloatArray = _nearest_image(trajectory.framework[0] - crystal, trajectory.cell).mean(axis=0)
    return offset


def _nearest_image(vectors: FloatArray, cell: FloatArray) -> FloatArray:
    fractional = vectors @ np.linalg.inv(cell)
    return (fractional - np.rint(fractional)) @ cell
