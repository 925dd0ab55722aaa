"""``aiida-concerted import``: work done elsewhere enters with its provenance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from aiida_concerted.cli.grouped_help import Number
from aiida_concerted.cli.profiles import open_profile, profile_options
from aiida_concerted.environment.errors import SetupError

if TYPE_CHECKING:
    from aiida_concerted.data.sites import SiteNetworkData
    from aiida_concerted.data.trajectory import MolecularDynamicsData
    from aiida_concerted.imports.labels import ReadFrames
    from aiida_concerted.imports.source import Imported

Existing = click.Path(path_type=Path, exists=True)
ExistingFile = click.Path(path_type=Path, exists=True, dir_okay=False)
FORMATS = ("auto", "h5md", "lammps-dump", "dcd", "xdatcar", "vasprun", "extxyz")


@click.group("import")
def import_group() -> None:
    """Bring in labels, trajectories and published numbers; each node names where it came from."""


@import_group.command("deepmd")
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER…", type=Existing)
@click.option("--level-of-theory", required=True, metavar="TEXT", help="What computed the labels, as PBE/VASP 6.4.2.")
@click.option("--type-map", metavar="Li,Ge,…", help="Elements by type number, where there is no type_map.raw.")
@click.option("--material", metavar="KEY", help="Key of the material, such as LGPS.")
@click.option("--merge", is_flag=True, help="One dataset of all systems with the same atoms.")
@profile_options
def deepmd(
    folders: tuple[Path, ...],
    level_of_theory: str,
    type_map: str | None,
    material: str | None,
    merge: bool,
    folder: Path | None,
    profile: str | None,
) -> int:
    """Import deepmd/npy systems in FOLDERs or below as datasets.

    Example: aiida-concerted import deepmd data.init --level-of-theory PBE/VASP --type-map Li,Ge,P,S
    """
    open_profile(folder, profile)
    from aiida_concerted.imports.deepmd import find_systems, read_system

    elements = [word.strip() for word in type_map.split(",") if word.strip()] if type_map else None

    def read(path: Path) -> ReadFrames:
        return read_system(path, level_of_theory=level_of_theory, type_map=elements)

    return _import_frames(find_systems(folders), read, material, merge)


@import_group.command("vasp")
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER…", type=Existing)
@click.option("--level-of-theory", metavar="TEXT", help="What computed the labels; else what the files say.")
@click.option("--material", metavar="KEY", help="Key of the material, such as LGPS.")
@click.option("--merge", is_flag=True, help="One dataset of all runs with the same atoms.")
@profile_options
def vasp(
    folders: tuple[Path, ...],
    level_of_theory: str | None,
    material: str | None,
    merge: bool,
    folder: Path | None,
    profile: str | None,
) -> int:
    """Import runs of VASP in FOLDERs or below: vasprun.xml[.gz], else OUTCAR[.gz].

    Energies are free energies; steps whose electrons did not converge are left out and counted.
    """
    open_profile(folder, profile)
    from aiida_concerted.imports.vasp import find_runs, read_run

    def read(path: Path) -> ReadFrames:
        return read_run(path, level_of_theory=level_of_theory)

    return _import_frames(find_runs(folders), read, material, merge)


@import_group.command("trajectory")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=ExistingFile)
@click.option("--carrier", required=True, metavar="ELEMENT", help="Element that moves, such as Li.")
@click.option("--material", required=True, metavar="KEY", help="Key of the material, such as LGPS.")
@click.option("--level-of-theory", default="not stated", metavar="TEXT", help="Where the forces came from.")
@click.option("--temperature-K", "temperature_K", type=Number("positive"), metavar="K", help="Else the file's.")
@click.option("--timestep-fs", type=Number("positive"), metavar="FS", help="Times are step numbers times this.")
@click.option("--frame-interval-ps", type=Number("positive"), metavar="PS", help="Time between frames.")
@click.option("--supercell", type=click.IntRange(min=1), nargs=3, metavar="A B C", help="Repetitions of the unit cell.")
@click.option("--format", type=click.Choice(FORMATS), default="auto", metavar="NAME", help=", ".join(FORMATS) + ".")
@click.option("--h5md-group", metavar="NAME", help="Particle group of an H5MD file.")
@click.option("--topology", type=ExistingFile, metavar="FILE", help="Elements, for files that lack them.")
@click.option("--coordinates", type=click.Choice(("auto", "wrapped", "unwrapped")), default="auto")
@click.option("--sites", metavar="NAME|FILE|none", help="Site model; one shipped for the material unless given.")
@click.option("--charge", type=Number("finite"), default=1.0, metavar="E", help="Charge of a carrier in e.")
@click.option("--discard-ps", type=Number("not negative"), default=0.0, metavar="PS", help="Leave out this beginning.")
@click.option("--no-analysis", is_flag=True, help="Only store the run.")
@profile_options
def trajectory(
    files: tuple[Path, ...],
    material: str,
    level_of_theory: str,
    supercell: tuple[int, int, int] | None,
    sites: str | None,
    charge: float,
    discard_ps: float,
    no_analysis: bool,
    folder: Path | None,
    profile: str | None,
    **reading: object,
) -> None:
    """Import the FILEs of one run, segments in order, and analyse it."""
    open_profile(folder, profile)
    from aiida_concerted.formats.trajectory_files import TrajectoryRequest
    from aiida_concerted.imports.trajectory import RunContext, import_trajectory

    request = TrajectoryRequest(paths=files, **reading)  # type: ignore[arg-type]
    context = RunContext(material, level_of_theory, supercell or None)
    network = None if no_analysis else _sites_of(material, sites, str(reading["carrier"]))
    with show_bar("Reading") as progress:
        done = import_trajectory(request, context, progress=progress)
    say_imported([done])
    if not no_analysis:
        parameters = {"material": material, "charge": charge, "discard_ps": discard_ps}
        _analyse(cast("MolecularDynamicsData", done.node), network, parameters)


@import_group.command("literature")
@click.argument("places", nargs=-1, required=True, metavar="MATERIAL|FILE…")
@profile_options
def literature(places: tuple[str, ...], folder: Path | None, profile: str | None) -> None:
    """Import published numbers: those shipped for a MATERIAL, or of a YAML FILE.

    They stand beside computed ones in every query, and name their source.
    """
    open_profile(folder, profile)
    from aiida_concerted.imports.literature import import_references
    from aiida_concerted.materials.reference import load_references

    sets = [load_references(place) for place in places]
    for references in sets:
        done = import_references(references)
        new = sum(one.is_new for one in done)
        click.echo(f"{references.material}: {new} published numbers new, {len(done) - new} were there already.")


def _sites_of(material: str, sites: str | None, carrier: str) -> SiteNetworkData | None:
    """Return the site model that was named, else the one that ships for the material, if one does.

    :raises ValueError: if there is no such model, or it is of another carrier.
    """
    from aiida_concerted.data.sites import SiteNetworkData
    from aiida_concerted.materials import shipped_materials

    name = sites or (material if material.lower() in shipped_materials() else "none")
    return None if name == "none" else SiteNetworkData.from_site_model(name, carrier=carrier, material=material)


def _analyse(run: MolecularDynamicsData, sites: SiteNetworkData | None, parameters: dict[str, object]) -> None:
    """Turn an imported run into results, unless that was done before, and name them.

    :raises SetupError: if no result came out.
    """
    from aiida.engine import run_get_node

    from aiida_concerted.workflows.analyse import AnalyseWorkChain, find_analysis, run_names

    builder = AnalyseWorkChain.get_builder_for_runs(run_names([run]), sites=sites, overrides=parameters)
    known = find_analysis(builder)
    node = known or run_get_node(builder)[1]
    if node.exit_status not in (0, 447):
        raise SetupError(f"the run is stored, but not analysed: {node.exit_message or node.process_state}")
    if node.exit_message:
        click.echo(f"          {node.exit_message}")
    click.echo(
        f"analysed{' before' if known else ''}; 'aiida-concerted query diffusivities --study {node.pk}' shows it"
    )


def _import_frames(places: list[Path], read: Callable[[Path], ReadFrames], material: str | None, merge: bool) -> int:
    """Read, store and tell; return 1 where something could not be read, after the rest is stored."""
    from aiida_concerted.imports.labels import merge_alike, store_frames

    failures: list[str] = []
    parts: list[ReadFrames] = []
    all_done: list[Imported] = []
    with show_bar("Importing") as progress:
        for number, place in enumerate(places, start=1):
            try:
                part = read(place)
            except ValueError as error:
                failures.append(" ".join(str(error).split()))
            else:
                parts.append(part)
                if not merge:
                    all_done += store_frames([part], material=material)
                    parts.clear()  # one at a time in memory
            progress(number, len(places))
        all_done += store_frames(merge_alike(parts), material=material)
    say_imported(all_done)
    for failure in failures:
        click.echo(f"Not imported: {failure}", err=True)
    return 1 if failures else 0


def say_imported(all_done: Iterable[Imported]) -> None:
    """Print a line for each node, and what is odd about it."""
    new = total = 0
    for done in all_done:
        attributes = done.node.base.attributes.all
        what = f"{attributes['n_frames']:6d} frames of {attributes['n_atoms']:5d} atoms  {attributes['formula']}"
        click.echo(f"{'new     ' if done.is_new else 'is there'}  PK {done.node.pk:<7d} {what}  {done.name}")
        for message in done.messages:
            click.echo(f"          {message}")
        new, total = new + done.is_new, total + 1
    click.echo(f"{new} new, {total - new} were there already.")


@contextmanager
def show_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows how far something is, on a terminal only."""
    from rich.console import Console

    from aiida_concerted.cli.stage_progress import StageProgress

    with StageProgress(Console(stderr=True)) as shown:
        yield lambda done, total: shown(label, done / max(total, 1))
