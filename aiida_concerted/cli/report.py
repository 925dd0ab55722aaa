"""``aiida-concerted report``: one HTML file of a study."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_concerted.cli.json_file import write_json
from aiida_concerted.cli.profiles import load_study, open_profile, profile_options


@click.command()
@click.argument("pk", type=int, required=False)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="HTML file to write."
)
@click.option(
    "--json", "numbers", type=click.Path(path_type=Path, dir_okay=False), help="File for all its numbers, as JSON."
)
@profile_options
def report(pk: int | None, output: Path, numbers: Path | None, folder: Path | None, profile: str | None) -> None:
    """Write the report of study PK.

    Without PK it is the study of the demonstration.
    """
    place = open_profile(folder, profile)
    study = load_study(pk, place)
    from aiida_concerted.report import write_report  # imports AiiDA, which the profile's folder must precede

    write_report(study, output)
    click.echo(f"Report: {output}")
    if numbers is not None:
        from aiida_concerted.report.numbers import study_numbers

        write_json(numbers, study_numbers(study))
        click.echo(f"Numbers: {numbers}")
