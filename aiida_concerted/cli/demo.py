"""``aiida-concerted demo``: the whole pipeline in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_concerted.environment.build import DEFAULT_PROTOCOL, PROTOCOLS
from aiida_concerted.environment.folder import DEFAULT_FOLDER, DemoFolder


@click.command()
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    show_default=True,
    help="Folder of the demonstration: profile, work, results.",
)
@click.option("--restart", is_flag=True, help="Remove what an earlier demonstration made in the folder; begin anew.")
@click.option("--protocol", type=click.Choice(PROTOCOLS), help=f"How thorough; {DEFAULT_PROTOCOL} unless given.")
@click.option(
    "--seed", type=click.IntRange(min=1), help="Seed from which every random choice follows (1 unless given)."
)
@click.option("--workers", type=click.IntRange(min=1, max=16), default=2, show_default=True, help="Daemon workers.")
@click.option("--stop", is_flag=True, help="Only stop the daemon that a killed command left running.")
def demo(folder: Path, restart: bool, protocol: str | None, seed: int | None, workers: int, stop: bool) -> int:
    """Run the whole pipeline on LGPS at demonstration scale.

    Stopped by Ctrl-C, by kill or by a power cut, the same command goes on where it was.
    """
    from aiida_concerted.cli.demonstration import Demonstration, stop_daemon

    place = DemoFolder.at(folder)
    if stop:
        stop_daemon(place)
        return 0
    chosen = {name: value for name, value in (("protocol", protocol), ("seed", seed)) if value is not None}
    return Demonstration(place, chosen, workers).run(restart=restart)
