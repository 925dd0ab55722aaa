"""Figures as files: PDF for print, PNG for screens, numbers as CSV; each file appears at once or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from aiida_concerted.common.files import write_at_once
from aiida_concerted.plotting.style import figure_bytes, publication_style

FORMATS = ("pdf", "png")
DIGITS = 8
"""Digits of the numbers beside a figure, as many as single precision has; errors are far larger than the rest."""

SUFFIXES = ("pdf", "png", "svg")


@dataclass(frozen=True)
class DrawnFigure:
    """A figure and the numbers that it shows.

    :param name: stem of its files.
    :param figure: the drawing.
    :param columns: names of the columns, units in them.
    :param rows: the numbers; ``None`` and NaN stand for what is not known.
    """

    name: str
    figure: Figure
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(cls, name: str, figure: Figure, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> DrawnFigure:
        """Return the figure with its numbers as tuples."""
        return cls(name, figure, tuple(columns), tuple(tuple(row) for row in rows))

    def write(self, folder: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
        """Return the files written into a folder: ``NAME.pdf``, ``NAME.png`` and ``NAME.csv``.

        :param folder: existing folder; files of these names are replaced.
        :raises OSError: if a file cannot be written.
        """
        with publication_style():
            contents = {suffix: figure_bytes(self.figure, suffix) for suffix in formats}
        contents["csv"] = csv_text(self.columns, self.rows, digits=DIGITS).encode()
        return [write_at_once(folder / f"{self.name}.{suffix}", content) for suffix, content in contents.items()]


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, digits: int | None = None) -> str:
    """Return rows as comma-separated values below their headings; what is not known is empty.

    :param digits: significant digits of numbers that are not whole; all of them when not given.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([["" if _is_unknown(cell) else _rounded(cell, digits) for cell in row] for row in rows])
    return buffer.getvalue()


def write_figure(figure: Figure, path: Path) -> Path:
    """Return the file that a figure was written to; its ending says the format.

    :raises ValueError: if the ending is not one of ``SUFFIXES``.
    :raises OSError: if the file cannot be written.
    """
    suffix = suffix_of(path)
    with publication_style():
        return write_at_once(path, figure_bytes(figure, suffix))


def suffix_of(path: Path) -> str:
    """Return the format that the name of a file asks for.

    :raises ValueError: if it is not one of ``SUFFIXES``.
    """
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in SUFFIXES:
        known = ", ".join(f".{name}" for name in SUFFIXES)
        raise ValueError(f"'{path.name}' does not say a format: let the name of the file end in one of {known}")
    return suffix


def _is_unknown(cell: Any) -> bool:
    return cell is None or (isinstance(cell, float) and cell != cell)


def _rounded(cell: Any, digits: int | None) -> Any:
    return f"{cell:.{digits}g}" if digits is not None and isinstance(cell, float) else cell
