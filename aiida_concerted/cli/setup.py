"""``aiida-concerted setup``: a profile with computers, codes and POTCARs from one file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_concerted.environment.errors import SetupError

if TYPE_CHECKING:
    from aiida_concerted.environment.setup.wishes import Wishes


@click.command()
@click.argument("config", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--dry-run", is_flag=True, help="Check everything and show what would be made.")
@click.option("--update-options", is_flag=True, help="Give codes that are there the scheduler options of the file.")
@click.option("--no-check", is_flag=True, help="Do not look afterwards whether computers, codes and POTCARs work.")
@click.option("--print-schema", is_flag=True, help="Print the JSON schema of the file.")
def setup(config: Path | None, dry_run: bool, update_options: bool, no_check: bool, print_schema: bool) -> int:
    """Make the profile, computers, codes and POTCAR family that CONFIG, a YAML file, describes.

    Everything is checked before anything is made. Run again it says what is there already, goes on where it was
    interrupted, and changes nothing that is there. At the end all of it is tried, as 'doctor' does.

    Example: aiida-concerted setup cluster.yaml
    """
    if print_schema:
        from aiida_concerted.environment.setup.schema import setup_schema

        click.echo(json.dumps(setup_schema(), indent=2, ensure_ascii=False))
        return 0
    if config is None:
        raise click.UsageError("Missing argument 'CONFIG'")
    from aiida_concerted.environment.setup.plan import carry_out, plan, try_connection
    from aiida_concerted.environment.setup.reading import read_setup_file

    wishes = read_setup_file(config)
    steps = plan(wishes, ask_password, update_options=update_options)
    if dry_run and steps[0].state == "missing":
        try_connection(wishes, ask_password)
    if dry_run or any(step.state == "differs" for step in steps):
        words = {"agrees": "exists", "missing": "would make", "unfinished": "would change", "differs": "DIFFERS"}
        for step in steps:
            _say(words[step.state], step.subject, step.message)
        if any(step.state == "differs" for step in steps):
            raise SetupError(f"{config} differs from what is there: nothing was made")
        return 0
    for step, made in carry_out(steps, wishes.profile.name):
        word = {"missing": "made", "unfinished": "changed"}.get(step.state, "exists")
        _say(word, step.subject, made or f"agrees ({step.message})")
    return 0 if no_check else _check(wishes)


def _check(wishes: Wishes) -> int:
    """Look whether what the file describes works; the daemon need not run yet."""
    from aiida_concerted.cli.doctor import say_findings
    from aiida_concerted.environment.check_profile import check_profile

    potcars = wishes.potcars
    findings = check_profile(
        wishes.profile.name,
        elements=potcars.elements if potcars is not None else (),
        family=potcars.family if potcars is not None else None,
        codes=[code.full_label for code in wishes.codes],
        computers=wishes.computers,
    )
    return say_findings(findings, forgive=("broker", "daemon"))


def ask_password(variable: str, purpose: str) -> str:
    """Return a password from an environment variable, or from the terminal, where it is not shown.

    :param purpose: what it opens.
    :raises SetupError: if the variable is not set and there is no terminal.
    """
    if variable in os.environ:
        return os.environ[variable]
    if not sys.stdin.isatty():
        raise SetupError(f"the password of {purpose} is missing: set the environment variable {variable}")
    return str(click.prompt(f"Password of {purpose}", hide_input=True, err=True))


def _say(word: str, subject: str, message: str) -> None:
    click.echo(f"{word:<12}  {subject}: {message}")
