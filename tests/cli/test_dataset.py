"""Versions of datasets on the command line: what one holds, what distinguishes two, files for others."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import dpdata
import numpy as np
import pytest
from aiida import orm

from aiida_concerted.calculations.functions.merge_frames import merge_frames
from aiida_concerted.calculations.functions.select_candidates import select_candidate_structures
from aiida_concerted.cli import dataset as command
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.formats.deepmd_npy import read_deepmd_npy
from tests.calculations.functions.test_select_candidates import PLAIN, run
from tests.cli.support import assert_one_line, run_here
from tests.engines import labelled_frames


@pytest.fixture
def say(aiida_profile, monkeypatch, capsys):
    """Return what the command says in the tests' own profile."""
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    return lambda *words: run_here(capsys, "dataset", *words)


@pytest.fixture
def label_job(fast_localhost):
    """Return the job that labels a structure which a selection picked, at 600 K for a deviation of 0.2 eV/Å."""
    deviation, trajectory = run([0.01, 0.2, 0.5], [0, 2, 4])
    deviation.set_array("step", np.array([0, 200, 400]))
    outputs = select_candidate_structures(orm.Dict(PLAIN), deviation__hot=deviation, trajectory__hot=trajectory)
    job = orm.CalcJobNode(computer=fast_localhost)
    job.set_options({"resources": {"num_machines": 1}})
    from aiida.common import LinkType

    job.base.links.add_incoming(outputs["candidate_hot_f00002"], LinkType.INPUT_CALC, "structure")
    return job.store()


@pytest.fixture
def versions(label_job):
    """Return a dataset and the same with one labelled frame more."""
    frames = labelled_frames(6)
    old = replace(frames.select(range(5)), origins=tuple(("init/set.000", row) for row in range(5)))
    new = replace(frames.select([5]), origins=((label_job.uuid, 1),))
    first, labels = (LabelledFramesData(part, level_of_theory="test").store() for part in (old, new))
    return first, merge_frames(a_known=first, b_labelled=labels)


def test_a_dataset_shows_what_it_holds_and_where_its_frames_come_from(say, versions):
    first, last = versions
    shown = say("show", last.pk)
    assert shown.status == 0, shown.err
    lines = shown.out.splitlines()
    assert (
        lines[0] == f"Dataset <{last.pk}>: 6 frames of 16 atoms, {last.base.attributes.get('formula')}, without virials"
    )
    assert f"  content hash     {last.content_hash}" in lines
    assert f"{first.content_hash[:8]}  <{first.pk}>, 5 frames" in shown.out
    rows = [line.split() for line in lines[-2:]]
    assert rows[0][-1] == "5"
    assert rows[1][-3:] == ["hot", "600", "1"]


def test_each_frame_has_its_run_step_deviation_and_job(say, versions, label_job):
    _, last = versions
    *_, row = say("show", last.uuid, "--frames").out.splitlines()
    assert row.split()[-7:] == ["hot", "600", "200", "0.200", f"<{label_job.pk}>", "step", "1"]
    facts = json.loads(say("show", last.pk, "--format", "json").out)
    assert len(facts["frames"]) == 6
    assert facts["frames"][5] == {
        "frame": 5, "kind": "label", "source": label_job.uuid, "step": 1, "job": label_job.pk, "run": "hot",
        "temperature_K": 600.0, "run_step": 200, "deviation_eV_A": 0.2,
    }  # fmt: skip
    assert facts["frames"][0] == {"frame": 0, "kind": "elsewhere", "source": "init/set.000", "step": 0}
    heading, *rows = csv.reader(io.StringIO(say("show", last.pk, "--format", "csv").out))
    assert len(rows) == 6
    assert rows[5][heading.index("deviation_eV_A")] == "0.2"


def test_two_versions_differ_by_their_frames_not_by_their_order(say, versions, label_job):
    first, last = versions
    lines = say("diff", first.pk, last.pk).out.splitlines()
    assert lines[0] == f"From <{first.pk}> to <{last.pk}>: 1 added, 0 removed, 5 in both"
    found = json.loads(say("diff", last.pk, first.pk, "--format", "json").out)
    assert (found["n_common"], found["added"]) == (5, [])
    assert [row["source"] for row in found["removed"]] == [label_job.uuid]
    shuffled = LabelledFramesData(last.get_frames().select([5, 3, 1, 0, 2, 4]), level_of_theory="test").store()
    assert "0 added, 0 removed, 6 in both" in say("diff", last.pk, shuffled.pk).out


def test_dpdata_reads_what_is_exported_and_the_content_is_the_same(say, versions, tmp_path):
    _, last = versions
    target = tmp_path / "system"
    assert say("export", last.pk, target, "--type-map", "S,P,Ge,Li").status == 0
    system, frames = dpdata.LabeledSystem(str(target), fmt="deepmd/npy"), last.get_frames()
    assert [system["atom_names"][kind] for kind in system["atom_types"]] == list(frames.species)
    np.testing.assert_array_equal(system["coords"], frames.positions)
    np.testing.assert_array_equal(system["energies"], frames.energies)
    again = LabelledFramesData(read_deepmd_npy(target), level_of_theory="test")
    assert again.content_hash == last.content_hash
    facts = json.loads((target / "dataset.json").read_text())
    assert facts["content_hash"] == last.content_hash
    assert len(facts["frames"]) == 6


def test_a_process_stands_for_the_dataset_it_left(say, versions):
    first, last = versions
    loop = orm.WorkChainNode()
    loop.set_process_label("LearnWorkChain")
    loop.store()
    from aiida.common import LinkType

    first.base.links.add_incoming(loop, LinkType.RETURN, "labels")
    assert_one_line(say("show", loop.pk), 1, f"LearnWorkChain <{loop.pk}> left no dataset")
    last.base.links.add_incoming(loop, LinkType.RETURN, "dataset")
    assert say("show", loop.pk).out.startswith(f"Dataset <{last.pk}>")


def test_what_is_no_dataset_is_one_line(say, versions, tmp_path):
    first, _ = versions
    assert_one_line(say("show", 10**9), 1, "there is no node '1000000000' in this profile")
    assert_one_line(say("show", orm.Int(1).store().pk), 1, "is a Int, no dataset")
    (tmp_path / "there.txt").touch()
    assert_one_line(say("export", first.pk, tmp_path), 1, "is not empty: name a new folder")
    assert_one_line(say("export", first.pk, tmp_path / "x", "--type-map", "Li,S"), 1, "lacks Ge, P")
