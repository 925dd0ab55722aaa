"""``aiida-concerted report``: one HTML file of a study."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_concerted.cli.profiles import load_study, open_profile, profile_options


@click.command()
@click.argument("pk", type=int, required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="HTML file to write."
)
@profile_options
def report(pk: int | None, output: Path, folder: Path | None, profile: str | None) -> None:
    """Write the report of study PK.

    Without PK it is the study of the demonstration.
    """
    place = open_profile(folder, profile)
    study = load_study(pk, place)
    from aiida_concerted.report import write_report  # imports AiiDA, which the profile's folder must precede

    write_report(study, output)
    click.echo(f"Report: {output}")
