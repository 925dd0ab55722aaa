"""What is read of molecular dynamics that was cut anywhere is what had been written, and joins what comes next."""

import numpy as np
import pytest
from aiida import orm

from aiida_concerted.data.vasp_md import read_md_folder, segment_of_node, trajectory_node
from aiida_concerted.formats.poscar import parse_poscar
from aiida_concerted.formats.vasprun import read_vasprun_frames
from aiida_concerted.surrogate.state import STATE_FILE
from tests.surrogate.support import SUBVERSION, run, write_inputs

MD = "IBRION = 0\nNSW = {n}\nPOTIM = 1.5\nTEBEG = 300\nISIF = 2\nMDALGO = 2\nSMASS = 0\n"


@pytest.fixture
def done(tmp_path):
    """Return the folder of a run of six steps."""
    folder = write_inputs(tmp_path / "run", MD.format(n=6))
    assert run(folder)[0] == 0
    return folder


def test_a_finished_run_is_read_whole(done):
    found = read_md_folder(done, origin="uuid")
    frames = read_vasprun_frames(done / "vasprun.xml").frames
    np.testing.assert_array_equal(found.segment.frames.positions, frames.positions)
    assert found.segment.frames.origins == tuple(("uuid", step) for step in range(1, 7))
    assert (found.is_closed, found.n_steps, found.continuation.n_before, found.problem) == (True, 6, 6, "")
    assert found.continuation.state == (done / STATE_FILE).read_bytes()
    assert found.level_of_theory == SUBVERSION
    assert found.segment.timestep_fs == 1.5


def test_without_the_surrogates_state_contcar_is_taken_to_the_last_digit(done):
    (done / STATE_FILE).unlink()
    continuation = read_md_folder(done).continuation
    assert (continuation.poscar, continuation.state) == ((done / "CONTCAR").read_text(), None)
    assert continuation.n_before == 6


def test_vasprun_cut_at_any_byte_gives_its_complete_steps_and_never_a_gap(done):
    content = (done / "vasprun.xml").read_bytes()
    whole = read_md_folder(done).segment.frames
    ends = [i for i in range(len(content)) if content.startswith(b"</calculation>", i)]
    cuts = [0, 30, *range(200, len(content), 997), *(end + k for end in ends for k in (0, 13, 14))]
    for cut in cuts:
        (done / "vasprun.xml").write_bytes(content[:cut])
        found = read_md_folder(done)
        n_complete = sum(end + len(b"</calculation>") <= cut for end in ends)
        assert found.n_steps == n_complete
        assert not found.is_closed
        if n_complete:
            np.testing.assert_array_equal(found.segment.frames.energies, whole.energies[:n_complete])
        # The state follows step 6: with a step missing it cannot be gone on from, and with all of them it can.
        assert (found.continuation is not None) == (n_complete == 6)


@pytest.mark.parametrize("name", ["CONTCAR", STATE_FILE, "OUTCAR"])
def test_other_files_cut_at_any_byte_never_give_another_state(done, name):
    whole = read_md_folder(done).continuation
    content = (done / name).read_bytes()
    for cut in sorted({0, 1, *range(0, len(content), max(1, len(content) // 60)), len(content) - 1}):
        (done / name).write_bytes(content[:cut])
        found = read_md_folder(done).continuation
        assert found.n_before == 6
        a, b = parse_poscar(found.poscar), parse_poscar(whole.poscar)
        np.testing.assert_allclose(a.velocities, b.velocities, atol=1e-9)
        offsets = (a.fractional - b.fractional + 0.5) % 1 - 0.5
        np.testing.assert_allclose(offsets, 0, atol=1e-12)


def test_vanished_files_leave_what_there_is(done):
    (done / STATE_FILE).unlink()
    (done / "CONTCAR").unlink()
    found = read_md_folder(done)
    assert (found.n_steps, found.continuation) == (6, None)
    assert "CONTCAR" in found.problem
    (done / "vasprun.xml").unlink()
    gone = read_md_folder(done)
    assert (gone.n_steps, gone.segment, gone.continuation) == (0, None, None)


def test_a_state_without_its_step_is_not_replaced_by_a_contcar_without_the_thermostat(done, tmp_path):
    shorter = write_inputs(tmp_path / "shorter", MD.format(n=5))
    run(shorter)
    for name in ("vasprun.xml", "CONTCAR"):
        (done / name).write_bytes((shorter / name).read_bytes())
    assert read_md_folder(done).continuation is None
    (done / STATE_FILE).unlink()
    assert read_md_folder(done).continuation.n_before == 5


def test_the_state_of_another_run_is_not_gone_on_from(done, tmp_path):
    other = write_inputs(tmp_path / "other", MD.format(n=9) + "RANDOM_SEED = 8 0 0\n")
    run(other)
    for name in (STATE_FILE, "CONTCAR"):
        (done / name).write_bytes((other / name).read_bytes())
    found = read_md_folder(done)
    assert found.continuation is None
    assert "does not follow any step" in found.problem


def test_the_trajectory_node_holds_cartesian_positions_and_gives_the_segment_back(aiida_profile, done):
    found = read_md_folder(done)
    node = trajectory_node(found).store()
    back = segment_of_node(node)
    for name in ("positions", "cells", "energies", "forces", "virials"):
        np.testing.assert_array_equal(getattr(back.frames, name), getattr(found.segment.frames, name))
    for name in ("is_converged", "kinetic", "conserved"):
        np.testing.assert_array_equal(getattr(back, name), getattr(found.segment, name))
    assert back.timestep_fs == 1.5
    structure = node.get_step_structure(2)
    assert isinstance(structure, orm.StructureData)
    sites = np.array([site.position for site in structure.sites])
    np.testing.assert_allclose(sites, found.segment.frames.positions[2])
    assert node.pbc == (True, True, True) or list(node.pbc) == [True] * 3
