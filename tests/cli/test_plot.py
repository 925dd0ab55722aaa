from __future__ import annotations

import csv

import pytest
from aiida import orm
from PIL import Image

from aiida_concerted.calculations.functions.compute_vacancy_energies import average_by_label
from aiida_concerted.cli import plot as command
from aiida_concerted.cli.main import main
from aiida_concerted.common.figure_kinds import FIGURE_KINDS
from aiida_concerted.data.results import VacancyFormationData


@pytest.fixture
def vacancy(aiida_profile, monkeypatch):
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    sites = [
        {"name": "a", "label": "Li2", "index": 0, "multiplicity": 1, "distance_A": 0.1, "formation_energy_eV": 3.17}
    ]
    attributes = {
        "material": "LGPS", "formula": "GeLi10P2S12", "carrier": "Li", "level_of_theory": "none", "n_atoms": 50,
        "missing_labels": [], "reference_energy_eV_per_atom": -1.9, "perfect_energy_eV": -212.0,
    }  # fmt: skip
    result = {"sites": sites, "failed": [], "doubtful_labels": [], "max_distance_A": 1.0}
    return VacancyFormationData(attributes={**attributes, **average_by_label(sites)}, result=result).store()


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(["plot", *map(str, arguments)])
    return end.value.code


def test_the_list_names_every_kind_without_a_profile(capsys, monkeypatch):
    monkeypatch.setattr(command, "open_profile", lambda *_: pytest.fail("the profile was opened"))
    assert run("--list") == 0

    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split()[:2] == ["KIND", "shows"]
    assert [line.split()[0] for line in lines] == list(FIGURE_KINDS)


def test_a_column_of_a_page_is_as_wide_as_the_help_says(vacancy, tmp_path):
    for columns, width_mm in (("1", 89), ("2", 183)):
        assert f"{width_mm}" in next(o.help for o in command.plot.params if o.name == "columns")
        assert run("vacancy", vacancy.pk, "-o", tmp_path / "f.png", "--columns", columns) == 0
        with Image.open(tmp_path / "f.png") as image:
            assert image.width / image.info["dpi"][0] * 25.4 == pytest.approx(width_mm, abs=0.5)


def test_what_only_a_study_has_several_of_is_refused_for_one_result(vacancy, tmp_path, capsys):
    for option, value in (("--temperature-K", 600), ("--pair", "Li-S")):
        assert run("vacancy", vacancy.pk, "-o", tmp_path / "f.png", option, value) == 1
        assert option in capsys.readouterr().err


@pytest.mark.parametrize(("name", "start"), [("f.png", b"\x89PNG"), ("f.pdf", b"%PDF"), ("f.svg", b"<?xml")])
def test_a_figure_is_written_in_the_format_of_its_name(vacancy, tmp_path, capsys, name, start):
    assert run("vacancy", vacancy.pk, "-o", tmp_path / name) == 0

    assert (tmp_path / name).read_bytes().startswith(start)
    assert capsys.readouterr().out == f"Figure: {tmp_path / name}\n"


def test_the_numbers_are_written_beside(vacancy, tmp_path):
    assert run("vacancy", vacancy.pk, "-o", tmp_path / "f.svg", "--csv", tmp_path / "f.csv") == 0

    with (tmp_path / "f.csv").open() as stream:
        (row,) = csv.DictReader(stream)
    assert (row["label"], float(row["formation_energy_eV"])) == ("Li2", 3.17)


def test_an_unknown_kind_is_a_usage_error_with_the_nearest(tmp_path, capsys):
    assert run("vacancies", 1, "-o", tmp_path / "f.png") == 2

    (line,) = capsys.readouterr().err.splitlines()
    assert "did you mean 'vacancy'?" in line


def test_a_node_of_another_class_is_one_line(vacancy, tmp_path, capsys):
    number = orm.Int(1).store()
    assert run("vacancy", number.pk, "-o", tmp_path / "f.png") == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert f"node {number.pk} is a Int" in line
    assert not list(tmp_path.iterdir())


def test_a_node_that_is_not_there_is_one_line(vacancy, tmp_path, capsys):
    assert run("vacancy", 10**9, "-o", tmp_path / "f.png") == 1
    assert "there is no node 1000000000" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "message"), [("f.jpg", ".pdf, .png, .svg"), ("missing/f.png", "folder of")], ids=["format", "folder"]
)
def test_a_file_that_cannot_be_written_is_refused_before_the_profile_is_opened(
    tmp_path, capsys, monkeypatch, name, message
):
    monkeypatch.setattr(command, "open_profile", lambda *_: pytest.fail("the profile was opened"))
    assert run("vacancy", 1, "-o", tmp_path / name) == 1
    assert message in capsys.readouterr().err
