"""The command checks a study file, shows what it would do, runs it, and says how it ended."""

from __future__ import annotations

import json

import pytest
import yaml
from aiida import orm
from ase.io import write

from aiida_concerted.cli import run as command
from aiida_concerted.workflows.studyfile import SCHEMA
from tests.cli.support import assert_one_line, run_here
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
