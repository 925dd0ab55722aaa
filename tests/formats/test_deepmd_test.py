from __future__ import annotations

import numpy as np
import pytest

from aiida_concerted.formats.deepmd_test import Evaluation, differences_of, errors_of, read_evaluations


def test_systems_are_told_apart_by_their_sizes():
    energies = "# a: data_e pred_e\n1 2\n3 4\n5 6\n"
    forces = "# a: data_fx data_fy data_fz pred_fx pred_fy pred_fz\n" + "".join(f"{i} 0 0 {i} 1 0\n" for i in range(4))
    first, second = read_evaluations(energies, forces, [(2, 1), (1, 2)])
    assert list(first.reference_energies) == [1, 3]
    assert list(second.predicted_energies) == [6]
    assert first.reference_forces[:, 0, 0].tolist() == [0, 1]
    assert second.reference_forces[0, :, 0].tolist() == [2, 3]
    assert second.predicted_forces[0, 0].tolist() == [2, 1, 0]
    with pytest.raises(ValueError, match="was to write 4 energies and 5 forces, its files hold 3 and 4"):
        read_evaluations(energies, forces, [(3, 1), (1, 2)])
    with pytest.raises(ValueError, match="must have 2 columns"):
        read_evaluations("1 2 3\n", forces, [(1, 4)])


def test_errors_weigh_frames_and_force_components_alike():
    generator = np.random.default_rng(3)
    parts = []
    for n_frames, n_atoms in ((4, 3), (2, 5)):
        energy, force = generator.normal(size=(2, n_frames)), generator.normal(size=(2, n_frames, n_atoms, 3))
        parts.append(Evaluation(energy[0], energy[1], force[0], force[1]))
    found = errors_of(parts)
    energy_square = force_square = 0.0
    for part in parts:
        for frame in range(len(part.reference_energies)):
            energy_square += ((part.predicted_energies[frame] - part.reference_energies[frame]) / part.n_atoms) ** 2
            for atom in range(part.n_atoms):
                for axis in range(3):
                    index = (frame, atom, axis)
                    force_square += (part.predicted_forces[index] - part.reference_forces[index]) ** 2
    assert found["rmse_energy_eV_per_atom"] == pytest.approx((energy_square / 6) ** 0.5)
    assert found["rmse_force_eV_A"] == pytest.approx((force_square / (12 * 3 + 10 * 3)) ** 0.5)
    assert found["mae_force_eV_A"] < found["rmse_force_eV_A"]
    with pytest.raises(ValueError, match="nothing to compare"):
        errors_of([])


def test_two_models_are_compared_by_what_they_predict():
    reference, zero = np.zeros((2, 3, 3)), np.zeros(2)
    one = [Evaluation(zero, np.array([3.0, 0.0]), reference, np.full((2, 3, 3), 0.2))]
    other = [Evaluation(zero, np.array([0.0, 0.0]), reference, np.full((2, 3, 3), 0.1))]
    other[0].predicted_forces[1, 2, 0] = 0.6
    found = differences_of(one, other)
    assert found["rmse_energy_eV_per_atom"] == pytest.approx((1.0 / 2) ** 0.5)
    assert found["max_force_eV_A"] == pytest.approx(0.4)
    assert found["rmse_force_eV_A"] == pytest.approx(((17 * 0.01 + 0.16) / 18) ** 0.5)
    with pytest.raises(ValueError, match="different frames"):
        differences_of(one, [*other, *other])
