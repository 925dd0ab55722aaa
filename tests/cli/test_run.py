"""The command checks a study file, shows what it would do, runs it, and says how it ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import yaml
from aiida import orm
from ase.io import write

from aiida_concerted.cli import run as command
from aiida_concerted.workflows.studyfile import SCHEMA
from tests.cli.support import assert_one_line, run_here
from tests.cli.test_main import run
from tests.engines import small_crystal

pytestmark = pytest.mark.usefixtures("aiida_profile")


@pytest.fixture
def write_study(tmp_path, monkeypatch, surrogate_code, lgps_potcars):
    """Return a function that writes the study file of a small crystal with further keys."""
    monkeypatch.setattr(command, "open_profile", lambda folder, profile: None)
    write(tmp_path / "POSCAR", small_crystal(), format="vasp")

    def make(**more):
        content = {
            "schema": SCHEMA, "material": "test", "structure": "POSCAR", "protocol": "fast", "carrier": "Li",
            "codes": {"vasp": surrogate_code.full_label}, "potcars": {"family": lgps_potcars},
            "aimd": {"n_steps": 4, "discard_steps": 0, "stride": 1, "temperature_K": 300}, **more,
        }  # fmt: skip
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(content))
        return tmp_path / "study.yaml"

    return make


def test_the_schema_is_printed_without_a_profile(capsys):
    outcome = run_here(capsys, "run", "--print-schema")
    assert outcome.status == 0
    assert json.loads(outcome.out)["properties"]["schema"]["const"] == SCHEMA


def test_a_dry_run_shows_the_inputs_and_stores_nothing(write_study, capsys):
    before = orm.QueryBuilder().append(orm.Node).count()
    outcome = run_here(capsys, "run", write_study(), "--only", "aimd", "--dry-run")
    assert outcome.status == 0, outcome.err
    shown = yaml.safe_load(outcome.out)["VaspAimdWorkChain"]
    assert shown["n_steps"] == 4
    assert shown["temperature_K"] == 300.0
    assert shown["structure"] == "GeLi5P2S8, 16 atoms"
    assert orm.QueryBuilder().append(orm.Node).count() == before


def test_mistakes_are_one_line(write_study, capsys):
    assert_one_line(run_here(capsys, "run"), 2, "Missing argument 'CONFIG'")
    assert_one_line(
        run_here(capsys, "run", write_study(aimd={"nsteps": 3})), 1, "'aimd.nsteps': did you mean 'n_steps'?"
    )
    assert_one_line(run_here(capsys, "run", write_study(), "--only", "sweep"), 1, "sweep.models is missing")
    assert_one_line(run_here(capsys, "run", write_study(), "--submit", "--dry-run"), 2, "exclude each other")
    wrong = write_study(aimd={"n_steps": -4})
    assert_one_line(run_here(capsys, "run", wrong, "--only", "aimd"), 1, "must be positive, got -4")


@pytest.mark.slow
@pytest.mark.surrogate
def test_a_part_is_run_to_its_end(write_study, capsys):
    outcome = run_here(capsys, "run", write_study(), "--only", "aimd")
    assert outcome.status == 0, outcome.err
    node = orm.QueryBuilder().append(orm.WorkChainNode, filters={"label": "study"}).first(flat=True)
    assert f"VaspAimdWorkChain <{node.pk}> is done" in outcome.out
    assert len(node.outputs.frames) == 4


@pytest.mark.parametrize(
    ("broker", "words", "message"),
    [
        (
            "core.zeromq",
            [],
            "the broker of profile 'alone' is not running: start it with 'verdi -p alone daemon start'",
        ),
        ("core.zeromq", ["--submit"], "the broker of profile 'alone' is not running"),
        (None, ["--submit"], "profile 'alone' has no broker, hence no daemon: run it here, without --submit"),
    ],
)
def test_a_broker_that_is_not_there_is_one_line(tmp_path, broker, words, message):
    make = (
        "from aiida.manage.configuration import create_profile, get_config\n"
        "create_profile(get_config(create=True), name='alone', email='a@b.c', storage_backend='core.sqlite_dos', "
        f"storage_config={{'filepath': {str(tmp_path / 'storage')!r}}}, broker_backend={broker!r}, broker_config={{}})"
    )
    environment = {**os.environ, "AIIDA_PATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", make], env=environment, check=True, capture_output=True)
    (tmp_path / "study.yaml").write_text("schema: aiida-concerted/study/1\n")
    result = run("run", tmp_path / "study.yaml", "-p", "alone", *words, cwd=tmp_path, AIIDA_PATH=str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(f"Error: {message}")
