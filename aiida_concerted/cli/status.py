"""``aiida-concerted status``: where a study stands."""

from __future__ import annotations

import time
from pathlib import Path

import click

from aiida_concerted.cli.profiles import load_study, open_profile, profile_options

_WATCH_INTERVAL_S = 2.0


@click.command()
@click.argument("pk", type=int, required=False)
@click.option("--watch", is_flag=True, help="Follow until the study ends.")
@profile_options
def status(pk: int | None, watch: bool, folder: Path | None, profile: str | None) -> None:
    """Show the stages of study PK: done, running, failed.

    Without PK it is the study of the demonstration.
    """
    from rich.console import Console

    from aiida_concerted.cli.progress import StudyDisplay, render_tree
    from aiida_concerted.environment.processes import read_process_tree

    place = open_profile(folder, profile)
    from aiida_concerted.queries.calls import continued_by  # imports AiiDA, which wants its folder known before

    study = load_study(pk, place)
    console = Console(highlight=False)
    tree = read_process_tree(study.uuid)
    if not watch or tree.has_ended:
        console.print(render_tree(tree, width=console.width))
        if (later := continued_by(study)) is not None:
            click.echo(f"It goes on in {later.process_label} <{later.pk}>: 'aiida-concerted status {later.pk}'")
        return
    with StudyDisplay(console, footer="") as display:
        while not tree.has_ended:
            display.update(tree)
            time.sleep(_WATCH_INTERVAL_S)
            tree = read_process_tree(study.uuid)
        display.update(tree)
