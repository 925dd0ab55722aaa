from __future__ import annotations

import gzip

import ase.io
import numpy as np
import pytest

from aiida_concerted.formats.extxyz import parse_comment
from tests.formats.trajectory_support import TINY, assert_same_run, atoms_of, make_run, read, write_extxyz
from tests.published import needs, published

SODIUM = published("cNa3PS4_trajectories.npy")


def test_comment_lines_are_read_as_they_are_written():
    line = 'Lattice="1 0 0 0 1 0 0 0 1" Properties=species:S:1:pos:R:3 '
    line += """energy=-1.5 name='two words' Step = 7 pbc="T T F" x"""
    entries = parse_comment(line)
    assert entries["lattice"] == "1 0 0 0 1 0 0 0 1"
    assert entries["properties"] == "species:S:1:pos:R:3"
    assert (entries["energy"], entries["name"], entries["step"], entries["pbc"]) == ("-1.5", "two words", "7", "T T F")


def test_columns_may_stand_in_any_order_among_others(tmp_path):
    run = make_run(20)
    frames = atoms_of(run, step=lambda n: 4 * n)
    for atoms in frames:
        atoms.arrays["tag"] = np.array([f"t{i}" for i in range(len(atoms))])
        atoms.set_momenta(np.ones((len(atoms), 3)))
        atoms.arrays["numbers_"] = np.arange(len(atoms))
    path = tmp_path / "a.xyz"
    ase.io.write(path, frames, format="extxyz", columns=["tag", "positions", "numbers_", "symbols", "momenta"])
    with gzip.open(tmp_path / "a.xyz.gz", "wt") as handle:
        handle.write(path.read_text())
    for name in ("a.xyz", "a.xyz.gz"):
        trajectory, _ = read(tmp_path / name, timestep_fs=1.0)
        assert_same_run(trajectory, run)
        assert trajectory.frame_interval_ps == pytest.approx(0.004)


def test_times_with_a_unit_count_frames_and_tell_their_distance(tmp_path):
    run = make_run(30)
    whole = write_extxyz(tmp_path / "a.xyz", run, time_fs=lambda n: 40.0 * n)
    trajectory, _ = read(whole)
    assert trajectory.frame_interval_ps == pytest.approx(0.04)
    parts = [
        write_extxyz(tmp_path / f"{i}.xyz", run.part(i, j), time_fs=lambda n, i=i: 40.0 * (n + i))
        for i, j in ((0, 12), (10, 20), (20, 30))
    ]
    for limits in (None, TINY):
        trajectory, report = read(*parts, limits=limits)
        assert_same_run(trajectory, run)
        assert (report.n_repeated, trajectory.frame_interval_ps) == (2, pytest.approx(0.04))
    with pytest.raises(ValueError, match="frames are missing"):
        read(parts[0], parts[2])
    with pytest.raises(ValueError, match=r"0\.05 ps apart by frame_interval_ps, 0\.04 ps by the file's own time"):
        read(whole, frame_interval_ps=0.05)
    assert read(whole, frame_interval_ps=0.04002)[0].frame_interval_ps == 0.04002


def test_wherever_a_file_is_cut_only_whole_frames_are_read(tmp_path):
    path = write_extxyz(tmp_path / "a.xyz", make_run(4, species=("Li", "S")))
    whole = path.read_text()
    before = len("".join(whole.splitlines(keepends=True)[:12]))
    for cut in range(before, len(whole)):
        path.write_text(whole[:cut])
        trajectory, report = read(path, frame_interval_ps=1.0)
        assert (trajectory.n_frames, report.n_truncated) == (3, int(cut > before)), cut


def spoilt(tmp_path, change):
    path = write_extxyz(tmp_path / "a.xyz", make_run(5))
    lines = path.read_text().splitlines(keepends=True)
    lines[18:27] = change("".join(lines[18:27])).splitlines(keepends=True)
    path.write_text("".join(lines))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("Li ", "Na ", 1), r"a\.xyz frame 2: atom 0 is another element"),
        (lambda t: t.replace("Li ", "Qq ", 1), "another element"),
        (lambda t: "6\n" + t.split("\n", 1)[1].rsplit("\n", 2)[0] + "\n", "6 atoms where the first has 7"),
        (lambda t: t.rsplit("\n", 2)[0] + "\n", r"frame 2: line \d+ has 1 columns where 4 are expected: '7'"),
        (lambda t: t.replace("Lattice", "Grid"), 'frame 2: its comment line has no Lattice="…"'),
        (lambda t: t.replace('Lattice="9.0', 'Lattice="nan'), "the cell has no volume"),
        (lambda t: t.replace("species:S:1", "colour:S:1"), "must have species:S:1"),
        (lambda t: t.replace("\nP ", "\nP nan "), r"has 5 columns|finite number"),
        (lambda t: "some text\n" + t, "frame 2: expected the number of atoms, got 'some text'"),
    ],
)
def test_bad_frames_are_refused_by_their_number(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        read(spoilt(tmp_path, change), frame_interval_ps=1.0)


def test_what_is_not_periodic_is_said(tmp_path):
    path = write_extxyz(tmp_path / "a.xyz", make_run(5))
    path.write_text(path.read_text().replace('pbc="T T T"', 'pbc="F F F"'))
    _, report = read(path, frame_interval_ps=1.0)
    assert any("read as periodic" in message for message in report.messages)


@needs(SODIUM)
def test_a_published_trajectory_survives_a_file_of_wrapped_positions(tmp_path):
    fractional = np.load(SODIUM, allow_pickle=False)
    species = ("Na",) * 48 + ("P",) * 16 + ("S",) * 64
    run = type(make_run(2))(species, np.tile(np.eye(3) * 13.9, (len(fractional), 1, 1)), fractional)
    path = write_extxyz(tmp_path / "a.xyz", run)
    trajectory, _ = read(path, carrier="Na", frame_interval_ps=0.1)
    moves = np.diff(fractional[:, :48], axis=0)
    expected = np.cumsum(moves - np.rint(moves), axis=0) * 13.9
    np.testing.assert_allclose(trajectory.carriers[1:] - trajectory.carriers[0], expected, atol=1e-6)
