"""``aiida-concerted doctor``: whether everything is there that a study needs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_concerted.cli.profiles import profile_options
from aiida_concerted.environment.errors import SetupError

if TYPE_CHECKING:
    from aiida_concerted.environment.findings import Finding


@click.command()
@profile_options
@click.option("--material", help="Shipped name or SITES.yaml whose elements must have POTCARs.")
@click.option("--potcars", help="POTCAR family to look at, if not every one.")
def doctor(folder: Path | None, profile: str | None, material: str | None, potcars: str | None) -> int:
    """Check what a study needs; one line each, with the cure.

    Of a profile: storage, broker, daemon, computers, codes and POTCARs; codes are started as their jobs will be. Of
    a demonstration: the engines on this machine, and its profile. Without options: the demonstration in this folder
    if there is one, otherwise AiiDA's default profile, otherwise this machine alone.
    """
    return say_findings(_findings(folder, profile, material, potcars))


def say_findings(findings: Iterable[Finding], forgive: tuple[str, ...] = ()) -> int:
    """Print each finding as it comes; return 1 if one is not well, 0 otherwise.

    :param forgive: subjects that need not be well yet.
    """
    healthy = True
    for finding in findings:
        is_forgiven = not finding.is_ok and finding.subject in forgive
        click.echo(f"{'note' if is_forgiven else finding.word:<4}  {finding.subject}: {finding.message}")
        healthy &= finding.is_ok or is_forgiven
    return 0 if healthy else 1


def _findings(folder: Path | None, profile: str | None, material: str | None, potcars: str | None) -> Iterable[Finding]:
    from aiida_concerted.environment.folder import DEFAULT_FOLDER, DemoFolder

    if folder is not None and profile is not None:
        raise SetupError("--folder and --profile exclude each other: give one")
    place = DemoFolder.at(folder or DEFAULT_FOLDER)
    if folder is not None:
        place.require()
    if profile is None and place.is_ours and (folder is not None or "AIIDA_PATH" not in os.environ):
        if material or potcars:
            raise SetupError("--material and --potcars are for profiles of your own: name one by --profile")
        return _of_demonstration(place)
    return _of_profile(profile, material, potcars)


def _of_demonstration(place: object) -> Iterable[Finding]:
    from aiida_concerted.environment.doctor import check_demonstration, check_machine

    yield from check_machine()
    yield from check_demonstration(place)  # type: ignore[arg-type]


def _of_profile(profile: str | None, material: str | None, potcars: str | None) -> Iterable[Finding]:
    from aiida_concerted.environment.check_profile import check_profile
    from aiida_concerted.environment.doctor import check_machine
    from aiida_concerted.environment.setup.plan import choose_profile

    elements = _elements(material)
    is_there = "AIIDA_PATH" in os.environ or Path("~/.aiida").expanduser().is_dir()
    name = choose_profile(profile) if is_there else None
    if name is not None:
        yield from check_profile(name, elements=elements, family=potcars)
    elif profile is not None or material or potcars:
        raise SetupError("there is no AiiDA profile here: make one by 'aiida-concerted setup CONFIG.yaml'")
    else:
        yield from check_machine()


def _elements(material: str | None) -> list[str]:
    if material is None:
        return []
    from aiida_concerted.materials import load_site_model

    model = load_site_model(material)
    return list(dict.fromkeys(element for orbit in (*model.sites, *model.framework) for element in orbit.elements))
