"""A state is whole or it is refused, wherever the writing was cut."""

import numpy as np
import pytest

from aiida_concerted.formats.contcar import parse_dynamics_state, thermostat_block
from aiida_concerted.formats.poscar import Poscar, format_poscar

RNG = np.random.default_rng(4)
POSCAR = Poscar(
    "Li S2", 5.0 * np.eye(3), ("Li", "S"), (1, 2), RNG.random((3, 3)), velocities=0.01 * RNG.standard_normal((3, 3))
)
VECTORS = "".join("".join(f"{x:16.8E}" for x in row) + "\n" for row in RNG.standard_normal((9, 3)))
THERMOSTAT = "\n   1\n  0.20000000E+01\n  0.1E+01 0.2E-02 0.0E+00 0.1E-03\n" + VECTORS


@pytest.mark.parametrize("rest", ["", "\n", THERMOSTAT], ids=["velocities", "empty line", "thermostat"])
def test_a_whole_file_gives_positions_and_velocities(rest):
    found = parse_dynamics_state(format_poscar(POSCAR) + rest)
    np.testing.assert_allclose(found.velocities, POSCAR.velocities, atol=1e-10)
    np.testing.assert_allclose(found.fractional, POSCAR.fractional, atol=1e-15)
    assert thermostat_block(format_poscar(POSCAR) + rest, found) == rest


@pytest.mark.parametrize("flags", [None, np.ones((3, 3), dtype=bool)], ids=["free", "selective"])
def test_a_file_cut_at_any_byte_is_refused_or_as_good_as_whole(flags):
    poscar = Poscar(**{**vars(POSCAR), "selective": flags})
    head, text = format_poscar(poscar), format_poscar(poscar) + THERMOSTAT
    accepted = []
    for length in range(len(text)):
        try:
            found = parse_dynamics_state(text[:length])
        except ValueError:
            continue
        accepted.append(length)
        np.testing.assert_allclose(found.velocities, POSCAR.velocities, atol=1e-10)
        np.testing.assert_allclose(found.fractional, POSCAR.fractional, atol=1e-15)
    # After the velocities not every thermostat writes more, and a last line feed is no number.
    assert accepted == [len(head), len(head) + 1]


def test_a_structure_without_velocities_is_no_state():
    still = Poscar(**{**vars(POSCAR), "velocities": None})
    with pytest.raises(ValueError, match="CONTCAR has no velocities"):
        parse_dynamics_state(format_poscar(still))
