"""What the tutorial says agrees with the program: numbers of stages, study files, commands of AiiDA."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from aiida.cmdline.commands.cmd_verdi import verdi

from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain
from aiida_concerted.workflows.explore import ExploreWorkChain
from aiida_concerted.workflows.learn import LearnWorkChain
from aiida_concerted.workflows.study import StudyWorkChain
from aiida_concerted.workflows.studyfile import read_study_file
from aiida_concerted.workflows.sweep import SweepWorkChain

TEXT = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")


def row(stage: str) -> tuple[str, str]:
    """Return what the demonstration and the paper do in a stage."""
    (line,) = (line for line in TEXT.splitlines() if line.startswith(f"| {stage} |"))
    _, _, demonstration, published = (cell.strip() for cell in line.strip("|").split("|"))
    return demonstration, published


def numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def inputs(chain, protocol):
    return chain.get_protocol_inputs(protocol)


def test_sampling():
    study = inputs(StudyWorkChain, "fast")
    length_ps = 1e-3 * study["aimd"]["n_steps"] * 2.0  # of 2 fs, the default
    assert numbers(row("AIMD")[0]) == [length_ps, *study["aimd_temperatures_K"]]
    assert numbers(row("AIMD to test on")[0]) == [length_ps, *study["held_out_temperatures_K"]]
    paper = inputs(StudyWorkChain, "paper")
    assert paper["aimd_distortion"]["number"] == 20
    assert "twenty" in row("AIMD")[1]


def test_training():
    fast, paper = (inputs(DeepmdCommitteeWorkChain, name)["train"]["n_steps"] for name in ("fast", "paper"))
    assert [numbers(text) for text in row("learning: training")] == [[fast], [paper]]
    fast, paper = (inputs(LearnWorkChain, name)["final"]["train"]["n_steps"] for name in ("fast", "paper"))
    assert [numbers(text) for text in row("learning: final training")] == [[fast], [paper]]


def test_exploration():
    fast, paper = (inputs(ExploreWorkChain, name) for name in ("fast", "paper"))
    length_ps = fast["md"]["equilibration_ps"] + fast["md"]["production_ps"]
    assert numbers(row("learning: exploration")[0]) == [length_ps, *fast["temperatures_K"]]
    assert numbers(row("learning: exploration")[1]) == [paper["md"]["production_ps"]]
    assert len(paper["temperatures_K"]) == 8
    assert numbers(row("learning: labelling")[0]) == [fast["selection"]["max_selected"]]
    assert [inputs(LearnWorkChain, name)["max_iterations"] for name in ("fast", "paper")] == [2, 12]


def test_production():
    fast, paper = (inputs(SweepWorkChain, name) for name in ("fast", "paper"))
    assert numbers(row("temperature sweep")[0])[0] == fast["md"]["production_ps"]
    assert numbers(row("temperature sweep")[1])[0] == pytest.approx(1e-3 * paper["md"]["production_ps"])
    assert (len(fast["temperatures_K"]), len(paper["temperatures_K"])) == (4, 12)
    assert 50 * fast["supercell"][0] * fast["supercell"][1] * fast["supercell"][2] == 200


STUDY_FILES = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.DOTALL)
VERDI = sorted({line.split("#")[0].strip() for line in TEXT.splitlines() if line.startswith("verdi ")})


def test_the_page_has_study_files_and_commands_of_aiida():
    assert len(STUDY_FILES) == 2
    assert len(VERDI) >= 8


@pytest.mark.parametrize("text", STUDY_FILES, ids=lambda text: text.split()[1])
def test_a_study_file_is_one(text, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    read_study_file(path)


@pytest.mark.parametrize("line", VERDI)
def test_a_command_of_aiida_exists_with_its_options(line):
    words = shlex.split(line)
    assert words[1:3] == ["-p", "concerted-demo"]  # which chooses the profile of the demonstration
    command: click.Command = verdi
    context, words = click.Context(verdi), words[3:]
    while isinstance(command, click.Group):
        command = command.get_command(context, words.pop(0))
        assert command is not None, f"there is no '{line}'"
        context = click.Context(command, parent=context)
    command.make_parser(context).parse_args(words)  # refuses unknown options
