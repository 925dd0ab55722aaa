"""Simulated annealing of charges on a lattice by exchanges within sublattices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Elements = NDArray[np.str_]
Sites = NDArray[np.intp]

HOTTEST_EV = 5.0
COLDEST_EV = 0.05
"""Temperatures of the annealing in eV: an exchange of bare formal charges changes the energy by some eV."""

FILLING_ATTEMPTS = 200
"""Random fillings tried before the constraints are called unsatisfiable."""

NOISE_EV = 1e-9
"""Energy differences below this in eV are rounding."""


@dataclass(frozen=True)
class Exchange:
    """The rules and the energy of exchanging what sits on two sites.

    :param energies: energy matrix of unit charges in eV e⁻², shape ``(n_sites, n_sites)``.
    :param labels: label of each site.
    :param blocked: pairs of sites that cannot both be occupied, shape ``(n_sites, n_sites)``.
    :param carrier_sites: the sites to which the two constraints below apply.
    :param min_per_label: fewest occupied carrier sites of each label.
    """

    energies: FloatArray
    labels: NDArray[np.str_]
    blocked: NDArray[np.bool_]
    carrier_sites: Sites
    min_per_label: int

    def random_carriers(self, number: int, generator: np.random.Generator) -> Sites:
        """Return ``number`` carrier sites chosen at random, none blocking another and each label represented.

        :raises ValueError: if no such choice is found.
        """
        for _ in range(FILLING_ATTEMPTS):
            order = generator.permutation(self.carrier_sites)
            labels = self.labels[order]
            first = [order[labels == label][: self.min_per_label] for label in sorted(set(labels))]
            chosen: list[int] = []
            for site in np.concatenate([*first, order]):
                if len(chosen) < number and site not in chosen and not self.blocked[site, chosen].any():
                    chosen.append(int(site))
            if len(chosen) == number and self._represents(chosen):
                return np.asarray(chosen, dtype=np.intp)
        raise ValueError(
            f"{number} carriers do not fit on {len(self.carrier_sites)} sites with at least {self.min_per_label} on "
            "each label: lower min_distance_A or min_per_label"
        )

    def _represents(self, chosen: list[int]) -> bool:
        counts = Counter(self.labels[chosen])
        return all(counts[label] >= self.min_per_label for label in self.labels[self.carrier_sites])

    def is_allowed(self, charges: FloatArray, origin: int, target: int) -> bool:
        """Return whether the carrier on ``origin`` may go to the vacant ``target``."""
        neighbours = self.blocked[target] & (charges != 0)
        neighbours[origin] = False
        if neighbours.any():
            return False
        label = self.labels[origin]
        if label == self.labels[target]:
            return True
        remaining = np.count_nonzero(charges[self.carrier_sites[self.labels[self.carrier_sites] == label]]) - 1
        return bool(remaining >= self.min_per_label)


class Arrangement:
    """Charges on all sites, with the field that makes the energy of an exchange cheap."""

    def __init__(self, exchange: Exchange, elements: Elements, charges: Mapping[str, float]) -> None:
        self.exchange = exchange
        self.elements = elements.copy()
        self.charges = np.array([charges[element] for element in elements])
        self.field = exchange.energies @ self.charges
        self._is_carrier_site = np.isin(np.arange(len(elements)), exchange.carrier_sites)

    @property
    def energy(self) -> float:
        """Return the energy in eV."""
        return float(self.charges @ self.field)

    def cost(self, i: int, j: int) -> float | None:
        """Return the energy in eV of exchanging ``i`` and ``j``; None where it changes nothing or is not allowed."""
        if self.elements[i] == self.elements[j]:
            return None
        if self._is_carrier_site[i]:
            origin, target = (i, j) if self.elements[i] else (j, i)
            if not self.exchange.is_allowed(self.charges, origin, target):
                return None
        step = self.charges[j] - self.charges[i]
        matrix = self.exchange.energies
        own = matrix[i, i] + matrix[j, j] - 2.0 * matrix[i, j]
        return float(2.0 * step * (self.field[i] - self.field[j]) + step * step * own)

    def swap(self, i: int, j: int) -> None:
        """Exchange what sits on ``i`` and ``j``."""
        step = self.charges[j] - self.charges[i]
        self.field += step * (self.exchange.energies[i] - self.exchange.energies[j])
        for array in (self.charges, self.elements):
            array[[i, j]] = array[[j, i]]

    def descend(self, sublattices: list[Sites]) -> None:
        """Exchange pairs until none lowers the energy any more."""
        lowered = True
        while lowered:
            lowered = False
            for i, j in _pairs(sublattices):
                cost = self.cost(i, j)
                if cost is not None and cost < -NOISE_EV:
                    self.swap(i, j)
                    lowered = True


def _pairs(sublattices: list[Sites]) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for sites in sublattices for k, a in enumerate(sites) for b in sites[k + 1 :]]


def anneal(
    exchange: Exchange,
    start: Elements,
    charges: Mapping[str, float],
    sublattices: list[Sites],
    n_steps: int,
    generator: np.random.Generator,
) -> tuple[Elements, float]:
    """Return the arrangement that annealing and a final descent reach, and its energy in eV.

    :param start: element on each site, empty where vacant.
    :param charges: charge in e of each element, zero for the empty one.
    :param sublattices: sets of sites within which elements may be exchanged.
    :param n_steps: exchanges tried while cooling.
    :param generator: source of the random choices.
    """
    arrangement = Arrangement(exchange, start, charges)
    pairs = [(i, j) for i, j in _pairs(sublattices) if len(set(start[_home(sublattices, i)])) > 1]
    if pairs:
        chosen = generator.integers(len(pairs), size=n_steps)
        thresholds = -np.log(1.0 - generator.random(n_steps)) * np.geomspace(HOTTEST_EV, COLDEST_EV, n_steps)
        for index, threshold in zip(chosen, thresholds, strict=True):
            i, j = pairs[index]
            cost = arrangement.cost(i, j)
            if cost is not None and cost < threshold:
                arrangement.swap(i, j)
    arrangement.descend(sublattices)
    return arrangement.elements, arrangement.energy


def _home(sublattices: list[Sites], site: int) -> Sites:
    """Return the sublattice of a site."""
    return next(sites for sites in sublattices if site in sites)
