import re

import numpy as np
import pytest

from aiida_concerted.common.units import EV_PER_A3_IN_KBAR
from aiida_concerted.formats.oszicar import read_oszicar
from aiida_concerted.formats.outcar import read_outcar_summary
from aiida_concerted.formats.poscar import read_poscar
from aiida_concerted.formats.vasprun import VasprunReader, read_vasprun_frames
from aiida_concerted.formats.xdatcar import iterate_xdatcar
from aiida_concerted.surrogate.dynamics import thermal_velocities
from aiida_concerted.surrogate.potential import ForceFieldError
from aiida_concerted.surrogate.state import STATE_FILE, load_state
from tests.surrogate.support import SUBVERSION, LennardJones, Springs, lif, run, write_inputs

MD = "IBRION = 0\nNSW = {n}\nPOTIM = 1.5\nTEBEG = 300\nISIF = 2\nMDALGO = 2\nSMASS = 0\n"
OUTPUTS = {"vasprun.xml", "OUTCAR", "OSZICAR", "XDATCAR", "CONTCAR"}


def names(folder):
    return {path.name for path in folder.iterdir()} - {"INCAR", "POSCAR", "KPOINTS", "POTCAR"}


def test_a_static_run_evaluates_once_and_says_that_it_is_not_dft(tmp_path):
    poscar = lif(8, displaced=0.01)
    code, out, err = run(write_inputs(tmp_path, "NSW = 0\n", poscar))
    result = read_vasprun_frames(tmp_path / "vasprun.xml")
    expected = Springs(poscar.species)(poscar.cell, poscar.positions, True)
    assert (code, err, names(tmp_path)) == (0, "", OUTPUTS)
    assert len(result.frames) == 1
    assert result.is_complete
    assert result.frames.energies[0] == pytest.approx(expected.energy, abs=1e-8)
    np.testing.assert_allclose(result.frames.forces[0], expected.forces, atol=1e-8)
    stress = -expected.stress * 4.06**3
    np.testing.assert_allclose(result.frames.virials[0], stress, atol=1e-7)
    assert SUBVERSION in (tmp_path / "OUTCAR").read_text().splitlines()[0]
    assert result.header.subversion == SUBVERSION
    assert SUBVERSION in out
    assert read_outcar_summary(tmp_path / "OUTCAR").is_finished


def test_dynamics_writes_every_step_to_every_file(tmp_path):
    code, out, _ = run(write_inputs(tmp_path, MD.format(n=7)))
    result = read_vasprun_frames(tmp_path / "vasprun.xml")
    frames = list(iterate_xdatcar(tmp_path / "XDATCAR"))
    lines = read_oszicar(tmp_path / "OSZICAR")
    assert code == 0
    assert len(result.frames) == len(frames) == len(lines) == read_outcar_summary(tmp_path / "OUTCAR").n_steps == 7
    assert lines[0].temperature == 300.0
    assert out.count(" T= ") == 7
    np.testing.assert_allclose(frames[-1].fractional @ frames[-1].cell, result.frames.positions[-1], atol=1e-6)
    np.testing.assert_allclose([line.free_energy for line in lines], result.frames.energies, atol=1e-7)


def test_the_energy_that_vasprun_calls_total_is_conserved(tmp_path):
    run(write_inputs(tmp_path, MD.format(n=60)))
    steps = list(VasprunReader(tmp_path / "vasprun.xml"))
    total = np.array([step.conserved for step in steps])
    kinetic = np.array([step.kinetic for step in steps])
    assert np.ptp(total) < 0.02 * np.ptp(kinetic)


def test_two_halves_joined_by_the_state_are_one_run_bit_for_bit(tmp_path):
    whole = write_inputs(tmp_path / "whole", MD.format(n=10))
    first = write_inputs(tmp_path / "first", MD.format(n=5))
    second = write_inputs(tmp_path / "second", MD.format(n=5))
    run(whole)
    run(first)
    (second / "POSCAR").write_text((first / "CONTCAR").read_text())
    (second / STATE_FILE).write_bytes((first / STATE_FILE).read_bytes())
    _, out, _ = run(second)
    assert "start = state" in out
    one, two = load_state(whole / STATE_FILE), load_state(second / STATE_FILE)
    np.testing.assert_array_equal(one.state.positions, two.state.positions)
    np.testing.assert_array_equal(one.state.velocities, two.state.velocities)
    assert (one.state.friction, one.state.reservoir) == (two.state.friction, two.state.reservoir)
    steps = [
        re.findall(r"<calculation>.*?</calculation>", (f / "vasprun.xml").read_text(), re.S) for f in (whole, second)
    ]
    for a, b in zip(steps[0][5:], steps[1], strict=True):
        assert re.sub(r"<time.*?</time>", "", a) == re.sub(r"<time.*?</time>", "", b)


