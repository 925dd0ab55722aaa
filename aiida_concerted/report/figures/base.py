"""A figure as the report shows it."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from aiida_concerted.plotting import figure_bytes


@dataclass(frozen=True)
class ReportFigure:
    """A figure with everything that a reader needs to trust it.

    :param key: short name; anchor of the figure and name of its data file.
    :param section: key of the section it belongs to.
    :param title: heading.
    :param shows: what is to be seen, in a sentence or two.
    :param method: how it was computed and what the error bars are.
    :param alternative: text for those who cannot see it.
    :param uuids: nodes that it came from.
    :param svg: the drawing.
    :param table: columns and rows of the data, units in the column names.
    """

    key: str
    section: str
    title: str
    shows: str
    method: str
    alternative: str
    uuids: tuple[str, ...]
    svg: bytes
    table: tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]

    @property
    def svg_uri(self) -> str:
        """Return the drawing as a data URI."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode()

    @property
    def csv_text(self) -> str:
        """Return the data as comma-separated values; what is not known is empty."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        columns, rows = self.table
        writer.writerow(columns)
        writer.writerows([["" if _is_unknown(cell) else cell for cell in row] for row in rows])
        return buffer.getvalue()

    @property
    def csv_uri(self) -> str:
        """Return the data as a data URI."""
        return "data:text/csv;charset=utf-8;base64," + base64.b64encode(self.csv_text.encode()).decode()


def table_of(
    columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """Return columns and rows as a figure keeps them."""
    return tuple(columns), tuple(tuple(row) for row in rows)


def drawn(figure: Figure) -> bytes:
    """Return a figure as SVG."""
    return figure_bytes(figure, "svg")


def _is_unknown(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell)
