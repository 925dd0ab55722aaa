"""``aiida-concerted archive``: share a study safely, read one without importing, compute its results again."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_concerted.cli.archive_size import size_of
from aiida_concerted.cli.profiles import load_study, open_profile, profile_options

if TYPE_CHECKING:
    from aiida_concerted.archive.cut import Cut
    from aiida_concerted.archive.graph import Amount
    from aiida_concerted.archive.identity import Author, IdentityReport

_FILE = click.Path(path_type=Path, dir_okay=False)


def _identity_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that decide what an archive says of persons and machines."""
    author = click.option("--author", metavar="'NAME <MAIL>'", help="Name this author; nobody when not given.")
    keep = click.option("--keep-identity", is_flag=True, help="Leave e-mail addresses, hosts and folders in.")
    return author(keep(command))


def _author(text: str | None, keep_identity: bool) -> Author | None:
    from aiida_concerted.archive.identity import Author

    if text is not None and keep_identity:
        raise click.UsageError("--author and --keep-identity exclude each other")
    try:
        return None if text is None else Author.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--author") from error


def _say_identity(report: IdentityReport | None) -> None:
    """Say what was replaced, and warn of what could not be."""
    if report is None:
        click.echo("Addresses, hosts and folders of persons and machines are still in it.")
        return
    click.echo(f"Replaced: addresses, hosts and folders in {report.n_records} records and {report.n_files} files.")
    if report.n_binary:
        click.echo(f"Not replaced: {report.n_binary} binary files hold a host or folder: {', '.join(report.left)}")


@click.group()
def archive() -> None:
    """Share a study without licensed text; read and check the archives of others."""


@archive.command()
@click.argument("pks", type=int, nargs=-1, metavar="[PK]…")
@click.option("-o", "--output", type=_FILE, help="Archive to write, such as lgps.aiida.")
@click.option("--dry-run", is_flag=True, help="Say what would be in it, and write nothing.")
@click.option("--content", type=click.Choice(("full", "frames", "results")), default="full", show_default=True,
              help="Everything; all but the engines' files; or the results and what they were made from.")  # fmt: skip
@_identity_options
@click.option("--licence", default="CC-BY-4.0", show_default=True, help="Licence of what is in it, by SPDX identifier.")
@click.option("--citation", metavar="TEXT", help="How to cite it; software and paper of the method when not given.")
@profile_options
def create(
    pks: tuple[int, ...],
    output: Path | None,
    dry_run: bool,
    content: str,
    author: str | None,
    keep_identity: bool,
    licence: str,
    citation: str | None,
    folder: Path | None,
    profile: str | None,
) -> None:
    """Write processes (PK) with everything behind and below them to one archive.

    The text of POTCARs is never in it; e-mail addresses, hosts and folders are replaced. Without PK it is the study of
    the demonstration.
    """
    person = _author(author, keep_identity)
    if output is None and not dry_run:
        raise click.UsageError("name the archive with -o FILE, or take --dry-run")
    place = open_profile(folder, profile)
    studies = [load_study(pk, place) for pk in pks] or [load_study(None, place)]
    from aiida_concerted.archive.create import create_clean_archive
    from aiida_concerted.archive.cut import Content

    if dry_run or output is None:
        from aiida_concerted.archive.plan import plan_archive

        plan = plan_archive(studies, content=Content(content))
        _say_contents(plan.contents, plan.cut)
        click.echo("Nothing was written. Sizes are those before compression.")
        return
    with _bar("Looking through the files") as progress:
        removed = create_clean_archive(
            studies, output, content=Content(content), author=person, keep_identity=keep_identity, licence=licence,
            citation=citation, progress=progress,
        )  # fmt: skip
    if not removed.is_clean:
        click.echo(f"Taken out: {_taken_out(removed.potcars)}.")
    _say_identity(removed.identity)
    _say_contents(removed.contents, removed.cut)
    click.echo(f"Archive: {output} ({size_of(output.stat().st_size)})")


def _say_contents(contents: Mapping[str, Amount], cut: Cut | None) -> None:
    """Show what is in an archive, what is not, and where the cut runs."""
    from aiida_concerted.cli.archive_text import describe_contents, describe_edges

    for line in (*describe_contents(contents, cut), *describe_edges(cut.as_dict() if cut is not None else {})):
        click.echo(line)


