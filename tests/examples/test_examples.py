"""The scripts of the examples folder, run as ``verdi run`` would run them, at tiny scale on the real engines."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml
from aiida import orm

from aiida_concerted.learning.schedule import read_schedule, runs_of, stage_of_turn
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain
from aiida_concerted.workflows.explore import ExploreWorkChain
from aiida_concerted.workflows.learn import LearnWorkChain
from tests.engines import small_crystal
from tests.study.tiny import OVERRIDES

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))


@pytest.fixture
def run_example(monkeypatch, capsys, tmp_path):
    """Return a function that runs a script with arguments and overrides, and returns what it printed."""

    def run(name, *arguments, overrides=None):
        words = [name, *map(str, arguments)]
        if overrides:
            path = tmp_path / f"{name}.yaml"
            path.write_text(yaml.safe_dump(overrides))
            words += ["--overrides", str(path)]
        monkeypatch.setattr(sys, "argv", words)
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_answers(name, run_example, capsys):
    with pytest.raises(SystemExit) as ended:
        run_example(name, "--help")
    assert ended.value.code == 0
    assert "--protocol" in capsys.readouterr().out


def test_every_example_is_named_in_the_readme():
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"examples/(\w+)\.py", text)) == SCRIPTS


def test_the_published_schedule_is_what_the_work_chains_take(aiida_profile):
    overrides = yaml.safe_load((EXAMPLES / "huang2021.yaml").read_text(encoding="utf-8"))
    inputs = LearnWorkChain.get_protocol_inputs("paper", overrides)
    explore = ExploreWorkChain.get_protocol_inputs("paper", inputs["iteration"]["explore"])
    stages = read_schedule(explore["schedule"], ["ordered", "disordered", "experimental"])
    assert sum(stage.turns for stage in stages) == inputs["max_iterations"] == 21
    assert len(runs_of(stage_of_turn(stages, 4), [], [])) == 8
    assert [run.system for run in runs_of(stage_of_turn(stages, 17), [], [])] == ["disordered_2x2x2"] * 3
    for part in (inputs["iteration"]["committee"], inputs["final"]):
        DeepmdCommitteeWorkChain.get_protocol_inputs("paper", part)


@pytest.mark.slow
@pytest.mark.usefixtures("aiida_profile_clean")  # labels of codes are looked up
@pytest.mark.surrogate
@pytest.mark.deepmd
@pytest.mark.lammps
@pytest.mark.timeout(900)
def test_aimd_learning_and_sweep_follow_each_other(run_example, lgps_potcars, surrogate_code, dp_code, lmp_code):
    vasp = {"potential_family": lgps_potcars}
    printed = run_example("aimd", "--vasp", surrogate_code.full_label, overrides={**OVERRIDES["aimd"], "vasp": vasp})
    assert "all is well" in printed
    frames = re.search(r"frames <(\d+)>: 8 of .*NOT DFT", printed).group(1)
    structure = structure_of(printed)
    learn = {**OVERRIDES["learn"], "min_iterations": 1, "max_iterations": 1}
    learn["iteration"] = {**learn["iteration"], "label": {"vasp": vasp}}
    printed = run_example(
        "learn", "--dp", dp_code.full_label, "--lmp", lmp_code.full_label, "--vasp", surrogate_code.full_label,
        "--dataset", frames, "--structure", structure, overrides=learn,
    )  # fmt: skip
    assert "all is well" in printed
    assert len(re.findall(r"turn 1, \w+: \d+ accurate, \d+ candidate, \d+ failed", printed)) == 2
    model = re.search(r"model_0 <(\d+)>", printed).group(1)
    printed = run_example(
        "sweep", "--lmp", lmp_code.full_label, "--structure", structure, "--model", model, overrides=OVERRIDES["sweep"]
    )  # fmt: skip
    assert "all is well" in printed
    assert len(re.findall(r"K   D = \d\.\d\de-\d+ ± \d\.\de-\d+ m²/s", printed)) == 3


def structure_of(printed):
    """Return the structure of the run that an example printed."""
    return orm.load_node(int(re.search(r"AIMD <(\d+)>", printed).group(1))).inputs.structure.pk


@pytest.mark.slow
@pytest.mark.surrogate
@pytest.mark.usefixtures("aiida_profile_clean")  # labels of codes are looked up
def test_labels(run_example, lgps_potcars, surrogate_code):
    structure = orm.StructureData(ase=small_crystal()).store()
    printed = run_example(
        "label", "--vasp", surrogate_code.full_label, "--structure", structure.pk, "--copies", 2,
        overrides={"vasp": {"potential_family": lgps_potcars}},
    )  # fmt: skip
    assert "all is well" in printed
    assert re.search(r"frames <\d+>: 2 of 2, 2 computed now", printed)


@pytest.mark.slow
@pytest.mark.surrogate
def test_vacancies(run_example, lgps_potcars, surrogate_code):
    overrides = {"vasp": {"potential_family": lgps_potcars, **OVERRIDES["vacancy"]["vasp"]}}
    printed = run_example("vacancy", "--vasp", surrogate_code.full_label, overrides=overrides)
    assert "all is well" in printed
    assert len(re.findall(r"Li\d: \d\.\d{3} eV, mean of 1", printed)) == 4


@pytest.mark.slow
@pytest.mark.usefixtures("aiida_profile_clean")  # labels of codes are looked up
@pytest.mark.surrogate
@pytest.mark.deepmd
@pytest.mark.lammps
@pytest.mark.timeout(1800)
def test_study(run_example, lgps_potcars, surrogate_code, dp_code, lmp_code):
    vasp = {"potential_family": lgps_potcars}
    overrides = {
        **OVERRIDES,
        "relax": {**OVERRIDES["relax"], **vasp},
        "aimd": {**OVERRIDES["aimd"], "vasp": vasp},
        "learn": {**OVERRIDES["learn"], "iteration": {**OVERRIDES["learn"]["iteration"], "label": {"vasp": vasp}}},
        "vacancy": {"vasp": {**vasp, **OVERRIDES["vacancy"]["vasp"]}},
    }
    printed = run_example(
        "study", "--dp", dp_code.full_label, "--lmp", lmp_code.full_label, "--vasp", surrogate_code.full_label,
        overrides=overrides,
    )  # fmt: skip
    assert "all is well" in printed
