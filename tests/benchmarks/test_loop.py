"""The loop that is compared is the same for both programs, and what is said of it follows from the notes of engines."""

from types import SimpleNamespace

import pytest
import yaml

from aiida_concerted.formats.deepmd_input import TrainingParameters, build_training_input
from benchmarks import loop_dpgen, loop_ours
from benchmarks.engine_log import EngineRun
from benchmarks.loop import Loop, lost_steps, runs_of, stage_seconds
from benchmarks.loop_case import NETS, TYPE_MAP, LoopScale
from benchmarks.loop_table import kill_text, time_text

SCALE = LoopScale()


def test_both_train_the_same_nets_in_the_same_way():
    nets = {name: tuple(value) if isinstance(value, list) else value for name, value in NETS.items()}
    ours = build_training_input(TrainingParameters(n_steps=SCALE.n_steps, **nets), TYPE_MAP, ["data"], seed=1)
    theirs = loop_dpgen.training_input(SCALE)
    for section in ("descriptor", "fitting_net"):
        for key, value in theirs["model"][section].items():
            if key != "seed":
                assert ours["model"][section][key] == value, key
    assert theirs["learning_rate"] == ours["learning_rate"]
    assert {"type": "ener", **theirs["loss"]} == ours["loss"]  # the type that DeePMD-kit takes where none is given
    for key in ("numb_steps", "disp_freq", "save_freq"):
        assert theirs["training"][key] == ours["training"][key]
    assert theirs["training"]["training_data"]["batch_size"] == ours["training"]["training_data"]["batch_size"]


def test_both_explore_and_label_as_much():
    theirs, ours = loop_dpgen.parameters(SCALE), loop_ours.study(SCALE, "1")["learn"]
    explore, jobs = ours["iteration"]["explore"], theirs["model_devi_jobs"]
    assert len(jobs) == ours["min_iterations"] == ours["max_iterations"]
    assert jobs[0]["temps"] == explore["temperatures_K"]
    length_ps = explore["md"]["equilibration_ps"] + explore["md"]["production_ps"]
    assert jobs[0]["nsteps"] * theirs["model_devi_dt"] == pytest.approx(length_ps)
    assert theirs["model_devi_skip"] * theirs["model_devi_dt"] == pytest.approx(explore["md"]["equilibration_ps"])
    assert jobs[0]["trj_freq"] * theirs["model_devi_dt"] == pytest.approx(explore["md"]["frame_interval_ps"])
    assert theirs["fp_task_max"] == explore["selection"]["max_selected"]
    assert theirs["numb_models"] == ours["final"]["n_models"] == ours["iteration"]["committee"]["n_models"]


def test_our_study_file_is_one(tmp_path):
    from aiida_concerted.workflows.studyfile import read_study_file

    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(loop_ours.study(SCALE, "1")))
    assert read_study_file(path).section("learn")["dataset"] == "1"


def run(name, begin, end, **more):
    return EngineRun(name=name, key=f"{name}{begin}", folder="", pid=1, begin=begin, end=end, status=0, **more)


def test_a_stage_lasts_from_its_first_begin_to_its_last_end_before_the_next_turn():
    turn = [run("dp train", 0, 5), run("dp train", 1, 7), run("lmp", 9, 12), run("vasp", 13, 20), run("vasp", 14, 22)]
    again = [run("dp train", 30, 36), run("lmp", 40, 50), run("vasp", 52, 60)]
    assert stage_seconds(turn + again, 100.0) == {"dp train": 7, "lmp": 3, "vasp": 9}


def test_steps_are_lost_between_where_a_run_was_and_where_its_successor_began():
    kill = {"name": "dp train", "interrupted": ["dp train", "dp train", "lmp"], "reached": [500, 700, 90]}
    assert lost_steps(kill, [run("dp train", 0, 1, from_step=450), run("dp train", 0, 1)]) == 50 + 700


def test_what_ran_before_the_loop_is_none_of_its_runs(tmp_path):
    log = tmp_path / "engines.log"
    line = '{"what": "begin", "pid": 1, "time": %s, "name": "lmp", "key": "a", "folder": ""}\n'
    log.write_text(line % 5.0)
    loop = Loop(tmp_path, lambda: log.open("a").write(line % 9e9), lambda: "", list, lambda: 0)
    loop.begin()
    assert [run.begin for run in loop.runs] == [9e9]


def test_tables_name_both_loops():
    kill = {"stage": "training", "name": "lmp", "interrupted": ["lmp"], "reached": [800], "again": 1, "finished": 2}
    found = {
        "labels": 36, "wall_s": 400.0, "engines_s": 300.0, "outside_s": 100.0, "runs": {"lmp": 6},
        "seconds": {"lmp": 9.0}, "kills": [kill | {"lost_steps": 800}], "state": "status 0",
    }  # fmt: skip
    twice = [found, found | {"kills": [kill | {"lost_steps": 0, "again": 0}]}]
    results = {"time": {"dpgen": found, "ours": found}, "kill": {"dpgen": twice, "ours": [found]}}
    assert "| DP-GEN 0.14.0" in time_text(results)
    assert "| aiida-concerted" in kill_text(results)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in kill_text(results).splitlines()[2:]]
    assert lines == [
        ["training", "DP-GEN 0.14.0", "2", "1 of 4", "800 of 1,600", "status 0"],
        ["training", "aiida-concerted", "1", "1 of 2", "800 of 800", "status 0"],
    ]
    assert kill_text({}).count("\n") == 1


def test_undisturbed_loops_come_before_those_that_are_killed_at_each_moment():
    chosen = SimpleNamespace(tasks=["kill", "time"], programs=["dpgen", "ours"], seeds=[1, 2])
    assert list(runs_of(chosen)) == [
        ("time", "dpgen", 0), ("time", "ours", 0),
        ("kill", "dpgen", 1), ("kill", "ours", 1), ("kill", "dpgen", 2), ("kill", "ours", 2),
    ]  # fmt: skip
