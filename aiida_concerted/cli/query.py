"""``aiida-concerted query``: results across every material in a profile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from aiida_concerted.cli.profiles import open_profile, profile_options

KINDS = (
    "diffusivities", "arrhenius", "modes", "occupancies", "vacancies", "potentials", "frames", "trajectories",
)  # fmt: skip


@click.command()
@click.argument("kind", type=click.Choice(KINDS), metavar="KIND")
@click.option("--material", help="Key of the material, such as LGPS.")
@click.option("--formula", help="Reduced formula, elements in any order.")
@click.option("--carrier", help="Element of the mobile ion.")
@click.option("--temperature-K", "temperature_K", metavar="A[:B]", help="One, or a range, in K.")
@click.option("--level-of-theory", metavar="TEXT", help="A part of it, such as PBE.")
@click.option("--study", metavar="PK|UUID", help="Results of this study.")
@click.option("--quantity", help="Of a fit, such as tracer_diffusivity.")
@click.option("--mode", metavar="A-B-C", help="One class of concerted hops.")
@click.option("--max-activation-energy-eV", "max_activation_energy_eV", type=float,
              metavar="X", help="Of a fit, in eV.")  # fmt: skip
@click.option("--literature/--no-literature", default=True, help="Published numbers among the computed ones.")
@click.option("--sort", metavar="[-]COLUMN", help="Column to sort by; - from large to small.")
@click.option("--limit", type=click.IntRange(min=0), metavar="N", help="Most rows.")
@click.option("--columns", metavar="A,B,…", help="These columns only; 'all' for every one.")
@click.option("--format", "form", type=click.Choice(("table", "csv", "json")), default="table", show_default=True)
@click.option("--archive", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write them to an archive, too.")  # fmt: skip
@profile_options
def query(
    kind: str,
    literature: bool,
    sort: str | None,
    limit: int | None,
    columns: str | None,
    form: str,
    archive: Path | None,
    folder: Path | None,
    profile: str | None,
    **criteria: Any,
) -> None:
    """List diffusivities, arrhenius, modes, occupancies, vacancies, potentials, frames or trajectories (KIND)."""
    open_profile(folder, profile)
    from aiida_concerted.cli.result_table import write_table
    from aiida_concerted.queries import query as ask  # imports AiiDA, which the profile's folder must precede

    table = ask(kind, sort=sort, limit=limit, literature=literature, **criteria)
    write_table(table, form=form, columns=columns, is_filtered=any(value is not None for value in criteria.values()))
    if archive is not None:
        _archive(table.column("pk"), archive)


def _archive(pks: Sequence[int], path: Path) -> None:
    """Write nodes with the data and calculations behind them to an archive that may be shared.

    :raises ValueError: if there is none.
    """
    from aiida.orm import load_node

    from aiida_concerted.archive.create import create_clean_archive

    if not pks:
        raise ValueError(f"no result fits: {path} is not written")
    nodes = [load_node(pk) for pk in dict.fromkeys(pks)]
    create_clean_archive(nodes, path, with_callers=False)
    size = path.stat().st_size / 1e6
    click.echo(f"Archive: {path} ({size:.2f} MB, {len(nodes)} results with the data behind them)", err=True)
