"""The join of hops against the definition over all pairs of hops, matching, exchanges and chains."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aiida_concerted.analysis.hops import Hops, find_hops
from aiida_concerted.analysis.modes import hops_along_edges
from aiida_concerted.analysis.pairs import (
    EXCHANGE,
    HopJoin,
    PathClasses,
    count_chains,
    count_exchanges,
    match_one_to_one,
)
from aiida_concerted.analysis.sites import canonical_mode
from tests.synthetic_lattice import history_of, ring

PLACED = ring(4, ("A", "B", "C"))
CLASSES = PathClasses.of(PLACED, tuple(PLACED.network.paths_per_cell()))
WALKS = arrays(np.int32, st.tuples(st.integers(2, 40), st.integers(1, 6)), elements=st.integers(-1, 1))


def walk(steps: np.ndarray) -> Hops:
    return hops_along_edges(history_of(np.cumsum(steps, axis=0) % PLACED.n_sites, PLACED), PLACED)


def naive_pairs(hops: Hops, reach: int) -> Counter:
    """Return class and lag of every pair that the definition allows, exchanges under their own name."""
    found: Counter = Counter()
    for a in range(len(hops)):
        for b in range(len(hops)):
            lag = int(hops.frame[a] - hops.frame[b])
            if hops.carrier[a] == hops.carrier[b] or hops.destination[a] != hops.origin[b] or abs(lag) > reach:
                continue
            labels = [PLACED.labels[site] for site in (hops.origin[a], hops.destination[a], hops.destination[b])]
            same = hops.origin[a] == hops.destination[b]
            found["exchange" if same else canonical_mode(*labels), lag] += 1
    return found


@given(WALKS, st.integers(0, 45))
@settings(max_examples=120, deadline=None)
def test_the_join_finds_exactly_the_pairs_of_the_definition(steps: np.ndarray, reach: int) -> None:
    hops = walk(steps)
    expected = naive_pairs(hops, reach)
    join = HopJoin(hops, CLASSES, reach)
    histogram = join.lag_histogram()
    found = {
        (CLASSES.modes[mode], lag - reach): int(histogram[mode, lag]) for mode, lag in np.argwhere(histogram).tolist()
    }
    assert found == {key: n for key, n in expected.items() if key[0] != "exchange"}
    pairs = join.pairs()
    names = np.append(np.array(CLASSES.modes), "exchange")
    assert Counter(zip(names[pairs.mode].tolist(), pairs.lag.tolist(), strict=True)) == expected
    np.testing.assert_array_equal(pairs.lag, hops.frame[pairs.arrival] - hops.frame[pairs.departure])
    np.testing.assert_array_equal(hops.destination[pairs.arrival], hops.origin[pairs.departure])
    exchanges = sum(n for (label, _), n in expected.items() if label == "exchange")
    assert count_exchanges(pairs) * 2 == exchanges == np.count_nonzero(pairs.mode == EXCHANGE)


@given(WALKS, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_order_of_carriers_and_the_origin_of_time_do_not_matter(steps: np.ndarray, random) -> None:
    hops = walk(steps)
    order = list(range(steps.shape[1]))
    random.shuffle(order)
    relabelled = walk(steps[:, order])
    later = Hops(hops.frame + 1000, hops.carrier, hops.origin, hops.destination)
    histogram = HopJoin(hops, CLASSES, 10).lag_histogram()
    np.testing.assert_array_equal(HopJoin(relabelled, CLASSES, 10).lag_histogram(), histogram)
    np.testing.assert_array_equal(HopJoin(later, CLASSES, 10).lag_histogram(), histogram)


@given(WALKS)
@settings(max_examples=60, deadline=None)
def test_matching_uses_every_hop_once_on_either_side_and_leaves_no_free_pair(steps: np.ndarray) -> None:
    hops = walk(steps)
    pairs = HopJoin(hops, CLASSES, 10).pairs()
    kept = match_one_to_one(pairs, len(hops))
    arrivals, departures = pairs.arrival[kept], pairs.departure[kept]
    assert len(set(arrivals.tolist())) == len(arrivals)
    assert len(set(departures.tolist())) == len(departures)
    assert (pairs.mode[kept] >= 0).all()
    free = ~np.isin(pairs.arrival, arrivals) & ~np.isin(pairs.departure, departures) & (pairs.mode >= 0)
    assert not free.any()


def hops_of(*rows: tuple[int, int, int, int]) -> Hops:
    frame, carrier, origin, destination = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return Hops(frame, carrier, origin, destination)


def test_one_arrival_and_two_departures_are_two_pairs_and_one_match() -> None:
    hops = hops_of((10, 0, 0, 1), (12, 1, 1, 2), (11, 2, 1, 2))
    pairs = HopJoin(hops, CLASSES, 5).pairs()
    assert len(pairs) == 2
    kept = match_one_to_one(pairs, 3)
    assert pairs.departure[kept].tolist() == [2]


def test_a_string_of_three_and_a_pair_are_counted_as_chains() -> None:
    hops = hops_of((10, 0, 0, 1), (11, 1, 1, 2), (12, 2, 2, 3), (50, 3, 6, 7), (50, 4, 7, 8), (90, 5, 0, 1))
    pairs = HopJoin(hops, CLASSES, 5).pairs()
    assert count_chains(pairs, len(hops)) == {2: 1, 3: 1}
    assert count_exchanges(pairs) == 0


def test_an_exchange_is_no_chain() -> None:
    hops = hops_of((10, 0, 0, 1), (11, 1, 1, 0))
    pairs = HopJoin(hops, CLASSES, 5).pairs()
    assert count_exchanges(pairs) == 1
    assert count_chains(pairs, 2) == {2: 0, 3: 0}


def test_no_hops_give_no_pairs() -> None:
    none = find_hops(history_of(np.zeros((5, 2), dtype=int), PLACED))
    join = HopJoin(none, CLASSES, 5)
    assert join.lag_histogram().sum() == 0
    assert len(join.pairs()) == 0
    assert count_chains(join.pairs(), 0) == {2: 0, 3: 0}


@pytest.mark.parametrize("lag", [5, 6])
def test_the_window_is_inclusive(lag: int) -> None:
    hops = hops_of((10, 0, 0, 1), (10 + lag, 1, 1, 2))
    assert len(HopJoin(hops, CLASSES, 5).pairs()) == (lag == 5)
