"""The programs that read VASP's files read the surrogate's, and agree with each other."""

import contextlib
import re
import warnings

import dpdata
import numpy as np
import pytest
from pymatgen.io.vasp.inputs import Poscar as PymatgenPoscar
from pymatgen.io.vasp.outputs import Oszicar, Outcar, Vasprun, Xdatcar

from aiida_concerted.formats.outcar_frames import read_outcar_frames
from aiida_concerted.formats.vasprun import read_vasprun_frames
from tests.surrogate.support import LennardJones, Springs, lif, run, write_inputs

RUNS = {
    "static": ("NSW = 0\n", Springs, 8),
    "dynamics": ("IBRION = 0\nNSW = 5\nPOTIM = 1\nTEBEG = 400\nSMASS = 0\nISIF = 2\nPREC = Normal\n", Springs, 8),
    "cell": ("IBRION = 2\nNSW = 30\nISIF = 3\nEDIFFG = -0.02\n", LennardJones, 2),
    "truncated": ("IBRION = 0\nNSW = 5\nPOTIM = 1\nTEBEG = 400\nISIF = 2\n", Springs, 8),
}


@pytest.fixture(scope="module", params=RUNS)
def folder(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param)
    incar, factory, n_atoms = RUNS[request.param]
    flags = np.arange(3 * n_atoms).reshape(n_atoms, 3) > 2 if request.param == "static" else None
    write_inputs(path, incar, lif(n_atoms, displaced=0.01, selective=flags))
    if request.param != "truncated":
        assert run(path, factory)[0] == 0
        return path
    springs = Springs(())
    springs.fail_at = 4
    with contextlib.suppress(KeyboardInterrupt):
        run(path, lambda species: springs)
    return path


@pytest.fixture
def frames(folder):
    return read_vasprun_frames(folder / "vasprun.xml").frames


def is_truncated(folder):
    return folder.name.startswith("truncated")


def test_pymatgen_reads_vasprun(folder, frames):
    if is_truncated(folder):
        with pytest.warns(UserWarning, match="malformed"):
            run = Vasprun(folder / "vasprun.xml", exception_on_bad_xml=False, parse_potcar_file=False)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run = Vasprun(folder / "vasprun.xml", exception_on_bad_xml=True, parse_potcar_file=False)
        assert run.converged
    assert run.vasp_version == "6.4.2"
    assert run.run_type == "GGA"
    assert [str(symbol) for symbol in run.atomic_symbols] == list(frames.species)
    assert run.potcar_symbols == ["PAW_PBE Li_sv PLACEHOLDER", "PAW_PBE F PLACEHOLDER"]
    for i, step in enumerate(run.ionic_steps):
        assert {step[e] for e in ("e_fr_energy", "e_wo_entrp", "e_0_energy")} == {frames.energies[i]}
        np.testing.assert_array_equal(step["forces"], frames.forces[i])
        np.testing.assert_array_equal(step["structure"].lattice.matrix, frames.cells[i])
    assert len(run.ionic_steps) == len(frames)


def test_pymatgen_reads_outcar(folder, frames):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcar = Outcar(folder / "OUTCAR")
    assert outcar.final_fr_energy == outcar.final_energy == frames.energies[-1]
    assert not outcar.is_stopped
    assert ("Elapsed time (sec)" in outcar.run_stats) != is_truncated(folder)


def test_pymatgen_reads_positions_and_velocities(folder, frames):
    structures = Xdatcar(folder / "XDATCAR").structures
    poscar = PymatgenPoscar.from_file(folder / "CONTCAR", check_for_potcar=False)
    assert len(structures) == len(frames)
    for structure, cell, positions in zip(structures, frames.cells, frames.positions, strict=True):
        np.testing.assert_allclose(structure.lattice.matrix, cell, atol=1e-8)
        np.testing.assert_allclose(structure.frac_coords % 1, positions @ np.linalg.inv(cell) % 1, atol=2e-8)
    is_md = "IBRION = 0" in (folder / "INCAR").read_text()
    assert (poscar.velocities is not None) == is_md
    assert (poscar.selective_dynamics is not None) == folder.name.startswith("static")


def test_pymatgen_reads_oszicar(folder, frames):
    oszicar = Oszicar(folder / "OSZICAR")
    np.testing.assert_allclose([step["F"] for step in oszicar.ionic_steps], frames.energies, atol=1e-6)
    assert [len(steps) for steps in oszicar.electronic_steps] == [1] * len(frames)


@pytest.mark.parametrize(("name", "fmt"), [("vasprun.xml", "vasp/xml"), ("OUTCAR", "vasp/outcar")])
def test_dpdata_reads_labels(folder, frames, name, fmt):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check = not (is_truncated(folder) and fmt == "vasp/xml")  # its check of a closed document reads the whole tree
        system = dpdata.LabeledSystem(folder / name, fmt=fmt, convergence_check=check)
    assert len(system) == len(frames)
    assert [system["atom_names"][i] for i in system["atom_types"]] == list(frames.species)
    np.testing.assert_allclose(system["energies"], frames.energies, atol=1e-8)
    # dpdata turns the cell to lower triangular form: lengths and products stay.
    np.testing.assert_allclose(
        system["cells"] @ system["cells"].transpose(0, 2, 1), frames.cells @ frames.cells.transpose(0, 2, 1), atol=1e-7
    )
    np.testing.assert_allclose(
        np.linalg.norm(system["forces"], axis=2), np.linalg.norm(frames.forces, axis=2), atol=2e-6
    )
    np.testing.assert_allclose(
        np.trace(system["virials"], axis1=1, axis2=2), np.trace(frames.virials, axis1=1, axis2=2), atol=1e-5
    )


