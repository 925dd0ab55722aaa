"""``aiida-concerted plot``: one figure of a result or a study."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_concerted.cli.profiles import open_profile, profile_options
from aiida_concerted.common.hints import nearest

KINDS = (
    "diffusivity", "anisotropy", "arrhenius", "modes", "lags", "occupancy", "residence", "raster", "vacancy",
    "committee", "selection", "learning-curves", "parity-energy", "parity-force", "provenance",
)  # fmt: skip


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
@profile_options
def plot(kind: str, pk: int, output: Path, table: Path | None, folder: Path | None, profile: str | None) -> None:
    """Draw figure KIND of the result or study PK.

    \b
    Of a result or a study:  diffusivity  anisotropy  arrhenius  modes
                             occupancy  residence  raster  vacancy
    Of modes at one T:       lags
    Of a study or training:  learning-curves  parity-energy  parity-force
    Of a study:              committee  selection  provenance
    """  # noqa: D301 - the character that keeps click from wrapping lines
    if kind not in KINDS:
        raise click.UsageError(f"There is no figure '{kind}': {nearest(kind, KINDS)}.")
    _require_writable(output, table)
    open_profile(folder, profile)
    from aiida_concerted.common.files import write_at_once
    from aiida_concerted.plotting.files import write_figure
    from aiida_concerted.report.node_figures import figure_of_node  # imports AiiDA, which the profile must precede

    figure = figure_of_node(kind, _load(pk))
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
