"""The results of a study in the terminal."""

from __future__ import annotations

import rich.table
from aiida import orm
from rich import box
from rich.console import Console
from rich.markup import escape

from aiida_concerted.report.caveats import SURROGATE_BANNER, caveats
from aiida_concerted.report.gather import gather_study
from aiida_concerted.report.published import Published
from aiida_concerted.report.summary import rows_of
from aiida_concerted.report.tables import Table, headline_tables

LEFT_COLUMNS = ("Quantity", "Events, background included", "Sites computed")


def print_summary(study: orm.ProcessNode, console: Console) -> None:
    """Print the headline numbers of a study beside published ones, whatever state it is in.

    :param study: the study, or a sweep.
    :param console: where to print; 80 columns are enough.
    """
    content = gather_study(study)
    published = Published.of(content.material)
    title = f"{content.material}, {content.formula}" if content.material != content.formula else content.material
    console.print(f"[bold]Results: {escape(title)}[/bold]")
    if content.is_surrogate:
        console.print(
            f"[bold yellow]{SURROGATE_BANNER}.[/bold yellow] Level of theory: {escape(content.level_of_theory)}"
        )
    else:
        console.print(f"Level of theory: {escape(content.level_of_theory)}")
    tables = headline_tables(content, rows_of(content, published), published, all_modes=False)
    for table in tables:
        console.print(_rendered(table))
        for note in table.notes:
            console.print(f"  [dim]{escape(note)}[/dim]")
    for text in caveats(content):
        console.print(f"[yellow]![/yellow] {escape(text)}")


def _rendered(table: Table) -> rich.table.Table:
    drawn = rich.table.Table(
        title=escape(table.title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
        pad_edge=False,
    )
    for index, column in enumerate(table.columns):
        wraps = column in LEFT_COLUMNS or column.startswith("Published")
        drawn.add_column(
            escape(column), justify="left" if wraps or index == 0 else "right", no_wrap=not wraps, overflow="fold"
        )
    for row in table.rows:
        drawn.add_row(*(escape(cell) for cell in row))
    return drawn