def test_aiida_vasp_finds_a_finished_converged_run(folder, frames):
    from aiida_vasp.parsers.content_parsers import OutcarParser, PoscarParser, VasprunParser

    with (folder / "vasprun.xml").open("rb") as handler:
        settings = {"energy_type": ["energy_free", "energy_extrapolated"], "electronic_step_energies": False}
        parser = VasprunParser(handler=handler, settings=settings)
        status, trajectory, energies = parser.run_status, parser.trajectory, parser.energies
    with (folder / "OUTCAR").open() as handler:
        outcar = OutcarParser(handler=handler)
        run_status, run_stats = outcar.run_status, outcar.run_stats
    finished = not is_truncated(folder)
    assert status["finished"] is run_status["finished"] is finished
    assert status["electronic_converged"] is run_status["electronic_converged"] is finished
    assert bool(run_stats) is finished
    relaxed = folder.name.startswith("cell")
    assert run_status["ionic_converged"] is (True if relaxed else None if finished else False)
    # parsevasp 3.4 gives a run of one step twice, as its first and as its last.
    rows = [0, 0] if len(frames) == 1 else list(range(len(frames)))
    np.testing.assert_array_equal(trajectory["cells"], frames.cells[rows])
    np.testing.assert_array_equal(trajectory["forces"], frames.forces[rows])
    np.testing.assert_array_equal(energies["energy_free"], frames.energies)
    with (folder / "CONTCAR").open() as handler:
        assert len(PoscarParser(handler=handler).structure["sites"]) == len(frames.species)


def test_aiida_vasp_finds_no_complaint_in_standard_output(tmp_path):
    from aiida_vasp.parsers.content_parsers import StreamParser

    _, out, _ = run(write_inputs(tmp_path, "NSW = 0\n"))
    (tmp_path / "vasp_output").write_text(out)
    with (tmp_path / "vasp_output").open() as handler:
        assert StreamParser(handler=handler).notifications == []


@pytest.fixture(scope="module")
def ten_steps(tmp_path_factory):
    """Return a run of ten steps in an oblique cell, its three energies told apart as those of a metal are."""
    path = tmp_path_factory.mktemp("ten")
    cell = np.array([[4.06, 0, 0], [0.31, 4.21, 0], [-0.22, 0.17, 3.98]])  # dpdata turns others to this form
    incar = "IBRION = 0\nNSW = 10\nPOTIM = 1\nTEBEG = 600\nSMASS = 0\nISIF = 2\n"
    write_inputs(path, incar, lif(8, displaced=0.02, cell=cell))
    assert run(path)[0] == 0
    text = (path / "vasprun.xml").read_text()
    for name, shift in (("e_wo_entrp", 1.5), ("e_0_energy", 0.75)):
        text = re.sub(
            rf'(name="{name}">)([^<]*)(<)', lambda m, shift=shift: f"{m[1]}{float(m[2]) + shift:16.8f} {m[3]}", text
        )
    (path / "vasprun.xml").write_text(text)
    text = (path / "OUTCAR").read_text()
    pattern = r"(energy  without entropy *=)( *[-.\d]+)( *energy\(sigma->0\) *=)( *[-.\d]+)"
    assert len(re.findall(pattern, text)) >= 10
    text = re.sub(pattern, lambda m: f"{m[1]}{float(m[2]) + 1.5:16.8f}{m[3]}{float(m[4]) + 0.75:16.8f}", text)
    (path / "OUTCAR").write_text(text)
    return path


def same(first, second, decimals):
    """Assert that numbers are the same to the last digit that the file has."""
    np.testing.assert_array_equal(np.round(first, decimals) + 0.0, np.round(second, decimals) + 0.0)


def test_three_readers_agree_to_the_last_digit_on_vasprun(ten_steps):
    ours = read_vasprun_frames(ten_steps / "vasprun.xml").frames
    theirs = Vasprun(ten_steps / "vasprun.xml", parse_potcar_file=False).ionic_steps
    system = dpdata.LabeledSystem(ten_steps / "vasprun.xml", fmt="vasp/xml")
    assert len(ours) == len(theirs) == len(system) == 10
    np.testing.assert_array_equal(ours.energies, [step["e_fr_energy"] for step in theirs])
    assert abs(ours.energies - [step["e_0_energy"] for step in theirs]).min() > 0.7
    np.testing.assert_array_equal(ours.forces, [step["forces"] for step in theirs])
    np.testing.assert_array_equal(ours.cells, [step["structure"].lattice.matrix for step in theirs])
    same(ours.energies, system["energies"], 8)
    same(ours.forces, system["forces"], 8)
    same(ours.cells, system["cells"], 8)


def test_two_readers_agree_to_the_last_digit_on_outcar(ten_steps):
    ours = read_outcar_frames(ten_steps / "OUTCAR").frames
    system = dpdata.LabeledSystem(ten_steps / "OUTCAR", fmt="vasp/outcar")
    assert len(ours) == len(system) == 10
    same(ours.energies, system["energies"], 8)
    same(ours.forces, system["forces"], 6)
    same(ours.cells, system["cells"], 9)
    assert Outcar(ten_steps / "OUTCAR").final_fr_energy == ours.energies[-1]