def test_the_state_is_found_without_velocities_in_poscar(tmp_path):
    first = write_inputs(tmp_path, MD.format(n=3))
    run(first)
    contcar = read_poscar(first / "CONTCAR")
    write_inputs(first, MD.format(n=3), lif(8, fractional=np.round(contcar.fractional, 8)))
    assert "start = state" in run(first)[1]


def test_a_state_that_does_not_belong_is_left_aside_and_said_so(tmp_path):
    first = write_inputs(tmp_path, MD.format(n=3))
    assert "start = thermal" in run(first)[1]
    again = run(first)[1]
    assert "start = thermal" in again
    assert f"{STATE_FILE} is left aside: an atom is" in again
    assert "is left aside" in (first / "OUTCAR").read_text()


def test_velocities_of_poscar_are_taken(tmp_path):
    masses = np.repeat([6.94, 18.998], 4)
    velocities = thermal_velocities(masses, 150.0, (9,))
    write_inputs(tmp_path, MD.format(n=1).replace("MDALGO = 2\nSMASS = 0\n", ""), lif(8, velocities=velocities))
    _, out, _ = run(tmp_path)
    assert "start = velocities (of POSCAR)" in out
    assert read_oszicar(tmp_path / "OSZICAR")[0].temperature == 150.0


def test_the_seed_chooses_the_velocities(tmp_path):
    contents = set()
    for name, seed in (("a", ""), ("b", "RANDOM_SEED = 5 0 0\n"), ("c", "RANDOM_SEED = 5 0 0\n")):
        run(write_inputs(tmp_path / name, MD.format(n=2) + seed))
        contents.add((tmp_path / name / "CONTCAR").read_text())
    assert len(contents) == 2


def test_without_isif_dynamics_has_no_stress(tmp_path):
    run(write_inputs(tmp_path, MD.format(n=2).replace("ISIF = 2\n", "")))
    assert read_vasprun_frames(tmp_path / "vasprun.xml").frames.virials is None
    assert "in kB" not in (tmp_path / "OUTCAR").read_text()


def test_nblock_thins_the_positions(tmp_path):
    run(write_inputs(tmp_path, MD.format(n=6) + "NBLOCK = 3\n"))
    assert [frame.step for frame in iterate_xdatcar(tmp_path / "XDATCAR")] == [3, 6]


def test_selective_dynamics_holds_atoms_in_dynamics_and_relaxation(tmp_path):
    flags = np.ones((8, 3), dtype=bool)
    flags[0] = False
    flags[1, 2] = False
    poscar = lif(8, displaced=0.02, selective=flags)
    for name, incar in (("md", MD.format(n=4)), ("relax", "IBRION = 2\nNSW = 4\n")):
        run(write_inputs(tmp_path / name, incar, poscar))
        last = read_poscar(tmp_path / name / "CONTCAR")
        moved = np.abs((last.fractional - poscar.fractional + 0.5) % 1 - 0.5) > 1e-9
        np.testing.assert_array_equal(moved, flags)
        np.testing.assert_array_equal(last.selective, flags)


def test_a_relaxation_ends_in_the_minimum_of_the_potential(tmp_path):
    write_inputs(tmp_path, "IBRION = 2\nNSW = 60\nEDIFFG = -0.001\n", lif(8, displaced=0.03))
    code, out, _ = run(tmp_path)
    result = read_vasprun_frames(tmp_path / "vasprun.xml")
    assert code == 0
    assert "reached required accuracy" in out
    assert 2 < len(result.frames) < 60
    assert np.linalg.norm(result.frames.forces[-1], axis=1).max() < 0.001
    offsets = (read_poscar(tmp_path / "CONTCAR").fractional - lif(8).fractional + 0.5) % 1 - 0.5
    np.testing.assert_allclose(offsets, 0, atol=2e-4)


