"""``aiida-concerted reduce``: the work of ``concerted.reduce``, on the machine where the trajectory lies."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("request", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def reduce(request: Path) -> None:
    """Do what a REQUEST of the calculation concerted.reduce asks for, without AiiDA.

    Segments of a run are verified, unpacked and analysed where they lie; reduced.json and reduced.npz are left here.
    """
    from aiida_concerted.reduction.work import reduce_file

    reduced = reduce_file(request, Path())
    click.echo(f"{reduced.facts['n_frames']} frames of {len(reduced.segments)} segments")
    for name, reason in reduced.refused.items():
        click.echo(f"no {name}: {reason}")
