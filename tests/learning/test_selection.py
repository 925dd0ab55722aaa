import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_concerted.learning.selection import TrustLevels, classify, select_candidates

TRUST = TrustLevels(lower=0.12, upper=0.25)


def test_borders_belong_to_the_upper_class_and_nan_fails():
    result = classify(np.array([0.119, 0.12, 0.2499, 0.25, np.nan, np.inf]), TRUST)
    assert result.accurate.tolist() == [True, False, False, False, False, False]
    assert result.candidate.tolist() == [False, True, True, False, False, False]
    assert result.failed.tolist() == [False, False, False, True, True, True]
    assert result.counts() == {"accurate": 1, "candidate": 2, "failed": 3}


@given(st.lists(st.floats(allow_nan=True, min_value=None), max_size=50))
def test_every_frame_has_exactly_one_class(deviations):
    result = classify(np.array(deviations, dtype=float), TRUST)
    total = result.accurate.astype(int) + result.candidate + result.failed
    assert (total == 1).all()


def test_selection_draws_every_candidate_when_the_cap_allows():
    masks = {"a": np.array([True, False, True]), "b": np.array([False, False])}
    selected = select_candidates(masks, max_selected=10, seed=1)
    assert {run: frames.tolist() for run, frames in selected.items()} == {"a": [0, 2]}


def test_selection_is_capped_seeded_and_independent_of_the_order_of_runs():
    generator = np.random.default_rng(0)
    masks = {name: generator.random(100) < 0.5 for name in "abc"}
    first = select_candidates(masks, max_selected=20, seed=7)
    again = select_candidates(dict(reversed(masks.items())), max_selected=20, seed=7)
    other = select_candidates(masks, max_selected=20, seed=8)
    flat = [(run, int(i)) for run in first for i in first[run]]
    assert len(flat) == 20 == len(set(flat))
    assert all(masks[run][i] for run, i in flat)
    assert flat == [(run, int(i)) for run in again for i in again[run]]
    assert flat != [(run, int(i)) for run in other for i in other[run]]


def test_selection_draws_uniformly():
    mask = {"a": np.ones(10, dtype=bool)}
    counts = np.zeros(10)
    for seed in range(2000):
        counts[select_candidates(mask, max_selected=1, seed=seed)["a"]] += 1
    # 2000 draws over 10 frames: 200 ± 13.4 each; five standard deviations
    assert np.abs(counts - 200).max() < 67


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 0.2), (0.2, 0.2), (0.3, 0.2), (-1, 1)])
def test_impossible_trust_levels_are_refused(lower, upper):
    with pytest.raises(ValueError, match="trust levels must obey"):
        TrustLevels(lower, upper)


def test_negative_cap_is_refused():
    with pytest.raises(ValueError, match="cannot be negative"):
        select_candidates({}, max_selected=-1, seed=0)
