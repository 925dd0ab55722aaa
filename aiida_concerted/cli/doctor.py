"""``aiida-concerted doctor``: whether everything is there that a study needs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Look at this demonstration's profile too."
)
def doctor(folder: Path | None) -> int:
    """Check the engines and, with --folder, a demonstration's profile; one line each, with the cure."""
    from aiida_concerted.environment.doctor import check_machine, check_profile
    from aiida_concerted.environment.folder import DEFAULT_FOLDER, DemoFolder

    place = DemoFolder.at(folder or DEFAULT_FOLDER)
    if folder is not None:
        place.require()
    healthy = True
    checks = [check_machine()]
    if place.is_ours:
        checks.append(check_profile(place))
    for findings in checks:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.is_ok else 'FAIL'}  {finding.subject}: {finding.message}")
            healthy &= finding.is_ok
    return 0 if healthy else 1
