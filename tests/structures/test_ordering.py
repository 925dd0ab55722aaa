"""Ordering must find what brute force finds, keep its constraints and repeat itself."""

import itertools

import numpy as np
import pytest
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.io.ase import AseAtomsAdaptor

from aiida_concerted.structures.ewald import pair_energies
from aiida_concerted.structures.ordering import (
    DisorderedSites,
    OrderingOptions,
    carriers_for_neutrality,
    integer_composition,
    order_cell,
)

CELL = np.diag([6.0, 6.5, 7.0])
CHARGES = {"Li": 1.0, "Ge": 4.0, "P": 5.0, "S": -2.0}


def small_problem():
    """Return a cell of 8 Li sites, 2 mixed sites and 6 S: Ge + P + 3 Li + 6 S is neutral."""
    generator = np.random.default_rng(0)
    grid = np.array(list(itertools.product((0.0, 0.5), (0.0, 0.5), (0.0, 0.5)))) + 0.02
    return [
        DisorderedSites("Li1", grid[:4] + 0.01 * generator.random((4, 3)), {"Li": 0.5}),
        DisorderedSites("Li2", grid[4:] + 0.01 * generator.random((4, 3)), {"Li": 0.25}),
        DisorderedSites("M", np.array([[0.25, 0.25, 0.2], [0.75, 0.7, 0.75]]), {"Ge": 0.515, "P": 0.485}),
        DisorderedSites("S", 0.2 + 0.6 * generator.random((6, 3)), {"S": 1.0}),
    ]


def brute_force_minimum(sites, min_per_label):
    positions = np.concatenate([group.positions for group in sites])
    matrix = pair_energies(CELL, positions)
    energies = []
    for occupied in itertools.combinations(range(8), 3):
        counts = [sum(index < 4 for index in occupied), sum(index >= 4 for index in occupied)]
        if min(counts) < min_per_label:
            continue
        for mixed in ((4.0, 5.0), (5.0, 4.0)):
            charges = np.concatenate([np.isin(np.arange(8), occupied).astype(float), mixed, [-2.0] * 6])
            energies.append(charges @ matrix @ charges)
    return min(energies)


@pytest.mark.parametrize("min_per_label", [0, 1])
def test_search_finds_the_minimum_of_all_arrangements(min_per_label):
    options = OrderingOptions(min_per_label=min_per_label, n_steps=500, n_restarts=2)
    ordered = order_cell(CELL, small_problem(), "Li", CHARGES, seed=4, options=options)
    assert ordered.energy_eV == pytest.approx(brute_force_minimum(small_problem(), min_per_label), abs=1e-8)


def test_energy_is_that_of_the_ordered_structure():
    ordered = order_cell(CELL, small_problem(), "Li", CHARGES, seed=4)
    structure = AseAtomsAdaptor.get_structure(ordered.atoms)
    structure.add_oxidation_state_by_element(CHARGES)
    assert ordered.energy_eV == pytest.approx(EwaldSummation(structure).total_energy, abs=1e-6)


def test_same_seed_gives_the_same_cell_with_elements_grouped():
    first, second = (order_cell(CELL, small_problem(), "Li", CHARGES, seed=7) for _ in range(2))
    assert np.array_equal(first.atoms.positions, second.atoms.positions)
    symbols = first.atoms.get_chemical_symbols()
    assert [symbol for symbol, _ in itertools.groupby(symbols)] == list(dict.fromkeys(symbols))
    assert symbols[:3] == ["Li"] * 3
    assert sum(first.counts("Li").values()) == 3


def test_carriers_closer_than_the_limit_exclude_each_other():
    pair = DisorderedSites("Li1", np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.15]]), {"Li": 0.5})
    others = DisorderedSites("Li2", np.array([[0.5, 0.5, 0.5]]), {"Li": 0.5})
    anions = DisorderedSites("Cl", np.array([[0.1, 0.1, 0.05], [0.05, 0.1, 0.1]]), {"Cl": 1.0})
    charges = {"Li": 1.0, "Cl": -1.0}
    ordered = order_cell(CELL, [pair, others, anions], "Li", charges, seed=1)
    assert ordered.counts("Li") == {"Li1": 1, "Li2": 1}
    options = OrderingOptions(min_distance_A=20.0)
    with pytest.raises(ValueError, match="do not fit"):
        order_cell(CELL, [pair, others, anions], "Li", charges, seed=1, options=options)


def test_composition_is_rounded_to_the_nearest_whole_cell():
    sites = DisorderedSites("M", np.zeros((4, 3)), {"Ge": 0.515, "P": 0.485})
    assert integer_composition(sites) == {"Ge": 2, "P": 2}
    partly = DisorderedSites("M", np.zeros((4, 3)), {"Ge": 0.49})
    assert integer_composition(partly) == {"Ge": 2}


def test_charges_that_no_whole_number_of_carriers_balances_are_refused():
    with pytest.raises(ValueError, match=r"0\.5 Mg would make"):
        carriers_for_neutrality({"Cl": 1}, "Mg", {"Mg": 2.0, "Cl": -1.0})
    with pytest.raises(ValueError, match="oxidation states of Cl are missing"):
        carriers_for_neutrality({"Cl": 1}, "Mg", {"Mg": 2.0})


def test_occupancies_above_one_are_refused():
    with pytest.raises(ValueError, match="occupancies of 'Li1'"):
        DisorderedSites("Li1", np.zeros((1, 3)), {"Li": 0.8, "Na": 0.4})
