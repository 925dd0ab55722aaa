"""An ordered cell from a disordered one: the arrangement of lowest electrostatic energy that a seeded search finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.geometry import get_distances
from numpy.typing import NDArray

from aiida_concerted.structures.annealing import Exchange, anneal
from aiida_concerted.structures.ewald import pair_energies

FloatArray = NDArray[np.float64]

NEUTRALITY_TOLERANCE_E = 1e-6
"""Largest net charge in e that still counts as none."""


@dataclass(frozen=True)
class DisorderedSites:
    """Sites of one label that share their occupancies.

    :param label: name of the site type.
    :param positions: fractional coordinates, shape ``(n_sites, 3)``.
    :param occupancies: occupancy of each element on these sites; what is missing to one is vacant.
    :raises ValueError: if the occupancies are negative or exceed one.
    """

    label: str
    positions: FloatArray
    occupancies: Mapping[str, float]

    def __post_init__(self) -> None:
        total = sum(self.occupancies.values())
        if min(self.occupancies.values(), default=-1.0) < 0 or total > 1.0 + 1e-3:
            raise ValueError(f"occupancies of '{self.label}' must lie between 0 and 1 in all, got {self.occupancies}")


@dataclass(frozen=True)
class OrderingOptions:
    """What the search is asked for.

    :param min_distance_A: carriers closer than this in Å exclude each other.
    :param min_per_label: fewest carriers on each of their labels.
    :param n_steps: exchanges tried in each annealing.
    :param n_restarts: annealings, each from a random arrangement of its own.
    """

    min_distance_A: float = 2.0
    min_per_label: int = 1
    n_steps: int = 10000
    n_restarts: int = 4


@dataclass(frozen=True)
class OrderedCell:
    """An ordered arrangement.

    :param atoms: the cell, elements grouped, carriers first.
    :param labels: site label of each atom.
    :param energy_eV: Ewald energy of the formal charges in eV.
    :param seed: seed of the search.
    """

    atoms: Atoms
    labels: tuple[str, ...]
    energy_eV: float
    seed: int

    def counts(self, carrier: str) -> dict[str, int]:
        """Return the number of carriers on each label."""
        symbols = self.atoms.get_chemical_symbols()
        return dict(Counter(label for label, symbol in zip(self.labels, symbols, strict=True) if symbol == carrier))


def integer_composition(sites: DisorderedSites) -> dict[str, int]:
    """Return how many sites each element gets, rounded by the largest remainder so that the sum stays whole."""
    n_sites = len(sites.positions)
    shares = {**sites.occupancies, "": 1.0 - sum(sites.occupancies.values())}
    numbers = {element: int(np.floor(share * n_sites + 1e-9)) for element, share in shares.items()}
    by_remainder = sorted(shares, key=lambda element: numbers[element] - shares[element] * n_sites)
    for element in by_remainder[: n_sites - sum(numbers.values())]:
        numbers[element] += 1
    return {element: number for element, number in numbers.items() if element and number > 0}


def carriers_for_neutrality(framework: Counter[str], carrier: str, oxidation_states: Mapping[str, float]) -> int:
    """Return how many carriers make the cell neutral.

    :raises ValueError: if an oxidation state is missing or no whole number of carriers does it.
    """
    missing = sorted({carrier, *framework} - set(oxidation_states))
    if missing:
        raise ValueError(f"oxidation states of {', '.join(missing)} are missing: give them for every element")
    charge = sum(oxidation_states[element] * number for element, number in framework.items())
    number = -charge / oxidation_states[carrier]
    if number < 1 or abs(number - round(number)) > NEUTRALITY_TOLERANCE_E:
        raise ValueError(
            f"{number:g} {carrier} would make {dict(framework)} neutral: check oxidation states and occupancies"
        )
    return round(number)


def order_cell(
    cell: FloatArray,
    sites: Sequence[DisorderedSites],
    carrier: str,
    oxidation_states: Mapping[str, float],
    *,
    seed: int,
    options: OrderingOptions | None = None,
) -> OrderedCell:
    """Return an ordered, neutral cell of low electrostatic energy, the same one for the same seed.

    Mixed framework sites and carriers are arranged together by simulated annealing on exchanges within a sublattice,
    followed by a descent that ends where no single exchange lowers the energy. Energies are those of the formal point
    charges: they rank arrangements, and say nothing about stability.

    :param cell: lattice vectors as rows in Å, shape ``(3, 3)``.
    :param sites: all sites; those with the carrier among their occupancies are the carrier's sublattice.
    :param carrier: element symbol of the mobile ion.
    :param oxidation_states: formal charge of each element in e.
    :param seed: seed of the search.
    :raises ValueError: if no neutral composition exists or the carriers do not fit at the smallest distance.
    """
    options = options or OrderingOptions()
    positions = np.concatenate([group.positions for group in sites]) % 1.0
    labels = np.concatenate([[group.label] * len(group.positions) for group in sites])
    sublattices = _sublattices(sites, carrier, oxidation_states)
    charges = {**oxidation_states, "": 0.0}
    carrier_sites = sublattices[0][0]
    blocked = _blocked(cell, positions, carrier_sites, options.min_distance_A)
    exchange = Exchange(pair_energies(cell, positions), labels, blocked, carrier_sites, options.min_per_label)
    best = None
    for generator in np.random.default_rng(seed).spawn(options.n_restarts):
        start = _random_arrangement(sublattices, exchange, len(positions), generator)
        found = anneal(exchange, start, charges, [indices for indices, _ in sublattices], options.n_steps, generator)
        if best is None or found[1] < best[1] - 1e-9:
            best = found
    if best is None:
        raise ValueError("n_restarts must be at least 1")
    return _ordered(cell, positions, labels, best, carrier, seed)


Sublattice = tuple[NDArray[np.intp], dict[str, int]]


def _sublattices(sites: Sequence[DisorderedSites], carrier: str, charges: Mapping[str, float]) -> list[Sublattice]:
    """Return the carrier's sublattice, then one for each framework label: site indices and numbers of each element."""
    starts = np.cumsum([0, *(len(group.positions) for group in sites)])
    carrier_sites: list[NDArray[np.intp]] = []
    framework: list[Sublattice] = []
    for start, group in zip(starts, sites, strict=False):
        indices = np.arange(start, start + len(group.positions))
        if carrier not in group.occupancies:
            framework.append((indices, integer_composition(group)))
        elif len(group.occupancies) == 1:
            carrier_sites.append(indices)
        else:
            raise ValueError(f"'{group.label}' mixes {carrier} with other elements, which is not supported")
    if not carrier_sites:
        raise ValueError(f"no site holds the carrier {carrier}")
    total: Counter[str] = Counter()
    for _, numbers in framework:
        total.update(numbers)
    n_carriers = carriers_for_neutrality(total, carrier, charges)
    return [(np.concatenate(carrier_sites), {carrier: n_carriers}), *framework]


