"""Commands with many options: help under headings, and numbers checked where they are given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import click


class GroupedCommand(click.Command):
    """A click command with option groups.

    :param groups: names of parameters by heading, in the order of the help; options in none of them come last.
    """

    def __init__(self, *arguments: Any, groups: Mapping[str, Sequence[str]], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._groups = groups

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each group of options under its heading."""
        records = {
            str(parameter.name): record
            for parameter in self.get_params(ctx)
            if (record := parameter.get_help_record(ctx)) is not None
        }
        grouped = {name for names in self._groups.values() for name in names}
        rest = [name for name in records if name not in grouped]
        for heading, names in (*self._groups.items(), ("Other", rest)):
            rows = [records[name] for name in names if name in records]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows, col_max=40)


class Number(click.ParamType):
    """A finite number that may be asked to be positive; click's own ranges let ``nan`` and ``inf`` through.

    :param kind: ``finite``, ``positive`` or ``not negative``.
    """

    name = "number"

    def __init__(self, kind: str = "finite") -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, or say that it is none."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        fits = {"finite": True, "positive": number > 0, "not negative": number >= 0}[self._kind]
        if not math.isfinite(number) or not fits:
            wanted = {"not negative": "number of at least zero"}.get(self._kind, f"{self._kind} number")
            self.fail(f"'{value}' is not a {wanted}.", param, ctx)
        return number
