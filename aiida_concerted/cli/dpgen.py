"""``aiida-concerted import dpgen``: a DP-GEN project becomes a study file and datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_concerted.cli.imports import ExistingFile, say_imported, show_bar
from aiida_concerted.cli.profiles import open_profile, profile_options
from aiida_concerted.environment.errors import SetupError

if TYPE_CHECKING:
    from aiida_concerted.imports.dpgen.data import Data
    from aiida_concerted.imports.dpgen.study import Composed, Translation, Wishes

ROLES = ("dp", "lmp", "vasp")


@click.command("dpgen")
@click.argument("param", metavar="PARAM", type=ExistingFile)
@click.argument("machine", metavar="[MACHINE]", type=ExistingFile, required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), default="study.yaml", help="Study file to write.")
@click.option("--force", is_flag=True, help="Overwrite the study file.")
@click.option("--no-data", is_flag=True, help="Only write the study file.")
@click.option(
    "--iterations", type=click.Path(path_type=Path), metavar="DIR", help="Where DP-GEN ran; else beside PARAM."
)
@click.option("--level-of-theory", metavar="TEXT", help="What computed the labels; else what the files say.")
@click.option("--material", metavar="KEY", help="Key of the material, such as LGPS.")
@click.option("--carrier", metavar="ELEMENT", help="Element that moves, such as Li.")
@click.option("--code", "codes", multiple=True, metavar="ROLE=LABEL", help="Codes: dp=…, lmp=…, vasp=….")
@click.option("--potcars", metavar="FAMILY", help="Family of POTCARs in the profile.")
@profile_options
def dpgen(
    param: Path,
    machine: Path | None,
    output: Path,
    force: bool,
    no_data: bool,
    iterations: Path | None,
    level_of_theory: str | None,
    material: str | None,
    carrier: str | None,
    codes: tuple[str, ...],
    potcars: str | None,
    folder: Path | None,
    profile: str | None,
) -> int:
    """Turn a DP-GEN project, PARAM.json and MACHINE.json, into a study file.

    Labels of finished iterations become datasets. What is not carried over is said.
    """
    from aiida_concerted.imports.dpgen.project import read_project
    from aiida_concerted.imports.dpgen.study import Wishes, choose_carrier, translate

    wishes = Wishes(carrier, material, _codes(codes), potcars)
    _refuse_output(output, force=force)
    project = read_project(param, machine, iterations, with_data=not no_data)
    choose_carrier(project, carrier)
    if not no_data:
        open_profile(folder, profile)
    with show_bar("Reading structures") as progress:
        found = translate(project, progress)
    status = _import(found, wishes, output, level_of_theory, with_data=not no_data)
    words = [f"--profile {profile}"] if profile else [f"--folder {folder}"] if folder else []
    click.echo(f"'{' '.join(['aiida-concerted run', str(output), '--only learn --dry-run', *words])}' checks it")
    return status


def _codes(words: tuple[str, ...]) -> dict[str, str]:
    """Return the code of each role.

    :raises click.UsageError: if a word is not ``ROLE=LABEL``.
    """
    found = {}
    for word in words:
        role, equals, label = word.partition("=")
        if role not in ROLES or not equals or not label:
            raise click.UsageError(f"--code: expected one of {', '.join(ROLES)}, = and a label, got '{word}'")
        found[role] = label
    return found


def _refuse_output(output: Path, *, force: bool) -> None:
    """Refuse a study file that is there or cannot be written.

    :raises ValueError: saying what to do.
    """
    from aiida_concerted.common.files import require_writable

    require_writable(output)
    if output.exists() and not force:
        raise ValueError(f"{output} is there already: give another name by --output, or --force")


def _import(found: Translation, wishes: Wishes, output: Path, level_of_theory: str | None, *, with_data: bool) -> int:
    """Read, store, write and tell; return 1 where something could not be read, after the rest is done."""
    from aiida_concerted.cli.dpgen_tables import comment_of
    from aiida_concerted.imports.dpgen.data import Data, read_data, say_data, theory_of
    from aiida_concerted.imports.dpgen.study import compose
    from aiida_concerted.workflows.studyfile import SCHEMA, parse_study, write_study_file

    project, data, lines = found.project, Data(), list(found.project.messages)
    if with_data:
        theory = level_of_theory or theory_of(project, found.labels)
        with show_bar("Reading labels") as progress:
            data = read_data(project, found.labels, level_of_theory=theory, progress=progress)
    composed = compose(found, wishes, data.counts(), output.parent)
    say_data(project, data, found.account, is_taken=with_data)
    parse_study({"schema": SCHEMA, **composed.content}, folder=output.parent)
    if with_data:
        lines = [f"level of theory: {theory}, which new labels must have too", *lines]
        lines += _store(composed, data, wishes.material, theory)
    write_study_file(output, composed.content, comment=comment_of(project.name, found.account))
    _tell(found, composed, lines)
    click.echo(f"{output} is written")
    for failure in data.failures:
        click.echo(f"Not imported: {failure}", err=True)
    return 1 if data.failures else 0


def _tell(found: Translation, composed: Composed, lines: list[str]) -> None:
    """Print what became of everything, and what is still to be done.

    :param lines: what is to be said of the data.
    """
    from aiida_concerted.cli.dpgen_tables import say_account, say_lines
    from aiida_concerted.imports.dpgen.study import to_do

    say_account(found.project.name, found.account)
    if found.project.machine:
        say_account(found.project.machine_name, found.machine)
    say_lines("Structures not carried over:", composed.lost)
    say_lines("Data:", lines)
    say_lines("To do before it runs:", to_do(composed.content))


def _store(composed: Composed, data: Data, material: str | None, theory: str) -> list[str]:
    """Store the data, put those of the study's atoms together, and name them in the study file.

    Returns what went wrong, one line each.
    """
    from aiida_concerted.imports.dpgen.systems import composition_of
    from aiida_concerted.imports.labels import store_frames

    parts: dict[str, Any] = {}
    done = []
    for part in data.parts:
        for number, imported in enumerate(store_frames(part.sets, material=material)):
            done.append(imported)
            if composition_of(part.sets[number].frames.species) == composed.composition:
                parts[f"{part.name.replace('.', '_')}_{number}"] = imported.node
    say_imported(done)
    problems = [
        f"PK {one.node.pk} was stored before with the level of theory '{level}', which it keeps"
        for one in done
        if (level := one.node.base.attributes.get("level_of_theory")) != theory
    ]
    if not parts:
        lack = ["no frames of the atoms that are explored: learn.dataset is missing"] if data.parts else []
        return [*problems, *lack]
    try:
        node = merged(parts)
    except SetupError as error:
        return [*problems, str(error)]
    composed.content["learn"] = {"dataset": node.uuid, **composed.content["learn"]}
    click.echo(f"dataset  PK {node.pk:<7d} {len(node):6d} frames, each once, of {', '.join(parts)}")
    problems += virials_lost(parts)
    return problems


def virials_lost(parts: dict[str, Any]) -> list[str]:
    """Return a line where some parts have no virials, so that the dataset has none."""
    without = [name for name, node in parts.items() if not node.base.attributes.get("has_virials")]
    if not without or len(without) == len(parts):
        return []
    return [f"{', '.join(without)} without virials: the dataset has none"]


def merged(parts: dict[str, Any]) -> Any:
    """Return the dataset that holds all frames of the parts, each once; the one that is there already, if one is.

    :raises SetupError: if they do not belong together.
    """
    from aiida_concerted.calculations.functions.merge_frames import merge_frames
    from aiida_concerted.data.frames import LabelledFramesData, content_hash
    from aiida_concerted.imports.source import find_by_hash
    from aiida_concerted.learning.datasets import unite

    if len(parts) == 1:
        return next(iter(parts.values()))
    digest = content_hash(unite([parts[name].get_frames() for name in sorted(parts)]).frames)
    known = find_by_hash(LabelledFramesData, [digest])
    if known:
        return known[digest]
    result, node = merge_frames.run_get_node(**parts)
    if not node.is_finished_ok:
        raise SetupError(f"{node.exit_message}: the datasets are stored, but none was made of them all")
    return result
