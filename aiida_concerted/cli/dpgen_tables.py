"""What an import of a DP-GEN project says at its end."""

from __future__ import annotations

from collections.abc import Sequence

import click

from aiida_concerted.imports.dpgen.account import CHANGED, LEFT_OUT, STATES, Account, Row

HEADINGS = {"carried": "Carried over", "changed": "Changed", "not carried over": "Not carried over"}


def say_account(name: str, account: Account) -> None:
    """Print what became of each key, those that were left out last."""
    rows = account.rows()
    for state in STATES:
        chosen = [row for row in rows if row.state == state]
        if chosen:
            click.echo(f"{HEADINGS[state]} from {name}: {len(chosen)} keys")
            _say_rows(chosen)


def _say_rows(rows: Sequence[Row]) -> None:
    width = max(len(row.key) for row in rows)
    for row in rows:
        place = f" → {row.place}" if row.place else ""
        note = f"  ({row.note})" if row.note else ""
        click.echo(f"  {row.key:{width}s}  {row.value}{place}{note}")


def say_lines(heading: str, lines: Sequence[str]) -> None:
    """Print lines under a heading, nothing where there are none."""
    if lines:
        click.echo(heading)
        for line in lines:
            click.echo(f"  {line}")


def comment_of(name: str, account: Account) -> str:
    """Return what stands at the top of the study file: where it comes from and what it is without."""
    lines = [f"From {name} of a DP-GEN project; run it with 'aiida-concerted run FILE --only learn'."]
    for state, heading in ((CHANGED, "Changed:"), (LEFT_OUT, "Not carried over:")):
        chosen = [row for row in account.rows() if row.state == state]
        if chosen:
            lines += [heading, *(f"  {row.key} {row.value} ({row.note})" for row in chosen)]
    return "\n".join(lines)