def test_a_relaxation_of_the_cell_ends_without_stress(tmp_path):
    write_inputs(tmp_path, "IBRION = 1\nNSW = 80\nEDIFFG = -0.002\nISIF = 3\n", lif(2, displaced=0.01))
    run(tmp_path, LennardJones)
    result = read_vasprun_frames(tmp_path / "vasprun.xml")
    assert result.frames.virials is not None
    assert np.abs(result.frames.virials[0]).max() > 0.1
    assert np.abs(result.frames.virials[-1]).max() < 0.01
    assert result.frames.energies[-1] < result.frames.energies[0]
    header_count = (tmp_path / "XDATCAR").read_text().count("LiF")
    assert header_count == len(result.frames)


def test_the_stress_is_the_derivative_of_the_energy_with_vasps_sign(tmp_path):
    energies = []
    for name, factor in (("small", 0.999), ("large", 1.001), ("middle", 1.0)):
        write_inputs(tmp_path / name, "NSW = 0\n", lif(2, cell=lif(2).cell * factor))
        run(tmp_path / name, LennardJones)
        result = read_vasprun_frames(tmp_path / name / "vasprun.xml")
        energies.append(result.frames.energies[0])
    volume = abs(np.linalg.det(lif(2).cell))
    slope = (energies[1] - energies[0]) / (volume * (1.001**3 - 0.999**3))
    stress = result.frames.virials[0] / volume * EV_PER_A3_IN_KBAR
    assert np.trace(stress) / 3 == pytest.approx(-slope * EV_PER_A3_IN_KBAR, rel=1e-3)


def test_a_positive_ediffg_looks_at_the_energy_and_zero_at_nothing(tmp_path):
    write_inputs(tmp_path / "energy", "IBRION = 2\nNSW = 50\nEDIFFG = 1E-3\n", lif(8, displaced=0.03))
    run(tmp_path / "energy")
    energies = read_vasprun_frames(tmp_path / "energy" / "vasprun.xml").frames.energies
    changes = np.abs(np.diff(energies))
    assert changes[-1] < 1e-3
    assert (changes[:-1] >= 1e-3).all()
    write_inputs(tmp_path / "all", "IBRION = 2\nNSW = 6\nEDIFFG = 0\n", lif(8, displaced=0.03))
    run(tmp_path / "all")
    assert len(read_vasprun_frames(tmp_path / "all" / "vasprun.xml").frames) == 6


@pytest.mark.parametrize("tag", ["LSTOP", "LABORT"])
@pytest.mark.parametrize("incar", [MD.format(n=50), "IBRION = 2\nNSW = 50\nEDIFFG = 0\n"])
def test_stopcar_ends_a_run_in_order(tmp_path, tag, incar):
    write_inputs(tmp_path, incar, lif(8, displaced=0.02))
    (tmp_path / "STOPCAR").write_text(f"{tag} = .TRUE.\n")
    code, _, _ = run(tmp_path)
    summary = read_outcar_summary(tmp_path / "OUTCAR")
    assert code == 0
    assert (summary.n_steps, summary.is_finished, summary.is_stopped) == (1, True, True)
    assert read_vasprun_frames(tmp_path / "vasprun.xml").is_complete
    assert not (tmp_path / "STOPCAR").exists()


def test_a_killed_run_leaves_its_finished_steps_and_no_end(tmp_path):
    write_inputs(tmp_path, MD.format(n=9))
    springs = Springs(())
    springs.fail_at = 5
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, lambda species: springs)
    result = read_vasprun_frames(tmp_path / "vasprun.xml")
    summary = read_outcar_summary(tmp_path / "OUTCAR")
    assert (len(result.frames), result.is_complete) == (4, False)
    assert (summary.n_steps, summary.is_finished) == (4, False)
    assert len(list(iterate_xdatcar(tmp_path / "XDATCAR"))) == 4
    assert read_poscar(tmp_path / "CONTCAR").velocities is not None
    state = load_state(tmp_path / STATE_FILE)
    assert state.mismatch(read_poscar(tmp_path / "CONTCAR"), 1.5) is None


