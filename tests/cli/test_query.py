"""The command asks the profile it is given and prints aligned tables, CSV or JSON."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from aiida_concerted.archive.summary import summarise_archive
from aiida_concerted.cli import query as command
from aiida_concerted.cli.main import cli, run_reporting_errors
from aiida_concerted.cli.result_table import VIEWS, stand_ins
from aiida_concerted.queries import ResultTable
from aiida_concerted.queries.kinds import KINDS
from tests.queries.bulk import BulkProfile


@pytest.fixture(scope="module")
def study(aiida_profile):
    bulk = BulkProfile(seed=5)
    uuid = bulk.add_study()
    bulk.insert()
    return uuid


@pytest.fixture
def ask(study, monkeypatch):
    """Return the output of the command in the tests' own profile."""
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)

    def run(*arguments):
        result = CliRunner().invoke(cli, ["query", *arguments, "--study", study], catch_exceptions=False)
        assert result.exit_code == 0
        return result.stdout

    return run


def test_the_command_knows_every_kind():
    assert tuple(KINDS) == command.KINDS == tuple(VIEWS)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "occupancies"])
def test_tables_are_aligned_and_name_units(ask, kind):
    lines = ask(kind).splitlines()
    assert len(lines) > 2
    assert set(lines[1]) <= {"─", " "}
    assert lines[0].split()[0] == "PK"
    if kind == "diffusivities":
        assert "D (m² s⁻¹)" in lines[0]
        assert "σ (mS cm⁻¹)" in lines[0]
        assert all("±" in line for line in lines[2:])


def test_csv_and_json_hold_every_column(ask):
    heading, *rows = ask("diffusivities", "--format", "csv").splitlines()
    assert heading.split(",") == list(KINDS["diffusivities"].all_columns)
    objects = json.loads(ask("diffusivities", "--format", "json", "--sort", "-temperature_K"))
    assert len(objects) == len(rows) == 10
    assert objects[0]["temperature_K"] == 1200.0
    assert objects[0]["potential_version"] == "3.2.0"


def test_columns_can_be_chosen(ask):
    lines = ask("modes", "--mode", "Li4-Li1-Li3", "--columns", "temperature_K,frequency_per_cell_s").splitlines()
    assert lines[0].split() == ["temperature_K", "frequency_per_cell_s"]
    assert lines[2].split() == ["600", "1e+09"]


def test_rows_of_a_stand_in_for_first_principles_are_counted_below_the_table():
    theories = ["PBE", "vasp-stand-in: NOT DFT", "vasp-stand-in: NOT DFT", None]
    table = ResultTable(
        "diffusivities", ("level_of_theory",), tuple({"level_of_theory": theory} for theory in theories)
    )
    assert stand_ins(table) == ["! 2 of 4 from vasp-stand-in: NOT DFT"]


def test_nothing_found_is_said_and_no_failure(ask, capsys):
    assert ask("diffusivities", "--material", "nothing") == ""
    assert ask("diffusivities", "--material", "nothing", "--format", "json").strip() == "[]"


def test_a_wrong_column_is_one_line(study, monkeypatch, capsys):
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    arguments = ["query", "diffusivities", "--columns", "diffusivity"]
    assert run_reporting_errors(lambda: cli.main(arguments, standalone_mode=False)) == 1
    assert "did you mean 'diffusivity_m2_s'" in capsys.readouterr().err


def test_the_help_fits_a_screen():
    assert len(CliRunner().invoke(cli, ["query", "--help"]).stdout.splitlines()) <= 24


def test_what_is_found_can_be_archived(study, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    path = tmp_path / "found.aiida"
    words = ["query", "diffusivities", "--study", study, "--temperature-K", "600:800", "--format", "json"]
    result = CliRunner().invoke(cli, [*words, "--archive", str(path)], catch_exceptions=False)
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert f"{len(rows)} results with the data behind them" in result.stderr
    table = next(table for table in summarise_archive(path).results if table.kind == "diffusivities")
    assert sorted(table.column("uuid")) == sorted(row["uuid"] for row in rows)
    assert set(table.column("temperature_K")) == {600.0, 700.0, 800.0}


def test_nothing_found_writes_no_archive(study, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    path = tmp_path / "found.aiida"
    words = ["query", "diffusivities", "--material", "unobtainium", "--archive", str(path)]
    assert run_reporting_errors(lambda: cli.main(words, standalone_mode=False)) == 1
    assert "no result fits" in capsys.readouterr().err
    assert not path.exists()
