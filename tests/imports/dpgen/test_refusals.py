"""What is wrong with a DP-GEN project is said in one line, with the file and the key."""

from __future__ import annotations

import copy
import json
import random
import re

import pytest

from aiida_concerted.imports.dpgen.project import read_project
from aiida_concerted.imports.dpgen.study import Wishes, choose_carrier, compose, translate
from tests.imports.dpgen.support import PARAM, write_project


def refusal(path, *, machine=None):
    """Return the one line with which a project is refused."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 — the line is what the tests look at
        compose(translate(read_project(path, machine)), Wishes(), {}, path.parent)
    line = str(caught.value)
    assert "\n" not in line
    return line


def training(section, **changes):
    content = copy.deepcopy(PARAM["default_training_param"])
    *above, last = section.split(".")
    place = content
    for key in above:
        place = place[key]
    place[last] = {**place[last], **changes} if isinstance(place[last], dict) else changes
    return content


def job(**changes):
    return [{**PARAM["model_devi_jobs"][2], **changes}]


WRONG = {
    "type_map must be a list": {"type_map": "Li"},
    "'Xx' is no element": {"type_map": ["Li", "Xx"]},
    "an element stands twice": {"type_map": ["Li", "Li"]},
    "mass_map must be 'auto' or have a mass for each of Li, Ge, P, S": {"mass_map": [6.94]},
    "mass_map must be a list of numbers": {"mass_map": [6.94, "x", 1, 1]},
    "it has no model_devi_jobs": {"model_devi_jobs": None},
    "model_devi_jobs must be a list of dictionaries": {"model_devi_jobs": [3]},
    "fp_style is 'cp2k'": {"fp_style": "cp2k"},
    "model_devi_engine is 'gromacs'": {"model_devi_engine": "gromacs"},
    "use_ele_temp is 1": {"use_ele_temp": 1},
    "numb_models must be a whole number, got 2.5": {"numb_models": 2.5},
    "numb_models is 1; a deviation needs two": {"numb_models": 1},
    "train_backend is 'jax'": {"train_backend": "jax"},
    "default_training_param must be a dictionary": {"default_training_param": "input.json"},
    "default_training_param.model must be a dictionary": {"default_training_param": {"model": 3}},
    "neuron must be a list of whole numbers": {
        "default_training_param": training("model.descriptor", neuron=[25, "a"])
    },
    "sel must be a list of whole numbers": {"default_training_param": training("model.descriptor", sel=[])},
    "sel needs one number for each": {"default_training_param": training("model.descriptor", sel=[10])},
    "type_one_side must be true or false": {"default_training_param": training("model.descriptor", type_one_side="no")},
    "rcut must be a number": {"default_training_param": training("model.descriptor", rcut="six")},
    "default_training_param has no section model": {"default_training_param": {"sel_a": [16], "stop_batch": 2000}},
    "numb_steps must be a number": {"default_training_param": training("training", numb_steps=[1])},
    "batch_size must be a list of whole": {"default_training_param": training("training.training_data", batch_size=[])},
    "training_data must be a dictionary": {"default_training_param": {**training("training", training_data=3)}},
    "stop_learning_rate must not exceed": {"default_training_param": training("learning_rate", stop_lr=1.0)},
    "ensemble must be one of nvt": {"model_devi_jobs": job(ensemble="nph"), "n_finished": 0},
    "temps must be a list of numbers": {"model_devi_jobs": job(temps=[]), "n_finished": 0},
    "sys_idx must be a list of whole numbers": {"model_devi_jobs": job(sys_idx="0"), "n_finished": 0},
    "nothing is left of 5 steps": {"model_devi_jobs": job(nsteps=5), "n_finished": 0},
    "model_devi_dt is missing": {"model_devi_dt": None},
    "model_devi_f_trust_lo is missing": {"model_devi_f_trust_lo": None},
    "model_devi_f_trust_hi has no number for system 1": {"model_devi_f_trust_hi": [0.25]},
    "fp_task_max is missing": {"fp_task_max": None},
    "fp_skip_bad_box: expected one of": {"fp_skip_bad_box": "roundness:2"},
    "fp_pp_files must name a POTCAR for each of": {"fp_pp_files": ["POT_Li"]},
    "is of Ge, not of Li": {"fp_pp_files": ["POT_Ge", "POT_Li", "POT_P", "POT_S"]},
    "ratio_failed must lie between 0 and 1": {"ratio_failed": 5},
    "sys_configs must be a list": {"sys_configs": "POSCAR"},
    "the spacing of k-points must be positive": {"fp_aniso_kspacing": [0.5, 0.0, 0.5]},
}


@pytest.mark.parametrize("said", WRONG)
def test_wrong_values_are_named(tmp_path, said):
    path = write_project(tmp_path, **{"n_finished": 1, **WRONG[said]})
    line = refusal(path)
    assert said in line
    assert "param.json" in line or "POT_" in line


def test_a_file_of_another_name_is_called_so(tmp_path):
    path = write_project(tmp_path, fp_task_max="many").rename(tmp_path / "mine.json")
    assert "mine.json: fp_task_max must be a number, got many" in refusal(path)


def test_broken_files_are_said_with_line_and_column(tmp_path):
    path = write_project(tmp_path)
    text = path.read_text()
    path.write_text(text.replace('"numb_models": 4,', '"numb_models" 4,'))
    line = text[: text.index('"numb_models"')].count("\n") + 1
    assert re.search(rf"param.json: Expecting ':' delimiter: line {line} column \d+", refusal(path))
    path.write_text(text.replace('"numb_models": 4,', '"numb_models": 4, "numb_models": 5,'))
    assert "the key 'numb_models' stands twice" in refusal(path)
    path.write_text(text.replace('"numb_models": 4,', '"numb_models": NaN,'))
    assert "NaN is no number" in refusal(path)
    path.write_text("[1]")
    assert "holds no dictionary" in refusal(path)
    path.write_bytes(b"\xff\xfe\x00")
    assert "is no text file" in refusal(path)
    assert "cannot be read (No such file or directory)" in refusal(tmp_path / "nowhere.json")
    path.write_text(text)
    (tmp_path / "machine.json").write_text('{"fp": 3}')
    assert "fp must be a dictionary" in refusal(path, machine=tmp_path / "machine.json")


def test_finished_are_those_of_which_the_record_says_so(tmp_path):
    path = write_project(tmp_path)
    project = read_project(path)
    assert [one.number for one in project.finished] == [0, 1]
    assert project.messages == ("iteration 2 is not finished: its labels were not taken",)
    (tmp_path / "record.dpgen").write_text("2 8\n")
    assert [one.number for one in read_project(path).finished] == [0, 1, 2]
    (tmp_path / "record.dpgen").unlink()
    project = read_project(path)
    assert project.finished == ()
    assert "3 iterations there, but no record.dpgen" in project.messages[0]


def test_iterations_that_cannot_be_read_are_refused(tmp_path):
    path = write_project(tmp_path)
    (tmp_path / "record.dpgen").write_text("3 8\n")
    line = refusal(path)
    assert "iter.000003 is missing, which record.dpgen calls finished" in line
    assert len(read_project(path, with_data=False).finished) == 4
    (tmp_path / "record.dpgen").write_text("0 8\nthree\n")
    assert "record.dpgen line 2: expected the numbers of an iteration and a step" in refusal(path)
    (tmp_path / "record.dpgen").write_text("0 8\n")
    apart = path.rename(tmp_path / "data" / "param.json")
    project = read_project(apart, None, tmp_path)
    assert len(project.finished) == 1
    assert [path.name for path in project.matching("sys_configs_prefix", "rest/*")] == ["POSCAR"]
    with pytest.raises(ValueError, match="there is no folder"):
        read_project(apart, None, tmp_path / "nowhere")


def test_what_is_referred_to_and_missing_is_said_but_not_fatal(tmp_path):
    path = write_project(tmp_path)
    (tmp_path / "INCAR").unlink()
    (tmp_path / "potcars" / "POT_P").unlink()
    (tmp_path / "confs" / "hot" / "1" / "POSCAR").write_text("nonsense\n")
    found = translate(read_project(path))
    composed = compose(found, Wishes(), {}, tmp_path)
    rows = {row.key: row for row in found.account.rows()}
    assert rows["fp_incar"].state == rows["fp_pp_files"].state == "not carried over"
    assert "vasp" not in composed.content["learn"]["iteration"]["label"]
    assert "potcars" not in composed.content
    assert any("hot/1/POSCAR cannot be read" in line for line in composed.lost)
    assert set(composed.content["learn"]["structures"]) == {"sys0", "sys1_0"}


def test_the_carrier_must_be_clear(tmp_path):
    project = read_project(write_project(tmp_path))
    assert choose_carrier(project, None) == "Li"
    assert choose_carrier(project, "S") == "S"
    with pytest.raises(ValueError, match="has no Na, only Li, Ge, P, S"):
        choose_carrier(project, "Na")
    unclear = read_project(write_project(tmp_path / "b", type_map=["Ge", "P"], mass_map="auto"))
    with pytest.raises(ValueError, match="give --carrier"):
        choose_carrier(unclear, None)


ODD = [None, "", "x", -1, 0, 1e99, 2.5, [], [None], {}, {"a": 1}, True, [[1]], "1e-8", ["a"], {"0": None}]


def places(content, above=()):
    """Yield the place of every value in a file of settings."""
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        yield (*above, key)
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield from places(value, (*above, key))


def test_odd_values_are_taken_or_refused_but_never_stumbled_over(tmp_path):
    path = write_project(tmp_path, n_finished=0)
    generator = random.Random(5)
    everywhere = [(place, value) for place in places(PARAM) for value in ODD]
    lines = []
    for place, value in generator.sample(everywhere, 100):
        content = copy.deepcopy(PARAM)
        inside = content
        for key in place[:-1]:
            inside = inside[key]
        inside[place[-1]] = value
        path.write_text(json.dumps(content))
        try:
            compose(translate(read_project(path)), Wishes(), {}, tmp_path)
        except ValueError as error:
            lines.append(str(error))
    assert 20 < len(lines) < 95
    assert not [line for line in lines if "\n" in line or not line]
