"""Errors are one line, with what, where and what to do, and an exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.environment.helpers import ROOT, environment


def run(*arguments, cwd=None, **variables):
    kept = environment()
    command = [sys.executable, "-m", "aiida_concerted", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd or ROOT, env={**kept, **variables}, capture_output=True, text=True, check=False, timeout=120
    )


def error_line(result):
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert result.stdout == ""
    return result.stderr


def test_help_and_version_do_not_touch_aiida(tmp_path):
    configuration = {"AIIDA_PATH": str(tmp_path)}
    assert "demo" in run("--help", **configuration).stdout
    assert run("--version", **configuration).stdout.startswith("aiida-concerted, version ")
    for command in ("demo", "doctor", "report", "setup", "status"):
        shown = run(command, "--help", **configuration)
        assert shown.returncode == 0
        assert len(shown.stdout.splitlines()) <= 24
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "--protocol", "fastest"], "'fast', 'balanced', 'stringent', 'paper'"),
        (["demo", "--seed", "none"], "not a valid integer"),
        (["demos"], "No such command 'demos'"),
        (["report", "1"], "--output"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, said):
    result = run(*arguments)
    assert result.returncode == 2
    assert said in error_line(result)
    assert "--help'" in result.stderr


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    for extra in ([], ["--restart"]):
        result = run("demo", "--folder", tmp_path, *extra)
        assert result.returncode == 1
        assert error_line(result).startswith("Error: ")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_aiida_cannot_express_is_refused(tmp_path):
    result = run("demo", "--folder", tmp_path / "10:30")
    assert result.returncode == 1
    assert "colons" in error_line(result)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    result = run("demo", "--folder", tmp_path / "demo")
    assert result.returncode == 1
    assert "cannot write" in error_line(result)


def test_a_damaged_configuration_is_one_line(tmp_path):
    (tmp_path / ".concerted-demo.json").write_text(json.dumps({"schema": "aiida-concerted/demo/1"}))
    (tmp_path / ".aiida").mkdir()
    (tmp_path / ".aiida" / "config.json").write_text("{ half a")
    result = run("demo", "--folder", tmp_path)
    assert result.returncode == 1
    assert "--restart" in error_line(result)


@pytest.mark.parametrize("command", [["status"], ["report", "-o", "r.html"], ["doctor"], ["demo", "--stop"]])
def test_a_folder_without_a_demonstration_is_refused(tmp_path, command):
    result = run(*command, "--folder", tmp_path / "nothing")
    assert result.returncode == 1
    assert "start one with" in error_line(result)
    assert not (tmp_path / "nothing").exists()


def test_without_any_profile_status_says_so_and_makes_none(tmp_path):
    result = run("status", "1", cwd=tmp_path, HOME=str(tmp_path), PYTHONPATH=str(ROOT))
    assert result.returncode == 1
    assert "--folder" in error_line(result)
    assert list(tmp_path.iterdir()) == []
