"""A figure as the report shows it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matplotlib.figure import Figure

from aiida_concerted.plotting import figure_bytes, publication_style
from aiida_concerted.plotting.files import csv_text


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
    :param figure: the drawing.
    :param table: columns and rows of the data, units in the column names.
    """

    key: str
    section: str
    title: str
    shows: str
    method: str
    alternative: str
    uuids: tuple[str, ...]
    figure: Figure
    table: tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]

    @cached_property
    def svg(self) -> bytes:
        """Return the drawing as SVG."""
        with publication_style():
            return figure_bytes(self.figure, "svg")

    @property
    def svg_uri(self) -> str:
        """Return the drawing as a data URI."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode()

    @property
    def csv_text(self) -> str:
        """Return the data as comma-separated values; what is not known is empty."""
        return csv_text(*self.table)

    @property
    def csv_uri(self) -> str:
        """Return the data as a data URI."""
        return "data:text/csv;charset=utf-8;base64," + base64.b64encode(self.csv_text.encode()).decode()


def table_of(
    columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """Return columns and rows as a figure keeps them."""
    return tuple(columns), tuple(tuple(row) for row in rows)
