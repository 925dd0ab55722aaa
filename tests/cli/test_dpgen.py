"""The command turns a DP-GEN project into datasets and a study file that the next command takes."""

from __future__ import annotations

import copy
import os
import shutil

import numpy as np
import pytest
import yaml
from aiida import orm
from aiida.engine import run_get_node

from aiida_concerted.cli import dpgen as command
from aiida_concerted.cli import run as run_command
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.formats.deepmd_npy import write_deepmd_npy
from aiida_concerted.surrogate.run import SUBVERSION
from aiida_concerted.workflows.studyfile import build, read_study_file
from tests.cli.support import assert_one_line, run_here
from tests.engines import TYPE_MAP, labelled_frames
from tests.imports.dpgen.support import PARAM, PASSWORD, write_iteration, write_project

THEORY = "PBE/VASP 6.4.2"


@pytest.fixture
def call(aiida_profile, monkeypatch, capsys):
    """Return the outcome of the command in the tests' own profile."""
    for module in (command, run_command):
        monkeypatch.setattr(module, "open_profile", lambda folder, profile: None)
    return lambda *words: run_here(capsys, "import", "dpgen", *words)


def datasets():
    return orm.QueryBuilder().append(LabelledFramesData, project="*").all(flat=True)


def test_a_project_becomes_datasets_and_a_study_that_can_run(
    call, capsys, tmp_path, dp_code, lmp_code, surrogate_code, lgps_potcars
):
    path = write_project(tmp_path / "old")
    codes = [f"--code={role}={code.full_label}" for role, code in zip(
        ("dp", "lmp", "vasp"), (dp_code, lmp_code, surrogate_code), strict=True)]  # fmt: skip
    words = (path, tmp_path / "old" / "machine.json", "-o", tmp_path / "new.yaml", "--level-of-theory", THEORY)
    known = {node.uuid for node in datasets()}
    done = call(*words, "--potcars", lgps_potcars, *codes)
    assert done.status == 0, done.err
    assert "To do" not in done.out
    assert "init_0 without virials: the dataset has none" in done.out
    assert "3 new, 0 were there already" in done.out
    assert PASSWORD not in done.out + (tmp_path / "new.yaml").read_text()
    study = read_study_file(tmp_path / "new.yaml")
    dataset = orm.load_node(study.section("learn")["dataset"])
    assert len(dataset) == 5 + 3 + 4
    assert dataset.level_of_theory == THEORY
    assert len(dataset.base.attributes.get("parents")) == 3
    assert len({node.uuid for node in datasets()} - known) == 4
    checked = run_here(capsys, "run", tmp_path / "new.yaml", "--only", "learn", "--dry-run")
    assert checked.status == 0, checked.err
    shown = yaml.safe_load(checked.out)["LearnWorkChain"]
    assert shown["iteration"]["explore"]["selection"]["max_selected"] == 40
    assert shown["iteration"]["label"]["vasp"]["parameters"]["incar"]["encut"] == 450
    again = call(*words, "--force")
    assert "0 new, 3 were there already" in again.out
    assert len({node.uuid for node in datasets()} - known) == 4
    assert read_study_file(tmp_path / "new.yaml").section("learn")["dataset"] == dataset.uuid


def test_each_frame_knows_its_iteration_and_task(call, tmp_path):
    path = write_project(tmp_path / "old")
    frames = labelled_frames(2, seed=77)
    write_iteration(tmp_path / "old", 7, frames, n_failed=1)  # which task failed is not known
    (tmp_path / "old" / "iter.000007").rename(tmp_path / "old" / "iter.0")
    (tmp_path / "old" / "iter.000001").rename(tmp_path / "away")
    (tmp_path / "old" / "iter.0").rename(tmp_path / "old" / "iter.000001")
    assert call(path, "-o", tmp_path / "s.yaml", "--level-of-theory", THEORY).status == 0
    dataset = orm.load_node(read_study_file(tmp_path / "s.yaml").section("learn")["dataset"])
    origins = dataset.get_frames().origins
    assert origins[:2] == (("init/deepmd/set.000", 0), ("init/deepmd/set.000", 1))
    assert origins[5:8] == tuple((f"iter.000000/02.fp/task.000.00000{row}", 100 * row) for row in range(3))
    assert origins[8:] == (
        ("iter.000001/02.fp/data.000/Li5Ge1P2S8", 0),
        ("iter.000001/02.fp/data.000/Li5Ge1P2S8", 1),
    )
    assert np.isin(frames.energies, dataset.get_frames().energies).all()
    (merging,) = dataset.base.links.get_incoming().all_nodes()
    first = merging.inputs.iter_000000_0
    assert first.label == "old/iter.000000"
    assert first.base.attributes.get("source")["folder"] == "iter.000000/02.fp/data.000/Li5Ge1P2S8"
    settings = dataset.energy_settings
    assert settings.tags["ENCUT"] == 450
    assert settings.titles["Li"] == "PAW_PBE Li_sv PLACEHOLDER"
    assert settings.sampling is not None


