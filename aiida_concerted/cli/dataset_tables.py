"""Versions of datasets in the terminal: what one holds, where its frames come from, what distinguishes two."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from aiida_concerted.cli.result_table import UUID_LENGTH, Row, View, render
from aiida_concerted.common.numbers import UNKNOWN, format_number
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.queries.datasets import Difference, group_table, known_of
from aiida_concerted.queries.table import ResultTable

KINDS = {
    "label": "label of an exploration",
    "dynamics": "molecular dynamics",
    "computed": "other computation",
    "elsewhere": "elsewhere",
    "unsaid": "not said",
}
"""Kinds of origin in words."""


def describe(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield lines that say what a dataset is, and which it was put together from."""
    virials = "with virials" if facts["has_virials"] else "without virials"
    what = f"{facts['n_frames']} frames of {facts['n_atoms']} atoms, {facts['formula']}, {virials}"
    yield _clean(f"Dataset <{facts['pk']}>: {what}")
    rows = {
        "material": facts.get("material"),
        "level of theory": facts["level_of_theory"],
        "content hash": facts["content_hash"],
        "made by": facts.get("made_by") or _source(facts.get("source", {})),
    }
    for name, value in rows.items():
        yield _clean(f"  {name:<16} {value or UNKNOWN}")
    for number, parent in enumerate(facts["parents"]):
        where = f"<{parent['pk']}>, {parent['n_frames']} frames" if "pk" in parent else "not in this profile"
        yield _clean(f"  {'parents' if number == 0 else '':<16} {parent['content_hash'][:UUID_LENGTH]}  {where}")


def write_frames(frames: ResultTable, *, form: str, each: bool) -> None:
    """Print frames, each by itself or in groups of one origin; CSV always has every frame.

    :param form: ``table`` or ``csv``.
    """
    if form == "csv":
        click.echo(frames.to_csv(), nl=False)
    elif len(frames):
        click.echo(render(EACH, frames) if each else render(GROUPS, group_table(frames)))


def write_difference(
    versions: tuple[LabelledFramesData, LabelledFramesData], found: Difference, *, form: str, each: bool
) -> None:
    """Print what distinguishes two versions.

    :param versions: the older and the newer one.
    :param form: ``table``, ``json`` or ``csv``.
    """
    tables = {"added": found.added, "removed": found.removed}
    if form == "json":
        changes = {name: known_of(table) for name, table in tables.items()}
        click.echo(json.dumps({"n_common": found.n_common, **changes}, allow_nan=False, indent=1))
        return
    if form == "csv":
        columns = ("change", *found.added.columns)
        rows = tuple({"change": name, **row} for name, table in tables.items() for row in table)
        click.echo(ResultTable("frames", columns, rows).to_csv(), nl=False)
        return
    older, newer = (f"<{node.pk}>" for node in versions)
    click.echo(f"From {older} to {newer}: {len(found.added)} added, {len(found.removed)} removed, "
               f"{found.n_common} in both")  # fmt: skip
    for name, table in tables.items():
        if len(table):
            click.echo(f"\n{name.capitalize()}:")
            write_frames(table, form=form, each=each)


def _source(source: Mapping[str, Any]) -> str:
    if not source:
        return UNKNOWN
    return f"import of {source.get('folder', UNKNOWN)} ({source.get('format', UNKNOWN)})"


def _clean(line: str) -> str:
    """Return a line without control characters: names come from anybody's archive."""
    return "".join(sign for sign in line if sign.isprintable())


def _words(name: str, heading: str) -> View:
    return View(heading, lambda row: _clean(str(row[name])) if row[name] not in (None, "") else UNKNOWN, is_text=True)


def _node(name: str, heading: str) -> View:
    return View(heading, lambda row: UNKNOWN if row[name] is None else f"<{row[name]}>")


def _count(name: str, heading: str) -> View:
    return View(heading, lambda row: UNKNOWN if row[name] is None else f"{row[name]:.6g}")


def _kind(row: Row) -> str:
    return KINDS[row["kind"]]


def _deviation(row: Row) -> str:
    return UNKNOWN if row["deviation_eV_A"] is None else format_number(row["deviation_eV_A"])


def _computation(row: Row) -> str:
    """Return the job of a frame and the step in it, or what an import called its source."""
    if row["job"] is not None:
        return f"<{row['job']}> step {row['step']}"
    return _clean(f"{row['source']} {row['step']}") if row["source"] else UNKNOWN


ORIGIN = (
    View("Origin", _kind, is_text=True), _node("work_chain", "Work chain"), _words("run", "Run"),
    _count("temperature_K", "T (K)"),
)  # fmt: skip

GROUPS = (*ORIGIN, _count("n_frames", "Frames"))
"""What is shown of a group of frames."""

EACH = (
    _count("frame", "Frame"), *ORIGIN, _count("run_step", "Step"), View("Deviation (eV/Å)", _deviation),
    View("Energy and forces by", _computation, is_text=True),
)  # fmt: skip
"""What is shown of each frame."""
