"""A figure as the report shows it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from matplotlib.figure import Figure

from aiida_concerted.plotting import figure_bytes, publication_style
from aiida_concerted.plotting.files import csv_text
from aiida_concerted.report.figures.hover import hover_points

WIDE_DPI = 120
"""Resolution of maps inside wide drawings: as many pixels as a screen has for them."""


@dataclass(frozen=True)
class Widget:
    """Something to play with.

    :param kind: name of the script's part that draws it.
    :param data: what that part needs, fit for JSON.
    :param help: how it is used, by mouse, finger and keyboard.
    :param replaces: whether it stands in place of the drawing instead of beside it.
    """

    kind: str
    data: Mapping[str, Any]
    help: str
    replaces: bool = False

    @property
    def json_text(self) -> str:
        """Return the data as JSON in which nothing can end or begin markup."""
        text = json.dumps(self.data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


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
    :param paper: the figure of Fu et al. (2022) that shows the same, such as ``Fig. 1a``.
    :param group: figures of one group are shown one at a time where scripts run; empty for a figure by itself.
    :param choice: by what it is chosen within its group, such as ``600 K``.
    :param is_wide: whether it takes the whole width of the page.
    :param widget: what is shown in its place, or beside it, where scripts run.
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
    paper: str = ""
    group: str = ""
    choice: str = ""
    is_wide: bool = False
    widget: Widget | None = None

    @cached_property
    def svg(self) -> bytes:
        """Return the drawing as SVG."""
        with publication_style():
            return figure_bytes(self.figure, "svg", dpi=WIDE_DPI if self.is_wide else None)

    @cached_property
    def hover(self) -> list[list[Any]]:
        """Return the points that can be asked for their values: place in fractions of the drawing, and text."""
        self.svg  # noqa: B018 - only a figure that was drawn has its layout
        return hover_points(self.figure)

    @property
    def hover_json(self) -> str:
        """Return the points as JSON in which nothing can end or begin markup."""
        return Widget("hover", {"points": self.hover}, "").json_text

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


def shortened(value: float) -> float:
    """Return a number with six digits: more are no news in long tables, and make the page heavy."""
    return float(f"{value:.6g}")


def table_of(
    columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    """Return columns and rows as a figure keeps them."""
    return tuple(columns), tuple(tuple(row) for row in rows)
