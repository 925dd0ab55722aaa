"""The page that sets the paper beside the software: every place it names exists, every number is the one in force."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from aiida_concerted.cli.main import cli
from aiida_concerted.common.figure_kinds import FIGURE_KINDS
from aiida_concerted.materials import load_reference_values
from aiida_concerted.workflows.protocols.loader import ProtocolMixin
from tests.test_docs import load_reference_pages

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "reference" / "paper.md"
TEXT = PAGE.read_text(encoding="utf-8")

NUMBERED = {"S": (7, 2), "T": (23, 2), "M": (7, 2), "A": (22, 2), "D": (6, 2), "N": (17, 2), "C": (8, 1)}
"""Points of each kind: how many, and in how many digits they are written."""

FIGURES = [
    "Scheme 1", *(f"Fig. 1{panel}" for panel in "abcd"), *(f"Fig. 2{panel}" for panel in "abcdef"),
    *(f"Fig. 3{panel}" for panel in "abcd"), *(f"Fig. S{number}" for number in range(1, 10)), "Movies S1–S2",
    "Graphical abstract",
]  # fmt: skip
POINTS = [f"{kind}{n:0{width}}" for kind, (last, width) in NUMBERED.items() for n in range(1, last + 1)] + FIGURES

PLACE = re.compile(r"\{py:\w+\}`|\{ref\}`|\]\([^)]+\)")


def table_rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| ID ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


ROWS = table_rows(TEXT)
OBJECTS = sorted({target.split("<")[-1].strip("~<>") for target in re.findall(r"\{py:\w+\}`([^`]+)`", TEXT)})
REFERENCES = set(re.findall(r"\{ref\}`[^`<]+<([^>`]+)>`", TEXT))


def test_every_point_of_the_paper_has_one_row():
    assert [row[0] for row in ROWS] == POINTS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_point_has_a_place_or_says_that_it_has_none(row):
    assert len(row) == 4
    _, said, here, _ = row
    earlier = re.fullmatch(r"As ([A-Z]\d\d)", here)
    if earlier:
        here = next(other[2] for other in ROWS if other[0] == earlier[1])
    assert said
    assert PLACE.search(here) or here == "not yet"


@pytest.mark.parametrize("path", OBJECTS)
def test_a_named_object_exists(path):
    module, _, name = path.rpartition(".")
    assert hasattr(importlib.import_module(module), name)


def documented() -> set[str]:
    """Return every object that a page of the reference documents, by its dotted path."""
    found: set[str] = set()
    for page in (DOCS / "reference").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for module, members in re.findall(r"automodule:: (\S+)\n   :members:([^\n]*)", text):
            names = [name.strip() for name in members.split(",") if name.strip()]
            found |= {f"{module}.{name}" for name in names or vars(importlib.import_module(module))}
    return found


def test_named_objects_are_documented_so_that_the_links_lead_somewhere():
    assert set(OBJECTS) <= documented()


def test_named_entry_points_and_protocols_have_a_section_that_the_links_lead_to(tmp_path):
    load_reference_pages().write_pages(tmp_path / "generated")
    labels = {
        label
        for page in (tmp_path / "generated").iterdir()
        for label in re.findall(r"^\((.+)\)=$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    assert REFERENCES
    assert REFERENCES <= labels


def test_named_commands_exist_where_the_links_lead():
    links = re.findall(r"\[`aiida-concerted ([^`]+)`\]\(cli\.md#([\w-]+)\)", TEXT)
    assert links
    for words, anchor in links:
        name, *rest = words.split()
        assert name in cli.commands
        assert anchor == f"aiida-concerted-{name}"
        assert name == "plot" or not rest
        assert all(kind in FIGURE_KINDS for kind in rest)


def test_a_figure_of_the_paper_is_drawn_by_the_kind_that_names_it():
    named = {}
    for line in TEXT.splitlines():
        if match := re.match(r"\| (?:Fig\.|Movies) (\S+) \|", line):
            named[match[1].split("–")[0]] = re.findall(r"`aiida-concerted plot ([\w-]+)`", line)
    for kind in FIGURE_KINDS.values():
        for number in re.findall(r"S?\d[a-f]?", kind.paper):
            assert any(number.startswith(figure) for figure, kinds in named.items() if kinds) or number == "S2", kind
    for figure, kinds in named.items():
        for name in kinds:
            assert re.search(figure, FIGURE_KINDS[name].paper), (figure, name)


def value_of(protocol: str, path: str) -> Any:
    class Chain(ProtocolMixin):
        _protocol_file = protocol

    value = Chain.get_protocol_inputs("paper")
    for key in path.split("."):
        value = value[key]
    return value


def numbers(*, of_protocols: bool) -> list[tuple[str, str, str]]:
    """Return point, protocol (or nothing) and text of every number in the last column."""
    found = []
    for point, *_, cell in ROWS:
        protocol = re.match(r"\{ref\}`[^`<]+<protocol\.([^>]+)>`: ", cell)
        texts = re.findall(r"`([^`]+)`", cell[protocol.end() :] if protocol else cell)
        if bool(protocol) == of_protocols:
            found += [(point, protocol[1] if protocol else "", text) for text in texts]
    return found


@pytest.mark.parametrize(("point", "protocol", "text"), numbers(of_protocols=True))
def test_a_number_is_that_of_the_protocol_named_after_the_paper(point, protocol, text):
    path, _, value = text.partition(": ")
    assert value_of(protocol, path) == pytest.approx(yaml.safe_load(value))


@pytest.mark.parametrize(("point", "protocol", "text"), numbers(of_protocols=False))
def test_a_published_number_ships_with_the_package(point, protocol, text):
    quantity, value, unit = re.fullmatch(r"(\w+): ([\d.e-]+)(?: (\S+))?", text).groups()
    assert any(
        item.quantity == quantity and item.value == pytest.approx(float(value), rel=1e-12) and item.unit == (unit or "")
        for item in load_reference_values("LGPS")
    )


def test_numbers_are_found_on_the_page():
    assert len(numbers(of_protocols=True)) >= 20
    assert len(numbers(of_protocols=False)) >= 20
