"""The turns of a learning loop in the terminal, narrow enough for it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from aiida_concerted.common.numbers import UNKNOWN
from aiida_concerted.queries.turns import TurnSummary
from aiida_concerted.report.turn_tables import EXPLANATION, turn_table

SHORT = {"Force RMSE (meV Å⁻¹)": "F RMSE (meV Å⁻¹)", "Energy RMSE (meV/atom)": "E RMSE (meV/atom)"}


def turn_view(turns: Sequence[TurnSummary], stopped: str | None) -> RenderableType:
    """Return the table, one row a turn, with why the loop ended below; columns without any value are left out."""
    content = turn_table(turns, stopped)
    shown = [number for number in range(len(content.columns)) if any(row[number] != UNKNOWN for row in content.rows)]
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number in shown:
        heading = content.columns[number]
        table.add_column(SHORT.get(heading, heading), justify="left" if heading == "Stage" else "right")
    for row in content.rows:
        table.add_row(*(row[number] for number in shown))
    return Group(table, *(Text(note) for note in content.notes if note != EXPLANATION))
