import pytest

from aiida_concerted.learning.quota import Quota


def counts(accurate, total=100):
    return {"accurate": accurate, "candidate": total - accurate, "failed": 0}


def test_the_cap_falls_linearly_between_the_thresholds():
    quota = Quota(20, accurate_threshold=0.9, accurate_soft_threshold=0.8)
    assert [quota.number(counts(n), 100) for n in (0, 79, 80, 85, 90, 99)] == [20, 20, 20, 10, 0, 0]


def test_no_more_than_there_are_and_no_less_than_the_minimum():
    quota = Quota(20, minimum=5)
    assert quota.number(counts(10), 7) == 7
    assert quota.number(counts(10), 4) == 0
    assert Quota(20).number(counts(100), 3) == 0
    assert Quota(20).number(counts(0, total=0), 0) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"maximum": -1}, "max_selected cannot be negative"),
        ({"maximum": 1.5}, "whole number"),
        ({"maximum": 1, "minimum": -1}, "min_selected cannot be negative"),
        ({"maximum": 1, "accurate_threshold": 0.8, "accurate_soft_threshold": 0.9}, "thresholds must obey"),
        ({"maximum": 1, "accurate_threshold": 1.1}, "thresholds must obey"),
    ],
)
def test_impossible_caps_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Quota(**arguments)
