import pickle
from dataclasses import replace

import numpy as np
import pytest

from aiida_concerted.surrogate.dynamics import MdState
from aiida_concerted.surrogate.state import SavedState, load_state, save_state
from tests.surrogate.support import lif


@pytest.fixture
def saved():
    poscar = lif(8, displaced=0.01)
    rng = np.random.default_rng(2)
    positions = poscar.positions + poscar.cell.sum(axis=0)
    state = MdState(positions, rng.standard_normal((8, 3)), 0.123456789012345678, -7.0, True)
    return SavedState(state, poscar.species, poscar.cell, 2.0, rng.standard_normal((8, 3)) * 1e-3, 31.25)


def test_a_state_comes_back_bit_for_bit(tmp_path, saved):
    save_state(tmp_path / "state.npz", saved)
    again = load_state(tmp_path / "state.npz")
    np.testing.assert_array_equal(again.state.positions, saved.state.positions)
    np.testing.assert_array_equal(again.state.velocities, saved.state.velocities)
    assert (again.state.friction, again.state.reservoir) == (saved.state.friction, saved.state.reservoir)
    assert again.state.is_midway
    assert (again.species, again.timestep, again.thermostat_mass) == (saved.species, saved.timestep, 31.25)
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_a_state_belongs_to_its_poscar_wherever_the_atoms_are_wrapped(saved):
    assert saved.mismatch(lif(8, displaced=0.01), 2.0) is None
    assert saved.mismatch(lif(8, displaced=0.01, velocities=saved.poscar_velocities), 2.0) is None


@pytest.mark.parametrize(
    ("changes", "timestep", "reason"),
    [
        ({"cell": 4.07 * np.eye(3)}, 2.0, "cell"),
        ({"symbols": ("Na", "F")}, 2.0, "atoms"),
        ({"fractional": lif(8).fractional}, 2.0, "Å away"),
        ({"velocities": np.zeros((8, 3))}, 2.0, "velocities"),
        ({}, 1.0, "time step"),
    ],
)
def test_a_state_of_another_run_is_told_apart(saved, changes, timestep, reason):
    assert reason in saved.mismatch(replace(lif(8, displaced=0.01), **changes), timestep)


def test_a_file_that_is_no_state_is_refused_and_never_unpickled(tmp_path, saved):
    path = tmp_path / "state.npz"
    for content in (b"", b"nonsense", pickle.dumps({"a": 1})):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="remove it"):
            load_state(path)
    save_state(path, saved)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="remove it"):
        load_state(path)
    save_state(path, replace(saved, poscar_velocities=np.full((8, 3), np.nan)))
    with pytest.raises(ValueError, match="finite"):
        load_state(path)
    np.savez(path, format=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="remove it"):
        load_state(path)
