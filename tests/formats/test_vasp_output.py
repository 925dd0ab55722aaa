import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_concerted.formats.vasp_output import fortran_exponent, wrap
from tests.formats.vasp_support import description, steps


@pytest.mark.parametrize(
    ("value", "width", "digits", "text"),
    [
        (-17.234567, 14, 8, "-.17234567E+02"),
        (17.234567, 14, 8, "0.17234567E+02"),
        (0.0, 8, 2, "0.00E+00"),
        (-0.0012, 8, 2, "-.12E-02"),
        (0.99999, 11, 3, "  0.100E+01"),
        (1.0, 12, 6, "0.100000E+01"),
    ],
)
def test_numbers_look_as_fortran_writes_them(value, width, digits, text):
    assert fortran_exponent(value, width, digits) == text


@given(st.floats(-1e30, 1e30).filter(lambda x: x == 0 or abs(x) > 1e-30))
def test_fortran_numbers_are_read_back(value):
    text = fortran_exponent(value, 20, 12)
    assert len(text) == 20
    assert float(text) == pytest.approx(value, rel=1e-11)


@given(st.floats(-1e6, 1e6))
def test_wrapped_positions_lie_in_the_cell_and_differ_by_whole_cells(x):
    wrapped = float(wrap(np.array([x]))[0])
    assert 0 <= wrapped < 1
    assert abs((x - wrapped) - round(x - wrapped)) < 1e-9


def test_the_conserved_energy_adds_ions_and_thermostat():
    moving, still = steps(1)[0], steps(1, with_motion=False)[0]
    assert moving.conserved == pytest.approx(moving.energy + 0.25 - 0.125 + 0.0625)
    assert still.conserved == still.energy


def test_a_run_knows_its_parameters_and_electrons():
    run = description()
    assert run.parameter("POTIM") == 2.0
    assert run.valence == 15.0
    with pytest.raises(KeyError):
        run.parameter("NOTHING")