def test_labels_of_older_versions_lie_one_folder_higher(call, tmp_path):
    path = write_project(tmp_path / "old", seed=5)
    folder = tmp_path / "old" / "iter.000000" / "02.fp" / "data.000"
    shutil.rmtree(folder)
    frames = labelled_frames(3, seed=500)
    write_deepmd_npy(folder, frames, type_map=TYPE_MAP)
    (folder / "type_map.raw").unlink()
    assert call(path, "-o", tmp_path / "s.yaml", "--level-of-theory", "of older versions").status == 0
    dataset = orm.load_node(read_study_file(tmp_path / "s.yaml").section("learn")["dataset"])
    np.testing.assert_array_equal(dataset.get_frames().energies[5:8], frames.energies)


@pytest.mark.slow
def test_the_study_goes_on_where_dpgen_stopped(call, tmp_path, dp_code, lmp_code, surrogate_code, lgps_potcars):
    """One turn with the real engines: new labels join those of the project, and the final committee knows all."""
    training = copy.deepcopy(PARAM["default_training_param"])
    training["model"]["descriptor"] |= {"neuron": [6, 12], "axis_neuron": 4}
    training["model"]["fitting_net"]["neuron"] = [16, 16]
    training["training"] |= {"numb_steps": 200, "disp_freq": 100, "save_freq": 100}
    training["learning_rate"]["decay_steps"] = 20
    job = {"sys_idx": [0], "temps": [300], "trj_freq": 5, "nsteps": 50, "ensemble": "nvt"}
    path = write_project(
        tmp_path / "old", seed=6, default_training_param=training, model_devi_jobs=[job] * 3, numb_models=2,
        model_devi_f_trust_lo=1e-4, model_devi_f_trust_hi=1e3, fp_task_max=1, fp_task_min=0, fp_accurate_threshold=None,
        fp_aniso_kspacing=[2.0, 2.0, 2.0],
    )  # fmt: skip
    codes = {"dp": dp_code, "lmp": lmp_code, "vasp": surrogate_code}
    words = [f"--code={role}={code.full_label}" for role, code in codes.items()]
    done = call(path, "-o", tmp_path / "s.yaml", "--level-of-theory", SUBVERSION, "--potcars", lgps_potcars, *words)
    assert done.status == 0, done.err
    study = read_study_file(tmp_path / "s.yaml")
    before = orm.load_node(study.section("learn")["dataset"])
    study.content["learn"]["final"]["train"]["n_steps"] = 100
    node = run_get_node(build(study, "learn"))[1]
    assert node.is_finished_ok, node.exit_message
    assert len(node.outputs.dataset) == len(before) + 1
    assert node.outputs.dataset.get_frames().origins[: len(before)] == before.get_frames().origins
    assert sorted(node.outputs.models) == ["model_0", "model_1"]


def test_the_level_of_theory_is_what_the_files_say(call, tmp_path):
    path = write_project(tmp_path / "old", seed=4)
    known = len(datasets())
    assert_one_line(call(path, "-o", tmp_path / "s.yaml"), 1, "give --level-of-theory")
    assert len(datasets()) == known
    outcar = tmp_path / "old" / "iter.000000" / "02.fp" / "task.000.000000" / "OUTCAR"
    outcar.write_text(" vasp.5.4.4.18Apr17 (build Jan 01 2020)\n")
    done = call(path, "-o", tmp_path / "s.yaml")
    assert done.status == 0, done.err
    assert "level of theory: PBE/VASP 5.4.4.18Apr17, which new labels must have too" in done.out


