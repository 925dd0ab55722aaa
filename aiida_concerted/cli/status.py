"""``aiida-concerted status``: where a study stands."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_concerted.cli.profiles import load_study, open_profile, profile_options

if TYPE_CHECKING:
    from rich.table import Table

    from aiida_concerted.environment.processes import ProcessSummary

_WATCH_INTERVAL_S = 2.0


@click.command()
@click.argument("pk", type=int, required=False)
@click.option("--watch", is_flag=True, help="Follow until the study ends.")
@profile_options
def status(pk: int | None, watch: bool, folder: Path | None, profile: str | None) -> None:
    """Show the stages of study PK (done, running, failed), and how far each run of its sweep is.

    A run has its simulated time, speed, diffusivity so far and time left. Without PK it is the demonstration's study.
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
        if (points := _points(tree)) is not None:
            console.print()
            console.print(points)
        if (later := continued_by(study)) is not None:
            click.echo(f"It goes on in {later.process_label} <{later.pk}>: 'aiida-concerted status {later.pk}'")
        return
    with StudyDisplay(console, footer="") as display:
        while not tree.has_ended:
            display.update(tree, _points(tree))
            time.sleep(_WATCH_INTERVAL_S)
            tree = read_process_tree(study.uuid)
        display.update(tree, _points(tree))


def _points(tree: ProcessSummary) -> Table | None:
    """Return the table of the runs of a sweep, ``None`` where none has begun."""
    from aiida_concerted.cli.point_table import point_table
    from aiida_concerted.environment.points import read_points

    runs = read_points(tree)
    return point_table(runs) if runs else None
