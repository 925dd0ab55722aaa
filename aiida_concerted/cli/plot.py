"""``aiida-concerted plot``: one figure of a result or a study."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_concerted.cli.grouped_help import Number
from aiida_concerted.cli.profiles import open_profile, profile_options
from aiida_concerted.common.figure_kinds import FIGURE_KINDS, kind_named, listed
from aiida_concerted.common.hints import nearest


def _print_list(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    if not is_asked or context.resilient_parsing:
        return
    rows = [("KIND", "shows", "of a", "in Fu et al."), *listed()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    context.exit()


@click.command()
@click.argument("kind", metavar="KIND")
@click.argument("pk", type=int)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="PDF, PNG or SVG file to write.",
)
@click.option(
    "--csv", "table", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers behind it too."
)
@click.option(
    "--columns", type=click.Choice(("1", "2")), help="Of a journal's page: 89 or 183 mm wide; else as in the report."
)
@click.option("--temperature-K", "temperature_K", type=Number("positive"), help="Of one run of a study.")
@click.option("--pair", metavar="A-B", help="Of several pairs of species, such as Li-S.")
@click.option(
    "--list", is_flag=True, is_eager=True, expose_value=False, callback=_print_list, help="Show all kinds and exit."
)
@profile_options
def plot(
    kind: str,
    pk: int,
    output: Path,
    table: Path | None,
    columns: str | None,
    temperature_K: float | None,
    pair: str | None,
    folder: Path | None,
    profile: str | None,
) -> None:
    """Draw figure KIND of the result or study PK, such as 'arrhenius' or 'modes'.

    Colours stay distinct with every common colour vision. '--list' names all kinds and what each is drawn for.
    """
    if kind_named(kind) is None:
        raise click.UsageError(f"There is no figure '{kind}': {nearest(kind, FIGURE_KINDS)}.")
    _require_writable(output, table)
    open_profile(folder, profile)
    from aiida_concerted.common.files import write_at_once
    from aiida_concerted.plotting.files import write_figure
    from aiida_concerted.report.node_figures import figure_of_node  # imports AiiDA, which the profile must precede

    n_columns = int(columns) if columns else None
    figure = figure_of_node(kind, _load(pk), temperature_K=temperature_K, pair=pair, columns=n_columns)
    click.echo(f"Figure: {write_figure(figure.figure, output)}")
    if table is not None:
        click.echo(f"Numbers: {write_at_once(table, figure.csv_text.encode())}")


def _require_writable(output: Path, table: Path | None) -> None:
    """Refuse files that could not be written before anything is opened.

    :raises ValueError: if a format is unknown or a folder does not exist.
    """
    from aiida_concerted.plotting.files import suffix_of

    suffix_of(output)
    for path in (output, table):
        if path is not None and not path.parent.is_dir():
            raise ValueError(f"the folder of {path} does not exist: make it first")


def _load(pk: int):  # type: ignore[no-untyped-def]
    """Return the node of a key.

    :raises ValueError: if there is none.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_node

    try:
        return load_node(pk)
    except NotExistent as error:
        raise ValueError(f"there is no node {pk} in this profile: see 'aiida-concerted query'") from error
