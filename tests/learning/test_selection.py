import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_concerted.learning.selection import TrustLevels, classify

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


@pytest.mark.parametrize(("lower", "upper"), [(0.0, 0.2), (0.2, 0.2), (0.3, 0.2), (-1, 1)])
def test_impossible_trust_levels_are_refused(lower, upper):
    with pytest.raises(ValueError, match="trust levels must obey"):
        TrustLevels(lower, upper)
