"""The real potential; marked, because it takes seconds to load."""

import numpy as np
import pytest

from aiida_concerted.formats.outcar import read_outcar_summary
from aiida_concerted.formats.vasprun import read_vasprun_frames
from aiida_concerted.surrogate.potential import ForceFieldError, load_chgnet
from aiida_concerted.surrogate.run import SUBVERSION
from tests.surrogate.support import lif, write_inputs
from tests.surrogate.test_main import call

pytestmark = pytest.mark.surrogate


@pytest.fixture(scope="module")
def chgnet():
    return load_chgnet(("Li", "F"))


def test_the_executable_runs_dynamics_with_chgnet(tmp_path, chgnet):
    poscar = lif(2, displaced=0.02)
    write_inputs(tmp_path, "IBRION = 0\nNSW = 3\nPOTIM = 1\nTEBEG = 300\nSMASS = 0\nISIF = 2\nENCUT = 400\n", poscar)
    result = call(tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert f" vasp.6.4.2 {SUBVERSION}\n" in result.stdout
    frames = read_vasprun_frames(tmp_path / "vasprun.xml")
    assert frames.is_complete
    assert frames.header.subversion == SUBVERSION
    assert read_outcar_summary(tmp_path / "OUTCAR").is_finished
    expected = chgnet(poscar.cell, poscar.positions, True)
    assert frames.frames.energies[0] == pytest.approx(expected.energy, abs=1e-5)
    np.testing.assert_allclose(frames.frames.forces[0], expected.forces, atol=1e-4)


def test_lithium_fluoride_has_the_energy_it_was_fitted_to(chgnet):
    # PBE gives -9.69 eV; CHGNet is fitted to energies with the Materials Project's -0.46 eV per fluoride added.
    poscar = lif(2)
    evaluation = chgnet(poscar.cell, poscar.positions, True)
    assert evaluation.energy == pytest.approx(-9.69 - 0.46, abs=0.1)
    np.testing.assert_allclose(evaluation.forces, 0, atol=1e-3)


def test_forces_and_stress_are_derivatives_of_the_energy(chgnet):
    poscar = lif(2, displaced=0.02)
    cell, positions, step = poscar.cell, poscar.positions, 0.01
    evaluation = chgnet(cell, positions, True)
    for axis in range(3):
        shift = np.zeros((2, 3))
        shift[0, axis] = step
        energies = [chgnet(cell, positions + sign * shift, False).energy for sign in (1, -1)]
        assert (energies[1] - energies[0]) / (2 * step) == pytest.approx(evaluation.forces[0, axis], abs=5e-3)
    step = 0.002
    strained = [(np.eye(3) * (1 + sign * step)) for sign in (1, -1)]
    energies = [chgnet(cell @ strain, positions @ strain, False).energy for strain in strained]
    slope = (energies[0] - energies[1]) / (2 * step) / abs(np.linalg.det(cell))
    assert np.trace(evaluation.stress) == pytest.approx(slope, abs=1e-3)


def test_whole_cells_between_positions_change_nothing(chgnet):
    poscar = lif(2, displaced=0.02)
    here = chgnet(poscar.cell, poscar.positions, False)
    there = chgnet(poscar.cell, poscar.positions + 50 * poscar.cell[0], False)
    assert there.energy == pytest.approx(here.energy, abs=1e-5)
    np.testing.assert_allclose(there.forces, here.forces, atol=1e-4)


def test_atoms_without_neighbours_and_unknown_elements_are_refused(chgnet):
    with pytest.raises(ForceFieldError, match="cannot describe"):
        chgnet(100 * np.eye(3), np.array([[0.0, 0, 0], [40, 40, 40]]), False)
    with pytest.raises(ForceFieldError, match="Xx"):
        load_chgnet(("Li", "Xx"))
