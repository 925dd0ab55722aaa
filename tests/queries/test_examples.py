"""The examples of the documentation run on a profile with results, and its table names every word there is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from click import Option

from aiida_concerted.cli.query import KINDS as COMMAND_KINDS
from aiida_concerted.cli.query import query as command
from aiida_concerted.imports.literature import import_references
from aiida_concerted.materials.reference import load_references
from aiida_concerted.queries.filters import BUILDERS
from aiida_concerted.queries.kinds import KINDS
from aiida_concerted.queries.search import query
from tests.queries.bulk import BulkProfile

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference" / "queries.md"


def examples(page):
    """Return the Python of a page, one text: later examples use what earlier ones imported."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def filled(aiida_profile):
    bulk = BulkProfile(seed=21)
    while not {"LGPS"} <= {node["attributes"].get("material") for node in bulk.nodes}:
        bulk.add_study()
    bulk.insert()
    import_references(load_references("LGPS"))


@pytest.fixture
def run(filled, monkeypatch):
    """Return a function that runs the examples of a page and returns the names that they leave."""
    monkeypatch.setattr("aiida.load_profile", lambda: None)  # one is loaded

    def execute(page):
        names = {}
        exec(compile(examples(page), page.name, "exec"), names)  # noqa: S102
        return names

    return execute


def test_the_examples_of_the_reference_run(run, capsys):
    names = run(REFERENCE)
    assert len(capsys.readouterr().out.splitlines()) == len(names["best"]) == 3
    conductivities = names["best"].column("conductivity_S_m")
    assert conductivities == sorted(conductivities, reverse=True)
    assert {row["material"] for row in names["table"]} == {"LGPS"}
    assert len(names["frame"]) == len(names["table"]) == len(names["text"].splitlines()) - 1 > 0
    assert names["measured"]
    assert names["studies"] == {row["study_uuid"] for row in names["fits"]}


def test_the_example_of_the_guide_runs(run):
    names = run(DOCS / "howto" / "share.md")
    assert {row["material"] for row in names["table"]} == {"LGPS"}
    assert len(names["frame"]) == len(names["table"]) > 0


def test_the_table_has_every_word_of_python_and_of_the_command():
    rows = [line.split(" | ") for line in REFERENCE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    python = {re.match(r"\| `(\w+)=", row[0]).group(1): row[1] for row in rows}
    own = {name for name in inspect.signature(query).parameters if name not in ("kind", "criteria")}
    assert set(python) == {*BUILDERS, *own}
    options = {
        option.name: option.opts + option.secondary_opts for option in command.params if isinstance(option, Option)
    }
    for name, cell in python.items():
        said = re.findall(r"--[\w-]+", cell)
        assert set(said) <= set(options.get(name, ())), name
        assert bool(said) == (name in options), name


def test_the_kinds_are_those_of_the_command_and_of_the_page():
    assert tuple(KINDS) == COMMAND_KINDS
    text = REFERENCE.read_text(encoding="utf-8")
    assert all(f"`{kind}`" in text for kind in KINDS)
