import math

import pytest

from aiida_concerted.common.estimate import NORMAL_95, Estimate, Interval, mean_over_runs
from aiida_concerted.common.units import conductivity_S_m


def test_unbounded_sides_are_left_out_of_json():
    assert Interval(2.0, lower=1.0).as_dict() == {"value": 2.0, "lower": 1.0}
    assert Estimate(1, 0.5).as_dict() == {"value": 1.0, "stderr": 0.5}


@pytest.mark.parametrize("arguments", [(math.nan, 1.0), (1.0, math.inf), (1.0, -0.1)])
def test_estimates_are_finite_and_errors_positive(arguments):
    with pytest.raises(ValueError, match=r"estimate must be finite|cannot be negative"):
        Estimate(*arguments)


def test_an_interval_encloses_its_value():
    with pytest.raises(ValueError, match="enclose"):
        Interval(1.0, lower=2.0)
    with pytest.raises(ValueError, match="finite"):
        Interval(1.0, upper=math.inf)


def test_an_interval_knows_its_standard_error_where_both_sides_are_bounded():
    assert Interval(1.0, lower=1.0 - NORMAL_95 * 0.2, upper=1.0 + NORMAL_95 * 0.2).standard_error() == pytest.approx(
        0.2
    )
    assert Interval(1.0, lower=0.0, upper=3.0, stderr=0.5).standard_error() == 0.5
    assert Interval(1.0, lower=0.0).standard_error() is None


def test_runs_count_by_their_lengths():
    mean = mean_over_runs([(1.0, 0.3), (3.0, 0.1)], [300.0, 100.0])
    assert mean.value == pytest.approx(1.5)
    assert mean.stderr == pytest.approx(math.hypot(0.75 * 0.3, 0.25 * 0.1))


def test_conductivity_of_lgps_at_room_temperature():
    # D* = 7.1e-12 m²/s of 20 Li in 956.65 Å3 at 300 K is 9.2 mS/cm by the Nernst–Einstein relation
    assert conductivity_S_m(7.1e-12, 1.0, 20, 956.65, 300.0) * 10 == pytest.approx(9.2, abs=0.05)
