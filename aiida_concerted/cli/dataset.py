"""``aiida-concerted dataset``: what a version of a dataset holds, what distinguishes two, and files for others."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aiida_concerted.cli.profiles import open_profile, profile_options

FORMATS = click.Choice(("table", "json", "csv"))
_form = click.option("--format", "form", type=FORMATS, default="table", show_default=True)
_frames = click.option("--frames", "each", is_flag=True, help="A row for each frame, with all that is known of it.")


@click.group()
def dataset() -> None:
    """Look at versions of datasets, compare two, and write one as files."""


@dataset.command()
@click.argument("node", metavar="NODE")
@_frames
@_form
@profile_options
def show(node: str, each: bool, form: str, folder: Path | None, profile: str | None) -> None:
    """Show what a dataset holds and where its frames come from.

    NODE is PK or UUID of a dataset, or of a process that left one, such as a learning loop.
    """
    open_profile(folder, profile)
    from aiida_concerted.cli.dataset_tables import describe, write_frames
    from aiida_concerted.queries.datasets import facts_of, find_dataset, frame_table, known_of

    found = find_dataset(_key(node))
    facts, frames = facts_of(found), frame_table(found)
    if form == "json":
        click.echo(json.dumps({**facts, "frames": known_of(frames)}, allow_nan=False, indent=1))
        return
    if form == "table":
        for line in describe(facts):
            click.echo(line)
        click.echo()
    write_frames(frames, form=form, each=each)


@dataset.command()
@click.argument("older", metavar="OLDER")
@click.argument("newer", metavar="NEWER")
@_frames
@_form
@profile_options
def diff(older: str, newer: str, each: bool, form: str, folder: Path | None, profile: str | None) -> None:
    """Show which frames NEWER has and OLDER lacks, and the other way round.

    Frames are compared by what they hold: cell, positions, energy and forces, whatever their order.
    """
    open_profile(folder, profile)
    from aiida_concerted.cli.dataset_tables import write_difference
    from aiida_concerted.queries.datasets import difference, find_dataset

    first, second = find_dataset(_key(older)), find_dataset(_key(newer))
    write_difference((first, second), difference(first, second), form=form, each=each)


@dataset.command()
@click.argument("node", metavar="NODE")
@click.argument("place", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option("--type-map", metavar="Li,Ge,…", help="Elements by type number; the dataset's own order without.")
@profile_options
def export(node: str, place: Path, type_map: str | None, folder: Path | None, profile: str | None) -> None:
    """Write a dataset as a deepmd/npy system to a new FOLDER, for DeePMD-kit, DP-GEN and dpdata.

    Content hash, level of theory, parents and the origin of every frame stand beside it in dataset.json.
    """
    open_profile(folder, profile)
    from aiida_concerted.queries.datasets import export_dataset, find_dataset

    found = find_dataset(_key(node))
    elements = [word.strip() for word in type_map.split(",") if word.strip()] if type_map else None
    export_dataset(found, place, type_map=elements)
    click.echo(f"{place}: {len(found)} frames of {found.base.attributes.get('n_atoms')} atoms, deepmd/npy")


def _key(name: str) -> str | int:
    return int(name) if name.isdigit() else name