def test_iterations_of_other_settings_do_not_belong_together(call, tmp_path):
    path = write_project(tmp_path / "old", seed=2)
    incar = (tmp_path / "old" / "INCAR").read_text()
    (tmp_path / "old" / "iter.000001" / "02.fp" / "INCAR").write_text(incar.replace("450", "400"))
    done = call(path, "-o", tmp_path / "s.yaml", "--level-of-theory", "of two cutoffs")
    assert done.status == 0
    assert "cannot be merged" in done.out
    assert "ENCUT is 450 in one and 400 in the other" in done.out
    assert "give learn.dataset" in done.out
    assert "dataset" not in read_study_file(tmp_path / "s.yaml").section("learn")


def test_what_is_there_at_another_level_is_said(call, tmp_path):
    path = write_project(tmp_path / "old", seed=3)
    assert call(path, "-o", tmp_path / "s.yaml", "--level-of-theory", "one").status == 0
    done = call(path, "-o", tmp_path / "t.yaml", "--level-of-theory", "other")
    assert "was stored before with the level of theory 'one', which it keeps" in done.out


def test_systems_that_cannot_be_read_are_told_and_the_others_stored(call, tmp_path):
    path = write_project(tmp_path / "old", init_data_sys=["aimd", "nowhere"])
    system = next((tmp_path / "old" / "iter.000001" / "02.fp").rglob("set.000"))
    np.save(system / "coord.npy", np.zeros((4, 7)))
    done = call(path, "-o", tmp_path / "s.yaml", "--level-of-theory", "with failures")
    assert done.status == 1
    first, second = done.err.splitlines()
    assert first.startswith("Not imported: ")
    assert "nowhere holds no deepmd/npy system" in first
    assert "do not fit 16 atoms" in second
    dataset = orm.load_node(read_study_file(tmp_path / "s.yaml").section("learn")["dataset"])
    assert len(dataset) == 5 + 3


def test_without_data_no_profile_is_opened(capsys, tmp_path, monkeypatch):
    path = write_project(tmp_path / "old")
    monkeypatch.setattr(command, "open_profile", None)
    done = run_here(capsys, "import", "dpgen", path, "-o", tmp_path / "s.yaml", "--no-data")
    assert done.status == 0, done.err
    for line in ("codes in 'codes': dp, lmp, vasp", "a POTCAR family that has Ge_d, Li_sv, P, S", "give learn.dataset"):
        assert line in done.out
    text = (tmp_path / "s.yaml").read_text()
    assert "# Not carried over:\n" in text
    assert "#   model_devi_clean_traj true (trajectories stay" in text


def test_mistakes_are_one_line(call, tmp_path):
    path = write_project(tmp_path / "old")
    (tmp_path / "study.yaml").write_text("mine")
    assert_one_line(call(path, "-o", tmp_path / "study.yaml"), 1, "study.yaml is there already")
    assert (tmp_path / "study.yaml").read_text() == "mine"
    assert_one_line(call(path, "-o", tmp_path), 1, "is a folder")
    assert_one_line(call(path, "-o", tmp_path / "no" / "s.yaml"), 1, "there is no folder")
    assert_one_line(call(path, "-o", tmp_path / "s.yaml", "--code", "cp2k=x"), 2, "expected one of dp, lmp, vasp")
    assert_one_line(call(tmp_path / "none.json"), 2, "does not exist")
    assert_one_line(call(path, "-o", tmp_path / "s.yaml", "--carrier", "Na"), 1, "has no Na")
    (tmp_path / "old" / "param.json").write_text("{")
    assert_one_line(call(path, "-o", tmp_path / "s.yaml"), 1, "line 1 column 2")
    assert not (tmp_path / "s.yaml").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folders_that_may_not_be_read_are_named(call, tmp_path):
    path = write_project(tmp_path / "old")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    assert_one_line(call(path, "--iterations", closed, "-o", tmp_path / "s.yaml"), 1, "cannot be read")


def test_help_fits_a_screen(capsys):
    assert len(run_here(capsys, "import", "dpgen", "--help").out.splitlines()) <= 24
