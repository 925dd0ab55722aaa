"""Damaged frames are no run; a machine that cannot write says nothing of them."""

from __future__ import annotations

import tarfile
from contextlib import contextmanager

import MDAnalysis
import numpy as np
import pytest
from click.testing import CliRunner

from aiida_concerted.cli.main import cli, run_reporting_errors
from aiida_concerted.formats.h5md import read_h5md
from aiida_concerted.formats.lammps_input import CARRIERS_DCD
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.reduction.picking import PICKED, PickRequest, read_picked
from aiida_concerted.reduction.request import RunDescription, Segment
from aiida_concerted.reduction.segments import CHANGED, MISSING, UNREADABLE, ReductionError, join_run

N_FRAMES, N_ATOMS = 200, 100
RUN = RunDescription(("Li",) * N_ATOMS, np.diag([10.0, 11.0, 12.0]), MdParameters("Li", 300.0, 20.0))


@contextmanager
def full_disk(n_bytes):
    """Let no file become longer than so many bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def segment(tmp_path):
    """Return an archive of the frames of a run, whose carriers move at random."""
    md, path = RUN.md, tmp_path / CARRIERS_DCD
    universe = MDAnalysis.Universe.empty(N_ATOMS, trajectory=True)
    cell = (10, 11, 12, 90, 90, 90)
    with MDAnalysis.Writer(str(path), N_ATOMS, dt=1.0, istart=md.first_step, nsavc=md.frame_steps) as writer:
        for frame in np.random.default_rng(3).normal(size=(N_FRAMES, N_ATOMS, 3)):
            universe.atoms.positions, universe.dimensions = frame, cell
            writer.write(universe.atoms)
    with tarfile.open(tmp_path / "run.tar.gz", "w:gz") as archive:
        archive.add(path, f"job/{CARRIERS_DCD}")
    path.unlink()
    return Segment(str(tmp_path / "run.tar.gz"), "tar.gz")


@pytest.fixture
def room(tmp_path):
    folder = tmp_path / "room"
    folder.mkdir()
    return folder


def test_the_frames_of_an_archive_become_one_file(segment, room):
    path, (sealed,) = join_run(RUN, [segment], room)
    trajectory = read_h5md(path)
    assert trajectory.carriers.shape == (N_FRAMES, N_ATOMS, 3)
    assert (list(sealed.sha256), [file.name for file in room.iterdir()]) == (["run.tar.gz"], [path.name])


@pytest.mark.parametrize("n_bytes", [1000, 100_000, 250_000])
def test_a_disk_that_is_full_is_no_damage_of_the_frames(segment, room, n_bytes):
    with full_disk(n_bytes), pytest.raises(OSError, match="File too large") as raised:
        join_run(RUN, [segment], room)
    assert not isinstance(raised.value, ValueError)
    assert not list(room.glob("segment_000"))


def test_what_is_damaged_another_or_gone_is_told_apart(segment, room, tmp_path):
    path = tmp_path / "run.tar.gz"
    _, (sealed,) = join_run(RUN, [segment], room)
    content = path.read_bytes()
    for case, (found, kind) in enumerate((
        (content[: len(content) // 2], UNREADABLE), (b"no archive", UNREADABLE), (content, None), (None, MISSING),
    )):  # fmt: skip
        place = tmp_path / f"room_{case}"
        place.mkdir()
        path.unlink() if found is None else path.write_bytes(found)
        if kind is None:
            join_run(RUN, [sealed], place)
            continue
        with pytest.raises(ReductionError) as raised:
            join_run(RUN, [segment], place)
        assert raised.value.kind == kind
        if found is not None:
            with pytest.raises(ReductionError) as raised:
                join_run(RUN, [sealed], place)
            assert raised.value.kind == CHANGED


def test_a_job_on_a_full_disk_says_so_in_one_line_and_leaves_no_verdict(segment, room, capsys):
    parameters = {"trust_lower_eV_A": 0.1, "trust_upper_eV_A": 0.5, "max_selected": 4, "seed": 3}
    parameters["systems"] = {"hot": "cell"}
    deviations = {"hot": {"frame": np.arange(N_FRAMES), "max_devi_f_eV_A": np.linspace(0, 1, N_FRAMES)}}
    PickRequest(parameters, {"hot": (RUN, [segment])}, {}, deviations).write(room)
    with full_disk(100_000):
        status = run_reporting_errors(lambda: cli.main(["pick", str(room)], standalone_mode=False))
    said = capsys.readouterr().err
    assert (status, len(said.splitlines())) == (1, 1)
    assert f"{room}: File too large" in said
    assert not (room / PICKED).exists()
    assert CliRunner().invoke(cli, ["pick", str(room)], catch_exceptions=False).exit_code == 0
    assert len(read_picked(room).frames) == 4