@archive.command()
@click.argument("file", type=_FILE)
@click.option("--format", "form", type=click.Choice(("table", "json")), default="table", show_default=True)
@click.option("--figures", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Draw its results there.")  # fmt: skip
def inspect(file: Path, form: str, figures: Path | None) -> None:
    """Show what an archive holds, without importing it."""
    with _some_configuration():
        from aiida_concerted.archive.summary import summarise_archive
        from aiida_concerted.cli.archive_text import describe

        summary = summarise_archive(file)
        if form == "json":
            click.echo(json.dumps(summary.as_dict(), indent=1, ensure_ascii=False))
        else:
            click.echo(describe(summary))
        if figures is not None:
            from aiida_concerted.cli.archive_figures import draw_archive

            _load_memory_profile()
            number = sum(1 for _ in draw_archive(file, figures))
            click.echo(f"Figures: {number} in {figures}", err=form == "json")


@archive.command()
@click.argument("file", type=_FILE)
@click.option("--tolerance", type=click.FloatRange(min=0), default=1e-6, show_default=True, metavar="X",
              help="Relative deviation up to which numbers agree.")  # fmt: skip
@click.option("--strict", is_flag=True, help="Fail where a result could not be checked, too.")
def verify(file: Path, tolerance: float, strict: bool) -> int:
    """Compute the results in an archive again from their inputs and compare.

    Nothing is imported. The exit status is 1 where a result differs.
    """
    with _some_configuration():
        from aiida_concerted.archive.verify import AGREES, DIFFERS, verify_archive
        from aiida_concerted.cli.archive_text import describe_outcomes, describe_verdict

        _load_memory_profile()
        outcomes = []
        for verdict in verify_archive(file, tolerance=tolerance):
            click.echo(describe_verdict(verdict))
            outcomes.append(verdict.outcome)
        if not outcomes:
            click.echo("No result in it was made by a function of this package: there is nothing to compute again.")
            for line in _doubts(file):
                click.echo(line)
            return 1
        for line in (*describe_outcomes(outcomes), *_doubts(file)):
            click.echo(line)
        is_unsure = strict and any(outcome != AGREES for outcome in outcomes)
        return 1 if is_unsure or DIFFERS in outcomes else 0


def _doubts(file: Path) -> Iterator[str]:
    """Yield what a receiver should know beside the numbers."""
    from aiida_concerted.archive.manifest import read_manifest
    from aiida_concerted.archive.scrub import holds_licensed_text

    if read_manifest(file) is None:
        yield "It has no manifest: nothing says whether its records are those that its maker wrote."
    if holds_licensed_text(file):
        yield f"Do not share it: it holds the text of POTCARs. 'aiida-concerted archive scrub {file}' takes it out."


@archive.command()
@click.argument("file", type=_FILE)
@click.option("-o", "--output", type=_FILE, help="Archive to write; FILE-scrubbed.aiida when not given.")
@_identity_options
def scrub(file: Path, output: Path | None, author: str | None, keep_identity: bool) -> None:
    """Take POTCAR text, addresses, hosts and folders out of an archive made by other means.

    It keeps TITEL, LEXCH, ZVAL, ENMAX and hashes of the potentials. FILE itself is left as it is.
    """
    from aiida_concerted.archive.identity import remove_identity
    from aiida_concerted.archive.manifest import find_alterations, renew_manifest
    from aiida_concerted.archive.scrub import scrub_archive

    person = _author(author, keep_identity)
    altered = find_alterations(file)
    target = output or file.with_name(f"{file.stem}-scrubbed{file.suffix or '.aiida'}")
    with _bar("Looking for POTCAR text") as progress:
        report = scrub_archive(file, target, progress=progress)
    with _bar("Looking for persons and machines") as progress:
        identity = None if keep_identity else remove_identity(target, target, author=person, progress=progress)
    if altered:
        click.echo(f"{file} is not what it says it is, and its manifest stays as it was: {altered[0]}.", err=True)
    else:
        renew_manifest(target)
    if report.is_clean:
        click.echo("There was no text of POTCARs to take out.")
    else:
        click.echo(f"Taken out: {_taken_out(report)}.")
        for potential in report.potentials.values():
            click.echo(
                f"  {potential.titel}  LEXCH {potential.lexch}  ZVAL {potential.zval}  ENMAX {potential.enmax_eV} eV"
            )
    _say_identity(identity)
    click.echo(f"Archive: {target} ({size_of(target.stat().st_size)})")


def _taken_out(report: object) -> str:
    counts = {"n_nodes": "nodes of potentials", "n_objects": "files", "n_records": "records of the database"}
    found = [f"{getattr(report, name)} {text}" for name, text in counts.items() if getattr(report, name)]
    return ", ".join(found) + " with the text of POTCARs"


@contextmanager
def _some_configuration() -> Iterator[None]:
    """Let AiiDA be imported where there is no configuration, without leaving one behind."""
    if "AIIDA_PATH" in os.environ or Path("~/.aiida").expanduser().is_dir():
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIIDA_PATH"] = folder
        Path(folder, ".aiida").mkdir()
        try:
            yield
        finally:
            del os.environ["AIIDA_PATH"]


def _load_memory_profile() -> None:
    """Load a profile in memory where none is loaded: AiiDA makes no node without one."""
    from aiida.manage import get_manager
    from aiida.storage.sqlite_temp import SqliteTempBackend

    manager = get_manager()
    if manager.get_profile() is None:
        manager.load_profile(SqliteTempBackend.create_profile("verify", debug=False))


@contextmanager
def _bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that shows how far something is, on a terminal only."""
    from rich.console import Console

    from aiida_concerted.cli.stage_progress import StageProgress

    with StageProgress(Console(stderr=True)) as shown:
        yield lambda done, total: shown(label, done / max(total, 1))
