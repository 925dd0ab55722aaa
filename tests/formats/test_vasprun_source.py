from __future__ import annotations

import dataclasses
import gzip
import io

import numpy as np
import pytest
from pymatgen.io.vasp.outputs import Vasprun

from aiida_concerted.formats.vasp_output import IonicStep
from aiida_concerted.formats.vasprun_writer import VasprunWriter
from tests.formats.trajectory_support import OBLIQUE, assert_same_run, make_run, read
from tests.formats.vasp_support import PARAMETERS, description

SPECIES = ("Li", "S", "S")


def document(run, *, ended=True, **parameters):
    """Return what VASP would write of a run, with some values in force."""
    described = description()
    changed = {
        group: {name: parameters.get(name, value) for name, value in entries.items()}
        for group, entries in PARAMETERS.items()
    }
    changed["ionic"]["NSW"] = parameters.get("NSW", len(run.fractional))
    poscar = dataclasses.replace(described.poscar, cell=run.cells[0], fractional=run.fractional[0] % 1)
    stream = io.StringIO()
    writer = VasprunWriter(stream)
    writer.begin(dataclasses.replace(described, parameters=changed, poscar=poscar))
    for number, (cell, fractional) in enumerate(zip(run.cells, run.fractional % 1.0, strict=True), start=1):
        forces = np.zeros((len(run.species), 3))
        writer.step(IonicStep(number, cell, fractional, -1.0, forces, None, (1.0, 1.0), None))
    if ended:
        writer.end(run.cells[-1], run.fractional[-1])
    return stream.getvalue()


def read_text(tmp_path, text, **options):
    (tmp_path / "vasprun.xml").write_text(text)
    return read(tmp_path / "vasprun.xml", **options)


@pytest.mark.parametrize("strain", [0.0, 0.01])
def test_steps_temperature_and_time_step_are_read(tmp_path, strain):
    run = make_run(30, OBLIQUE, species=SPECIES, strain=strain)
    trajectory, report = read_text(tmp_path, document(run))
    assert_same_run(trajectory, run, atol=2e-6, cell=run.cells.mean(axis=0))
    assert trajectory.frame_interval_ps == pytest.approx(0.002)
    assert (trajectory.temperature_K, report.format) == (300.0, "vasprun")
    found = Vasprun(tmp_path / "vasprun.xml", parse_dos=False, parse_eigen=False, parse_potcar_file=False)
    wrapped = np.array([structure.frac_coords for structure in found.structures])
    way = trajectory.carriers[:, 0] @ np.linalg.inv(trajectory.cell) - wrapped[:, 0]
    np.testing.assert_allclose(way, np.rint(way), atol=1e-6)


def test_gzipped_files_and_those_cut_anywhere_in_the_last_step_are_read(tmp_path):
    run = make_run(10, OBLIQUE, species=SPECIES)
    text = document(run, ended=False)
    path = tmp_path / "vasprun.xml.gz"
    last = text.rindex(" <calculation>")
    for cut in (last + 16, last + 200, len(text) - 30):
        path.write_bytes(gzip.compress(text[:cut].encode()))
        trajectory, report = read(path)
        assert (trajectory.n_frames, report.n_truncated) == (9, 1)
    path.write_bytes(gzip.compress(text.encode())[:-20])
    trajectory, report = read(path)
    assert (trajectory.n_frames, report.n_truncated) == (9, 1)


def test_a_step_that_is_cut_off_amid_others_is_refused(tmp_path):
    text = document(make_run(10, OBLIQUE, species=SPECIES))
    starts = [i for i in range(len(text)) if text.startswith(" <calculation>", i)]
    broken = text[: starts[4] + 300] + text[starts[5] :]
    with pytest.raises(ValueError, match=r"vasprun\.xml"):
        read_text(tmp_path, broken)


def test_segments_are_joined_in_the_order_given_and_a_repeated_first_frame_is_dropped(tmp_path):
    run = make_run(30, OBLIQUE, species=SPECIES)
    paths = []
    for start, stop in ((0, 10), (9, 20), (20, 30)):
        paths.append(tmp_path / f"{start}.xml")
        paths[-1].write_text(document(run.part(start, stop)))
    trajectory, report = read(*paths)
    assert_same_run(trajectory, run, atol=2e-6)
    assert report.n_repeated == 1


def test_nblock_counts_only_where_steps_were_left_out(tmp_path):
    run = make_run(10, OBLIQUE, species=SPECIES)
    every, _ = read_text(tmp_path, document(run, NBLOCK=5, NSW=10))
    assert every.frame_interval_ps == pytest.approx(0.002)
    fifth, _ = read_text(tmp_path, document(run, NBLOCK=5, NSW=50))
    assert fifth.frame_interval_ps == pytest.approx(0.010)
    with pytest.raises(ValueError, match="nothing tells the time between frames: give frame_interval_ps"):
        read_text(tmp_path, document(run, NBLOCK=5, NSW=50, ended=False))
    with pytest.raises(ValueError, match=r"0\.002 ps by the file's own time|0\.004 ps"):
        read_text(tmp_path, document(run), frame_interval_ps=0.004)


def test_a_relaxation_has_no_time(tmp_path):
    with pytest.raises(ValueError, match="nothing tells the time"):
        read_text(tmp_path, document(make_run(10, OBLIQUE, species=SPECIES), IBRION=2))