def test_a_failing_potential_ends_the_run_with_one_line(tmp_path):
    def explode(species):
        def force_field(cell, positions, with_stress):
            raise ForceFieldError("the atoms have flown apart")

        return force_field

    code, _, err = run(write_inputs(tmp_path, MD.format(n=3)), explode)
    assert (code, err) == (1, "concerted-vasp-surrogate: the atoms have flown apart\n")
    assert "the atoms have flown apart" in (tmp_path / "OUTCAR").read_text()
    assert not read_outcar_summary(tmp_path / "OUTCAR").is_finished


def test_numbers_that_are_not_finite_end_the_run(tmp_path):
    class Broken(Springs):
        def __call__(self, cell, positions, with_stress):
            evaluation = super().__call__(cell, positions, with_stress)
            evaluation.forces[0, 0] = np.nan if self.calls == 3 else evaluation.forces[0, 0]
            return evaluation

    code, _, err = run(write_inputs(tmp_path, MD.format(n=5)), Broken)
    assert code == 1
    assert "not finite" in err
    assert len(read_vasprun_frames(tmp_path / "vasprun.xml").frames) == 2


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda f: (f / "INCAR").write_text("LDAU = T\n"), "INCAR line 1: LDAU"),
        (lambda f: (f / "INCAR").unlink(), "INCAR cannot be read"),
        (lambda f: (f / "POSCAR").write_text("LiF\n1\n4 0 0\n0 4 0\n"), "POSCAR ends after line 4"),
        (lambda f: (f / "KPOINTS").write_text("x\n4\nLine\n"), "KPOINTS line 3"),
        (lambda f: (f / "POTCAR").write_text(""), "POTCAR holds no potential"),
        (
            lambda f: write_inputs(f, "NSW = 0\n", symbols=("F", "Li")),
            "POSCAR line 6 names Li F where POTCAR holds F Li",
        ),
        (lambda f: write_inputs(f, "NSW = 0\n", symbols=("Li",)), "POTCAR holds 1 potentials for the 2 groups"),
        (lambda f: (f / "POTCAR").write_text((f / "POTCAR").read_text().replace("= PE", "= CA")), "LEXCH = CA"),
        (lambda f: (f / "INCAR").write_text("POMASS = 6.9\n"), "POMASS = 6.9 has 1 values where 2"),
        (lambda f: (f / "INCAR").write_text("POMASS = 6.9 0\n"), "must be positive"),
        (lambda f: write_inputs(f, MD.format(n=2), lif(8, selective=np.zeros((8, 3), bool))), "all are fixed"),
        (
            lambda f: write_inputs(f, "NSW = 0\n", lif(2, selective=np.array([[True] * 3, [True, True, False]]))),
            "lattice vectors along x, y, z",
        ),
    ],
)
def test_bad_inputs_are_refused_in_one_line_and_leave_no_old_results(tmp_path, spoil, reason):
    run(write_inputs(tmp_path, "NSW = 0\n"))
    spoil(tmp_path)
    code, _, err = run(tmp_path)
    assert code == 2
    assert reason in err
    assert err.count("\n") == 1
    assert reason in (tmp_path / "OUTCAR").read_text()
    assert not (tmp_path / "vasprun.xml").exists()


def test_kspacing_makes_the_mesh_where_there_is_no_kpoints(tmp_path):
    write_inputs(tmp_path, "KSPACING = 0.8\n")
    (tmp_path / "KPOINTS").unlink()
    assert run(tmp_path)[0] == 0
    assert '<v type="int" name="divisions">        2        2        2 </v>' in (tmp_path / "vasprun.xml").read_text()


def test_the_mass_of_incar_wins_over_that_of_potcar(tmp_path):
    run(write_inputs(tmp_path / "light", MD.format(n=2)))
    run(write_inputs(tmp_path / "heavy", MD.format(n=2) + "POMASS = 69.4 19\n"))
    speeds = [np.linalg.norm(read_poscar(tmp_path / n / "CONTCAR").velocities[:4]) for n in ("light", "heavy")]
    assert speeds[1] < 0.6 * speeds[0]