def _blocked(
    cell: FloatArray, positions: FloatArray, carrier_sites: NDArray[np.intp], min_distance_A: float
) -> NDArray[np.bool_]:
    """Return which pairs of sites cannot both be occupied, shape ``(n_sites, n_sites)``."""
    cartesian = positions[carrier_sites] @ cell
    _, distances = get_distances(cartesian, cell=cell, pbc=True)
    close = distances < min_distance_A
    np.fill_diagonal(close, False)
    blocked = np.zeros((len(positions), len(positions)), dtype=bool)
    blocked[np.ix_(carrier_sites, carrier_sites)] = close
    return blocked


def _random_arrangement(
    sublattices: list[Sublattice], exchange: Exchange, n_sites: int, generator: np.random.Generator
) -> NDArray[np.str_]:
    """Return the element on each site, empty where vacant, at random within the constraints."""
    elements = np.full(n_sites, "", dtype="U3")
    ((carrier, n_carriers),) = sublattices[0][1].items()
    elements[exchange.random_carriers(n_carriers, generator)] = carrier
    for indices, composition in sublattices[1:]:
        pool = [element for element, number in composition.items() for _ in range(number)]
        pool += [""] * (len(indices) - len(pool))
        elements[indices] = generator.permutation(pool)
    return elements


def _ordered(
    cell: FloatArray,
    positions: FloatArray,
    labels: NDArray[np.str_],
    best: tuple[NDArray[np.str_], float],
    carrier: str,
    seed: int,
) -> OrderedCell:
    """Return the occupied sites with elements grouped, because POSCAR holds one block an element."""
    elements, energy = best
    present = [carrier, *(element for element in dict.fromkeys(elements) if element not in ("", carrier))]
    order = np.concatenate([np.flatnonzero(elements == element) for element in present])
    atoms = Atoms(symbols=list(elements[order]), scaled_positions=positions[order], cell=cell, pbc=True)
    return OrderedCell(atoms=atoms, labels=tuple(str(label) for label in labels[order]), energy_eV=energy, seed=seed)
