"""The commands store what can be read, say what cannot, and end with a status."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from aiida_concerted.cli import imports as command
from aiida_concerted.cli.main import cli
from aiida_concerted.formats.deepmd_npy import write_deepmd_npy
from tests.formats.test_vasprun_writer import document
from tests.formats.trajectory_support import make_run, write_extxyz
from tests.formats.vasp_support import steps
from tests.synthetic_md import random_frames


@pytest.fixture
def call(aiida_profile, monkeypatch):
    """Return the outcome of the command in the tests' own profile."""
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    return lambda *words: CliRunner().invoke(cli, ["import", *map(str, words)], standalone_mode=False)


def test_good_systems_are_stored_and_bad_ones_told(call, tmp_path):
    write_deepmd_npy(tmp_path / "a", random_frames(seed=11))
    write_deepmd_npy(tmp_path / "b", random_frames(seed=12))
    (tmp_path / "b" / "set.000" / "force.npy").unlink()
    result = call("deepmd", tmp_path, "--level-of-theory", "PBE", "--material", "LGPS")
    assert result.return_value == 1
    assert "1 new, 0 were there already." in result.stdout
    assert "3 frames of     5 atoms" in result.stdout
    assert result.stderr.startswith("Not imported: ")
    assert "force.npy is missing" in result.stderr
    again = call("deepmd", tmp_path / "a", "--level-of-theory", "PBE")
    assert again.return_value == 0
    assert "0 new, 1 were there already." in again.stdout


def test_runs_of_vasp_can_be_merged(call, tmp_path):
    for number in (1, 2):
        (tmp_path / f"run{number}").mkdir()
        (tmp_path / f"run{number}" / "vasprun.xml").write_text(document(steps(3 + number)))
    result = call("vasp", tmp_path, "--merge", "--level-of-theory", "merged")
    assert result.return_value == 0, result.output
    assert "     9 frames of     3 atoms" in result.stdout
    assert "1 new" in result.stdout


def test_a_trajectory_is_stored_and_analysed_once(call, tmp_path):
    path = write_extxyz(tmp_path / "run.xyz", make_run(30, seed=21))
    words = ("trajectory", path, "--carrier", "Li", "--material", "LGPS", "--temperature-K", 600)
    words = (*words, "--sites", "none")
    result = call(*words, "--frame-interval-ps", 0.1, "--supercell", 2, 2, 1)
    assert "    30 frames of     7 atoms" in result.stdout, result.exception
    assert "analysed; 'aiida-concerted query diffusivities --study" in result.stdout
    again = call(*words, "--frame-interval-ps", 0.1)
    assert "0 new, 1 were there already" in again.stdout
    assert "analysed before;" in again.stdout
    result = call(*words)
    assert isinstance(result.exception, ValueError)


@pytest.mark.parametrize("words", [[], ["deepmd"], ["vasp"], ["trajectory"]])
def test_help_fits_a_screen(words):
    assert len(CliRunner().invoke(cli, ["import", *words, "--help"]).stdout.splitlines()) <= 26


def test_published_numbers_are_stored_once(call):
    assert call("literature", "LGPS").stdout.startswith("LGPS: ")
    assert call("literature", "lgps").stdout == "LGPS: 0 published numbers new, 35 were there already.\n"
    assert "did you mean 'lgps'" in str(call("literature", "lgp").exception)
