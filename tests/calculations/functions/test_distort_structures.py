"""Distorted copies as nodes."""

import numpy as np
import pytest
from aiida import orm
from ase.build import bulk

from aiida_concerted.calculations.functions.distort_structures import distort_structures

PARAMETERS = {"number": 3, "seed": 4, "lattice_amplitude": 0.02, "displacement_A": 0.05}


@pytest.fixture
def structure(aiida_profile):
    return orm.StructureData(ase=bulk("NaCl", "rocksalt", a=5.6))


def test_copies_differ_and_repeat_for_a_seed(structure):
    first = distort_structures(structure, orm.Dict(PARAMETERS))
    assert sorted(first) == ["distorted_000", "distorted_001", "distorted_002"]
    assert not np.allclose(first["distorted_000"].cell, first["distorted_001"].cell)
    shifted = distort_structures(structure, orm.Dict({**PARAMETERS, "seed": 5, "number": 1}))
    assert shifted["distorted_000"].get_ase() == first["distorted_001"].get_ase()


@pytest.mark.parametrize(
    ("parameters", "status"), [({**PARAMETERS, "lattice_amplitude": 0.9}, 211), ({"number": 1}, 210)]
)
def test_bad_parameters_end_with_a_reason(structure, parameters, status):
    _, node = distort_structures.run_get_node(structure, orm.Dict(parameters))
    assert node.exit_status == status
