"""``aiida-concerted pick``: the work of ``concerted.pick``, on the machine where the trajectories lie."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path())
def pick(folder: Path) -> None:
    """Do what the calculation concerted.pick asks for in FOLDER, without AiiDA.

    Frames to label are picked from explorations where they lie; picked.json and picked.npz are left in FOLDER.
    """
    from aiida_concerted.reduction.picking import pick_in

    picked = pick_in(folder)
    runs = picked.statistics["runs"]
    click.echo(f"{len(picked.frames)} frames of {len(runs)} explorations")
