"""Where the origin of a site model lies in a trajectory, found from framework atoms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.nearest import NearestSite
from aiida_concerted.analysis.sites import SiteNetwork

FloatArray = NDArray[np.float64]

MAX_RESIDUAL_A = 0.6
"""Root mean square distance in Å above which a framework is not the model's; sites would be renamed silently."""

RESIDUAL_TIE_A = 0.1
REFINEMENTS = 4


@dataclass(frozen=True)
class OriginFit:
    """A shift in fractions of the site cell, and the distance in Å that it leaves between model and framework."""

    shift: FloatArray
    residual_A: float | None


def find_origin(
    network: SiteNetwork, framework: FloatArray, species: tuple[str, ...], carriers: FloatArray | None = None
) -> OriginFit:
    """Return the shift under which the model's framework sites meet the framework atoms.

    Every atom is tried on the rarest model site that its element may take; each trial is refined to the least squares
    shift. For an element with more atoms than model sites (a model that names only part of a framework) the sites look
    for atoms, otherwise the atoms for sites. Of trials within 0.1 Å of the best the one with the carriers closest to
    the sites wins, and without carriers the smallest shift.

    :param framework: positions in units of the site cell's vectors, shape ``(n, 3)``.
    :param species: element of each atom.
    :param carriers: positions of carriers in the same units, shape ``(m, 3)``.
    :raises ValueError: if no framework atom is of an element that the model names.
    """
    tasks = _matching_tasks(network, framework, species)
    if not tasks:
        named = ", ".join(sorted({element for elements in network.framework_elements for element in elements}))
        raise ValueError(
            f"the trajectory's framework ({', '.join(sorted(set(species)))}) has no element of the site model ({named})"
        )
    anchor = min(tasks, key=lambda task: (min(len(task.sites), task.n_distinct), len(task.sites)))
    trials = _distinct(anchor.trials(), network.cell)
    fits = [_refine(trial, tasks, network.cell) for trial in trials]
    best = min(fit.residual_A or 0.0 for fit in fits)
    equal = [fit for fit in fits if (fit.residual_A or 0.0) <= best + RESIDUAL_TIE_A]
    return min(equal, key=lambda fit: _preference(fit, network, carriers))


def measure_origin(
    network: SiteNetwork, framework: FloatArray, species: tuple[str, ...], shift: FloatArray
) -> OriginFit:
    """Return a shift that is given with the residual that it leaves, ``None`` where no atom is of the model's elements.

    :param framework: positions in units of the site cell's vectors, shape ``(n, 3)``.
    :param species: element of each atom.
    :param shift: the shift in fractions of the site cell.
    """
    tasks = _matching_tasks(network, framework, species)
    if not tasks:
        return OriginFit(shift, None)
    return OriginFit(shift, _residual(shift, tasks))


class _MatchingTask:
    """Atoms of one element and the model sites that they may take, in units of the site cell."""

    def __init__(self, atoms: FloatArray, sites: FloatArray, cell: FloatArray) -> None:
        self.atoms = atoms - np.floor(atoms)
        self.sites = sites
        self.n_distinct = len(_distinct(self.atoms, cell))
        self._atoms_seek_sites = self.n_distinct <= len(sites)
        self._nearest = NearestSite(sites if self._atoms_seek_sites else self.atoms, cell)

    def trials(self) -> FloatArray:
        """Return shifts one of which brings a site onto its atom."""
        return self.atoms[0] - self.sites if self._atoms_seek_sites else self.atoms - self.sites[0]

    def residuals(self, shift: FloatArray) -> FloatArray:
        """Return the Cartesian vectors from the shifted sites to their atoms."""
        if self._atoms_seek_sites:
            return self._nearest.vectors(self.atoms - shift)
        return -self._nearest.vectors(self.sites + shift)


def _matching_tasks(network: SiteNetwork, framework: FloatArray, species: tuple[str, ...]) -> list[_MatchingTask]:
    elements = np.array(species)
    tasks = []
    for element in sorted(set(species)):
        allowed = [element in elements_here for elements_here in network.framework_elements]
        if any(allowed):
            tasks.append(
                _MatchingTask(framework[elements == element], network.framework_fractional[allowed], network.cell)
            )
    return tasks


def _distinct(points: FloatArray, cell: FloatArray, tolerance_A: float = 1.0) -> FloatArray:
    """Return one representative of points that agree within a tolerance, modulo the lattice of the site cell."""
    kept: list[FloatArray] = []
    for point in points:
        difference = np.array(kept).reshape(-1, 3) - point
        if not (np.linalg.norm((difference - np.rint(difference)) @ cell, axis=1) < tolerance_A).any():
            kept.append(point)
    return np.array(kept)


def _refine(trial: FloatArray, tasks: list[_MatchingTask], cell: FloatArray) -> OriginFit:
    shift = trial
    for _ in range(REFINEMENTS):
        vectors = np.concatenate([task.residuals(shift) for task in tasks])
        shift = shift + np.linalg.solve(cell.T, vectors.mean(axis=0))
    return OriginFit(shift - np.rint(shift), _residual(shift, tasks))


def _residual(shift: FloatArray, tasks: list[_MatchingTask]) -> float:
    """Return the root mean square distance in Å between shifted sites and atoms."""
    vectors = np.concatenate([task.residuals(shift) for task in tasks])
    return float(np.sqrt((vectors**2).sum(axis=1).mean()))


def _preference(fit: OriginFit, network: SiteNetwork, carriers: FloatArray | None) -> tuple[float, float]:
    length = float(np.linalg.norm(fit.shift @ network.cell))
    if carriers is None:
        return (0.0, round(length, 6))
    distances = NearestSite(network.fractional + fit.shift, network.cell).vectors(carriers)
    return (round(float((distances**2).sum(axis=1).mean()), 3), length)
