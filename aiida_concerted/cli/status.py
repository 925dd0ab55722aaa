"""``aiida-concerted status``: where a study stands."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_concerted.cli.profiles import load_study, open_profile, profile_options

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.console import RenderableType
    from rich.table import Table

    from aiida_concerted.environment.processes import ProcessSummary

_WATCH_INTERVAL_S = 2.0


@click.command()
@click.argument("pk", type=int, required=False)
@click.option("--watch", is_flag=True, help="Follow until the study ends.")
@profile_options
def status(pk: int | None, watch: bool, folder: Path | None, profile: str | None) -> None:
    """Show the stages of study PK (done, running, failed), the turns of its learning, its trainings and runs.

    A turn has its frames by class, labels, errors and cost, and the last why the loop ended; a training under way its
    steps, error so far and time left; a run its simulated time, speed, diffusivity so far and time left. Without PK it
    is the demonstration's study.
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
        if (turns := _turns(study)) is not None:
            console.print()
            console.print(turns)
        for table in (_trainings(tree), _points(tree)):
            if table is not None:
                console.print()
                console.print(table)
        if (later := continued_by(study)) is not None:
            click.echo(f"It goes on in {later.process_label} <{later.pk}>: 'aiida-concerted status {later.pk}'")
        return
    with StudyDisplay(console, footer="") as display:
        while not tree.has_ended:
            display.update(tree, _below(study, tree))
            time.sleep(_WATCH_INTERVAL_S)
            tree = read_process_tree(study.uuid)
        display.update(tree, _below(study, tree))


def _below(study: ProcessNode, tree: ProcessSummary) -> RenderableType | None:
    """Return what is shown below the stages while a study is followed: its runs, else trainings and turns."""
    from rich.console import Group

    parts = [part for part in (_turns(study, with_cost=False), _trainings(tree)) if part is not None]
    return _points(tree) or (Group(*parts) if parts else None)


def _trainings(tree: ProcessSummary) -> Table | None:
    """Return the table of the trainings under way, ``None`` where there are none."""
    from aiida_concerted.cli.training_table import training_table
    from aiida_concerted.environment.trainings import read_trainings

    trainings = read_trainings(tree)
    return training_table(trainings) if trainings else None


def _turns(study: ProcessNode, *, with_cost: bool = True) -> RenderableType | None:
    """Return the table of the turns of a loop, ``None`` where none has begun."""
    from aiida_concerted.cli.turn_table import turn_view
    from aiida_concerted.queries.turns import find_loop, stop_reason, turns_of

    loop = find_loop(study)
    turns = turns_of(loop, with_cost=with_cost) if loop is not None else []
    return turn_view(turns, stop_reason(loop)) if loop is not None and turns else None


def _points(tree: ProcessSummary) -> Table | None:
    """Return the table of the runs of a sweep, ``None`` where none has begun."""
    from aiida_concerted.cli.point_table import point_table
    from aiida_concerted.environment.points import read_points

    runs = read_points(tree)
    return point_table(runs) if runs else None
