import math

import pytest

from aiida_concerted.common.estimate import Estimate, Interval
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


def test_conductivity_of_lgps_at_room_temperature():
    # D* = 7.1e-12 m²/s of 20 Li in 956.65 Å3 at 300 K is 9.2 mS/cm by the Nernst–Einstein relation
    assert conductivity_S_m(7.1e-12, 1.0, 20, 956.65, 300.0) * 10 == pytest.approx(9.2, abs=0.05)
