"""Hops and the recrossing rule against the definition carried out stay by stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aiida_concerted.analysis.history import SiteHistory
from aiida_concerted.analysis.hops import count_hops, drop_recrossings, find_hops, recrossing_curve
from tests.synthetic_lattice import history_of, ring

LABELS = ("A", "B", "C")
DENSE = arrays(np.int32, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=st.integers(0, 2))


def naive_recrossings(path: list[int], shortest: int) -> list[int]:
    """Return the sites of one carrier, short returns overwritten one after the other from the first frame on."""
    stays: list[list[int]] = []  # [site, first frame]
    for frame, site in enumerate(path):
        if stays and stays[-1][0] == site:
            continue
        if len(stays) > 1 and stays[-2][0] == site and frame - stays[-1][1] < shortest:
            stays.pop()
        else:
            stays.append([site, frame])
    ends = [first for _, first in stays[1:]] + [len(path)]
    return [site for (site, first), end in zip(stays, ends, strict=True) for _ in range(first, end)]


@given(DENSE, st.integers(0, 6))
@settings(max_examples=150, deadline=None)
def test_returns_are_dropped_as_defined(dense: np.ndarray, shortest: int) -> None:
    found = drop_recrossings(SiteHistory.from_dense(dense, 0.5, LABELS), 0.5 * shortest).to_dense()
    expected = np.array([naive_recrossings(path, shortest) for path in dense.T.tolist()]).T
    np.testing.assert_array_equal(found, expected)


@given(DENSE)
@settings(max_examples=50, deadline=None)
def test_hops_are_the_changes_of_site(dense: np.ndarray) -> None:
    hops = find_hops(SiteHistory.from_dense(dense, 0.5, LABELS))
    frame, carrier = np.nonzero(np.diff(dense, axis=0))
    expected = sorted(zip(carrier, frame + 1, dense[frame, carrier], dense[frame + 1, carrier], strict=True))
    found = sorted(zip(hops.carrier, hops.frame, hops.origin, hops.destination, strict=True))
    assert found == expected


def test_a_stay_of_exactly_the_dwell_time_counts() -> None:
    path = np.array([0] * 20 + [1] * 10 + [0] * 20)[:, None]
    history = SiteHistory.from_dense(path, 0.1, LABELS)
    assert drop_recrossings(history, 1.0).n_hops == 2
    assert drop_recrossings(history, 1.1).n_hops == 0
    assert recrossing_curve(history, (0.0, 0.5, 1.0, 1.1)).tolist() == [2, 2, 2, 0]


def test_a_rattle_is_one_stay() -> None:
    path = np.array([0] * 20 + [1, 0] * 8 + [0] * 20)[:, None]
    assert drop_recrossings(SiteHistory.from_dense(path, 0.1, LABELS), 1.0).n_hops == 0


def test_hops_are_counted_by_pair_and_long_ones_apart() -> None:
    placed = ring(10, ("A", "B"))
    path = np.array([0] * 20 + [1] * 20 + [2] * 20 + [4] * 20 + [3] * 2 + [4] * 20)[:, None]
    raw = history_of(path, placed)
    counts = count_hops(raw, drop_recrossings(raw, 1.0), placed, 1.0)
    assert counts.as_dict() == {"raw": 5, "counted": 3, "non_edge": 1, "by_pair": {"A-B": 2}, "recrossing_ps": 1.0}


def test_a_pair_without_hops_is_listed() -> None:
    placed = ring(10, ("A", "B", "C"))
    raw = history_of(np.array([[0], [1]]), placed)
    assert count_hops(raw, raw, placed, 0.0).by_pair == {"A-B": 1, "A-C": 0, "B-C": 0}


def test_a_negative_dwell_time_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        drop_recrossings(SiteHistory.from_dense(np.zeros((2, 1), dtype=int), 0.1, LABELS), -1.0)
