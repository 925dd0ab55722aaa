"""The commands read archives in interpreters of their own, and leave no configuration behind."""

from __future__ import annotations

import json

import pytest
from aiida import orm
from aiida.tools.archive import create_archive
from click.testing import CliRunner

from aiida_concerted.cli.main import cli, run_reporting_errors
from tests.archive.potcars import holds_in, marked_potcar
from tests.cli.test_main import run
from tests.environment.helpers import ROOT


@pytest.fixture(scope="module")
def path(aiida_profile, tmp_path_factory):
    node = orm.FolderData()
    node.base.repository.put_object_from_bytes(marked_potcar().encode(), "POTCAR")
    path = tmp_path_factory.mktemp("archives") / "run.aiida"
    create_archive([node.store()], filename=path)
    return path


def test_inspect_leaves_nothing_behind(path, tmp_path):
    alone = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    result = run("archive", "inspect", path, "--format", "json", cwd=tmp_path, **alone)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["nodes"]["data"] == 1
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_scrub_writes_beside(path, tmp_path):
    target = tmp_path / "clean.aiida"
    result = CliRunner().invoke(cli, ["archive", "scrub", str(path), "-o", str(target)], catch_exceptions=False)
    assert result.exit_code == 0
    assert "Taken out: 1 files" in result.stdout
    assert "PAW_PBE Li_sv PLACEHOLDER  LEXCH PE  ZVAL 3.000  ENMAX 400.000 eV" in result.stdout
    assert not holds_in(target)
    assert [entry.name for entry in tmp_path.iterdir()] == ["clean.aiida"]


@pytest.mark.parametrize("command", ["inspect", "verify", "scrub"])
def test_what_is_no_archive_is_one_line(tmp_path, command, capsys):
    path = tmp_path / "thesis.aiida"
    path.write_text("years of work")
    assert run_reporting_errors(lambda: cli.main(["archive", command, str(path)], standalone_mode=False)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"Error: {path} is no AiiDA archive")


def test_inspect_draws_without_a_profile(path, tmp_path):
    alone = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    result = run("archive", "inspect", path, "--figures", "drawn", cwd=tmp_path, **alone)
    assert result.returncode == 0, result.stderr
    assert f"Figures: {len(list((tmp_path / 'drawn').glob('*.png')))} in drawn" in result.stdout


def test_inspect_shows_tables_and_warns(path):
    result = CliRunner().invoke(cli, ["archive", "inspect", str(path)], catch_exceptions=False)
    assert "Nodes:     1 data, 0 calculations, 0 work chains" in result.stdout


def test_verify_of_an_archive_without_results_fails(path):
    result = CliRunner().invoke(cli, ["archive", "verify", str(path)], standalone_mode=False)
    assert result.return_value == 1
    assert "nothing to compute again" in result.stdout


@pytest.mark.parametrize("command", [[], ["create"], ["inspect"], ["verify"], ["scrub"]])
def test_help_fits_a_screen(command):
    assert len(CliRunner().invoke(cli, ["archive", *command, "--help"]).stdout.splitlines()) <= 24
