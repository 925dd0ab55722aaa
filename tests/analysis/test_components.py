"""Groups joined by pairs, against a flood fill written naively."""

import numpy as np
import pytest

from aiida_concerted.analysis.components import connected


def flooded(first, second, n_members):
    """Return the smallest member of the group of each member."""
    lowest = list(range(n_members))
    for _ in range(n_members):
        for one, other in zip(first, second, strict=True):
            lowest[one] = lowest[other] = min(lowest[one], lowest[other])
    return lowest


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_a_flood_fill(seed):
    first, second = np.random.default_rng(seed).integers(0, 40, size=(2, 25))
    groups, expected = connected(first, second, 40), flooded(first, second, 40)
    assert sorted(set(groups)) == list(range(len(set(expected))))
    assert all((groups[i] == groups[j]) == (expected[i] == expected[j]) for i in range(40) for j in range(40))


def test_pairs_that_are_there_hundreds_of_times_count_once():
    pairs = np.zeros(1000, dtype=np.int64)
    assert connected(pairs, pairs + 1, 3).tolist() == [0, 0, 1]


def test_without_pairs_each_is_alone():
    nobody = np.zeros(0, dtype=np.int64)
    assert connected(nobody, nobody, 3).tolist() == [0, 1, 2]
