"""The inputs of a segment: where it goes on from must be a state of these atoms."""

import io

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.vasp_md import validate_inputs
from aiida_concerted.data.conversion import structure_of_arrays
from aiida_concerted.formats.poscar import Poscar, format_poscar

CELL = 5.0 * np.eye(3)
FRACTIONAL = np.array([[0.1, 0.2, 0.3], [0.6, 0.5, 0.4]])
POSCAR = Poscar("LiCl", CELL, ("Li", "Cl"), (1, 1), FRACTIONAL, velocities=np.full((2, 3), 0.01))


def file(text, name="CONTCAR"):
    return orm.SinglefileData(io.BytesIO(text.encode()), filename=name)


def inputs(poscar=POSCAR, species=("Li", "Cl"), cell=CELL):
    structure = structure_of_arrays(cell, FRACTIONAL @ cell, species)
    return {"continuation": file(format_poscar(poscar)), "structure": structure}


def test_a_state_of_the_same_atoms_is_taken(aiida_profile):
    assert validate_inputs(inputs(), None) is None
    assert validate_inputs({"structure": inputs()["structure"]}, None) is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (lambda: inputs(species=("Cl", "Li")), "has other atoms, or another order"),
        (lambda: inputs(cell=5.001 * np.eye(3)), "has another cell than structure"),
        (lambda: inputs(Poscar(**{**vars(POSCAR), "velocities": None})), "has no velocities"),
        (lambda: {**inputs(), "continuation": file(format_poscar(POSCAR)[:-1])}, "is cut short"),
        (lambda: {"state": file("", "surrogate.state.npz")}, "needs the continuation"),
    ],
)
def test_anything_else_is_refused_with_a_reason(aiida_profile, given, reason):
    assert reason in validate_inputs(given(), None)
