"""The answer to a query: rows of plain values under named columns."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiida_concerted.common.hints import nearest

Row = dict[str, Any]


@dataclass(frozen=True)
class ResultTable:
    """Rows of one kind of result; units stand in the columns' names, and what is not known is ``None``.

    :param kind: what was asked for, such as ``diffusivities``.
    :param columns: names of the columns, in order.
    :param rows: one dictionary a row, with every column as key.
    :param n_newer: results that a later version of this software wrote, which are left out.
    """

    kind: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    n_newer: int = 0

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        """Yield the rows."""
        return iter(self.rows)

    def __getitem__(self, index: int) -> Row:
        """Return one row."""
        return self.rows[index]

    def column(self, name: str) -> list[Any]:
        """Return the values of one column.

        :raises ValueError: if there is no such column.
        """
        self._require([name])
        return [row[name] for row in self.rows]

    def select(self, columns: Sequence[str]) -> ResultTable:
        """Return the table with these columns only, in this order.

        :raises ValueError: if there is no such column.
        """
        self._require(columns)
        rows = tuple({name: row[name] for name in columns} for row in self.rows)
        return replace(self, columns=tuple(columns), rows=rows)

    def sorted_by(self, name: str, *, descending: bool = False) -> ResultTable:
        """Return the table in the order of one column, rows without a value last.

        :raises ValueError: if there is no such column, or its values have no order.
        """
        self._require([name])
        known = [row for row in self.rows if row[name] is not None]
        if any(isinstance(row[name], dict | list) for row in known):
            raise ValueError(f"rows cannot be sorted by '{name}', which holds more than one value")
        known.sort(key=lambda row: row[name], reverse=descending)
        unknown = [row for row in self.rows if row[name] is None]
        return replace(self, rows=(*known, *unknown))

    def head(self, number: int) -> ResultTable:
        """Return the first rows, ``number`` at most."""
        return replace(self, rows=self.rows[:number])

    def to_json(self) -> str:
        """Return a JSON list of objects; what is not known is left out."""
        rows = [{key: value for key, value in row.items() if value is not None} for row in self.rows]
        return json.dumps(rows, indent=1, ensure_ascii=False)

    def to_csv(self) -> str:
        """Return comma-separated text with a heading; what is not known is empty, lists are joined by blanks."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([_cell(row[name]) for name in self.columns] for row in self.rows)
        return buffer.getvalue()

    def to_pandas(self) -> Any:
        """Return a ``pandas.DataFrame``.

        :raises ValueError: if pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise ValueError("pandas is not installed: 'pip install pandas', or use the rows as they are") from error
        return pandas.DataFrame(list(self.rows), columns=list(self.columns))

    def _require(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.columns:
                raise ValueError(f"{self.kind} have no column '{name}': {nearest(name, self.columns)}")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return " ".join(_cell(item) for item in value)
    text = repr(value) if isinstance(value, float) else str(value)
    # A spreadsheet takes text that begins so for a formula, and names of materials may come from anybody's archive.
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t") else text
