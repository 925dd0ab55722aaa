from __future__ import annotations

import pytest

from aiida_concerted.data.formula import kinds_of, reduced_formula


@pytest.mark.parametrize(
    ("counts", "formula"),
    [
        ({"S": 24, "P": 4, "Ge": 2, "Li": 20}, "Li10GeP2S12"),
        ({"Na": 3, "P": 1, "S": 4}, "Na3PS4"),
        ({"Li": 24, "P": 4, "S": 20, "Cl": 4}, "Li6PS5Cl"),
        ({"Li": 2}, "Li"),
    ],
)
def test_the_formula_is_reduced_and_ordered_by_electronegativity(counts, formula):
    species = [symbol for symbol, count in counts.items() for _ in range(count)]
    assert reduced_formula(species) == formula
    assert reduced_formula(reversed(species)) == formula


def test_kinds_keep_the_order_of_first_occurrence():
    assert kinds_of(["S", "Li", "S", "P"]) == ["S", "Li", "P"]
